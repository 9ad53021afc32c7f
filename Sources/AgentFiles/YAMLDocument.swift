internal import Yams

/// A text as YAML's nodes, without what could make a small file large: aliases, and anchors for them.
///
/// Yams puts a copy of the anchor's node where an alias is, and then compares keys by all that is in them: a file of a
/// few lines takes hours. So the first pass reads the text with each `&` replaced by `!`, which makes a tag of
/// every anchor, in the same place and with the same meaning for the structure. There is no anchor then, and the first
/// alias is an error with its line. Only a text without one is read as it is.
enum YAMLDocument {
    /// Nil for a text without a document.
    static func root(of text: String, file: String) throws(AgentFileError) -> Node? {
        if text.utf8.contains(UInt8(ascii: "&")) {
            _ = try parse(text.replacing("&", with: "!"), file)
        }
        return try parse(text, file)
    }

    private static func parse(_ text: String, _ file: String) throws(AgentFileError) -> Node? {
        func mistake(_ line: Int?, _ text: String) -> AgentFileError {
            AgentFileError([AgentMistake(file: file, line: line, text: text)])
        }
        do {
            let parser = try Parser(yaml: text, encoding: .utf8)
            guard let root = try parser.singleRoot() else { return nil }
            // Before the parser goes, which owns the anchors.
            if let line = firstAnchor(in: root) { throw mistake(line, noAnchors) }
            return root
        } catch let error as AgentFileError {
            throw error
        } catch YamlError.composer(_, problem: "found undefined alias", let mark, _) {
            throw mistake(mark.line, noAnchors)
        } catch YamlError.composer(_, let problem, let mark, _) {
            throw mistake(mark.line, problem)
        } catch YamlError.scanner(_, let problem, let mark, _) {
            throw mistake(mark.line, problem)
        } catch YamlError.parser(_, let problem, let mark, _) {
            throw mistake(mark.line, problem)
        } catch YamlError.reader(let problem, let offset, _, _) {
            let line = offset.map { text.utf8.prefix($0).count { $0 == UInt8(ascii: "\n") } + 1 }
            throw mistake(line, problem)
        } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
            throw AgentFileError(
                keys.enumerated().map { index, key in
                    AgentMistake(
                        file: file, line: index == 0 ? context.mark.line : nil, key: shown(key), text: "is given twice")
                })
        } catch {
            throw mistake(nil, shown("\(error)"))
        }
    }

    private static let noAnchors = "anchors and aliases (&, *) are not possible here"

    private static func firstAnchor(in node: Node) -> Int? {
        if node.anchor != nil { return node.mark?.line ?? 1 }
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping {
                if let line = firstAnchor(in: key) ?? firstAnchor(in: value) { return line }
            }
        case .sequence(let sequence):
            for item in sequence {
                if let line = firstAnchor(in: item) { return line }
            }
        case .scalar, .alias: break
        }
        return nil
    }
}
