internal import JSON

/// The parameters of a tool as model APIs take them: an object schema. Arguments are checked by the tool's own schema,
/// so this one may say less, but never something else.
///
/// - A root with `type: object`, and without any keyword that APIs refuse there, goes out byte for byte as it came.
/// - A root without `type`, or with `object` among several types, is completed.
/// - A root that is a reference, or has `anyOf`, `oneOf`, `allOf` (APIs refuse these there), becomes one object with the
///   members of all; what every alternative requires is required.
/// - `enum`, `const` and `not` of a root are left out: OpenAI refuses them there.
/// - `true`, and what no object fits, become an object without members.
struct ToolParameters {
    private let document: JSONDocument
    /// Members by their names in the order in which they were found; each with the schemas that it has.
    private var members: [(name: String, schemas: [Int])] = []
    private var indexOf: [String: Int] = [:]
    /// References that are followed, so that one that goes round ends.
    private var work = 256

    /// What a root consists of beside its own members.
    private static let combining = ["$ref", "anyOf", "oneOf", "allOf"]
    /// What else a root may not have.
    private static let refused = ["enum", "const", "not"]
    private static let notAtRoot = combining + refused

    static func objectSchema(_ json: String) -> [UInt8] {
        // A tool without a schema takes no arguments.
        if json.isEmpty { return Array(#"{"type":"object","properties":{}}"#.utf8) }
        if isPlain(json) { return Array(json.utf8) }
        guard let document = try? JSONDocument(parsing: json, maximumDepth: 128) else { return Array(json.utf8) }
        let types = document.value(at: "/type").map(document.texts) ?? []
        let combines = combining.contains { document.member($0, of: 0) != nil }
        let isTaken = !notAtRoot.contains { document.member($0, of: 0) != nil }
        if types == ["object"], isTaken { return Array(json.utf8) }
        var parameters = ToolParameters(document: document)
        return parameters.merged(takesObjects: types.isEmpty || types.contains("object"), combines: combines)
    }

    /// Whether it goes out as it is, found without reading it: each request has all tools, and this one looks at the
    /// names of the root's members only. False where it would take more to know.
    private static func isPlain(_ json: String) -> Bool {
        var json = json
        return json.withUTF8 { bytes in
            var (depth, index, isObject) = (0, 0, false)
            while index < bytes.count {
                switch bytes[index] {
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                case UInt8(ascii: "\""):
                    let start = index + 1
                    index = start
                    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                        index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
                    }
                    guard index < bytes.count else { return false }
                    let text = bytes[start..<index]
                    guard depth == 1, index + 1 < bytes.count else { break }
                    // With white space before the colon, or an escape in the name, it is read.
                    if text.contains(UInt8(ascii: "\\")) || bytes[index + 1] <= 0x20 { return false }
                    guard bytes[index + 1] == UInt8(ascii: ":") else { break }
                    if notAtRoot.contains(where: { text.elementsEqual($0.utf8) }) { return false }
                    guard text.elementsEqual("type".utf8) else { break }
                    var value = index + 2
                    while value < bytes.count, bytes[value] == 0x20 { value += 1 }
                    isObject = bytes[value...].starts(with: "\"object\"".utf8)
                default: break
                }
                index += 1
            }
            return isObject
        }
    }

    private init(document: JSONDocument) { self.document = document }

    private mutating func merged(takesObjects: Bool, combines: Bool) -> [UInt8] {
        var output = JSONWriter()
        output.append(#"{"type":"object""#)
        let kept = takesObjects ? document.members(0) : []
        // What the merged members are made of does not go out beside them.
        var left = Set(["type"] + Self.refused)
        if combines {
            left.formUnion(
                Self.combining + ["properties", "required", "additionalProperties", "unevaluatedProperties"])
        }
        for (name, value) in kept where !left.contains(name) {
            output.append(UInt8(ascii: ","))
            output.append(string: name)
            output.append(UInt8(ascii: ":"))
            output.append(json: document.source(value))
        }
        if combines {
            let required = takesObjects ? collect(0, depth: 0) : []
            append(required, to: &output)
        } else if document.member("properties", of: 0) == nil || !takesObjects {
            output.append(#","properties":{}"#)
        }
        output.append(UInt8(ascii: "}"))
        return output.withBytes { Array($0) }
    }

    private func append(_ required: Set<String>, to output: inout JSONWriter) {
        output.append(#","properties":{"#)
        for (index, member) in members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(string: member.name)
            output.append(UInt8(ascii: ":"))
            var sources: [String] = []
            for source in member.schemas.map(document.source) where !sources.contains(source) { sources.append(source) }
            output.append(
                json: sources.count == 1 ? sources[0] : #"{"anyOf":[\#(sources.joined(separator: ","))]}"#)
        }
        output.append(UInt8(ascii: "}"))
        let names = members.map(\.name).filter(required.contains)
        guard !names.isEmpty else { return }
        output.append(#","required":"#)
        output.append(list: names) { $1.append(string: $0) }
    }

    /// Gathers the members of a schema and of all that it consists of.
    ///
    /// - Returns: the names that it requires.
    private mutating func collect(_ schema: Int, depth: Int) -> Set<String> {
        work -= 1
        guard depth < 16, work > 0 else { return [] }
        if let properties = document.member("properties", of: schema) {
            for (name, value) in document.members(properties) {
                if let known = indexOf[name] {
                    members[known].schemas.append(value)
                } else {
                    indexOf[name] = members.count
                    members.append((name, [value]))
                }
            }
        }
        var required = Set(document.member("required", of: schema).map(document.texts) ?? [])
        if let reference = document.member("$ref", of: schema).map(document.text), reference.hasPrefix("#"),
            let target = document.value(at: String(reference.dropFirst()))
        {
            required.formUnion(collect(target, depth: depth + 1))
        }
        for part in document.member("allOf", of: schema).map(document.elements) ?? [] {
            required.formUnion(collect(part, depth: depth + 1))
        }
        for keyword in ["anyOf", "oneOf"] {
            guard let alternatives = document.member(keyword, of: schema).map(document.elements) else { continue }
            var common: Set<String>?
            for alternative in alternatives {
                let names = collect(alternative, depth: depth + 1)
                common = common.map { $0.intersection(names) } ?? names
            }
            required.formUnion(common ?? [])
        }
        return required
    }
}

extension JSONDocument {
    /// A text, or the texts of a list.
    fileprivate func texts(_ index: Int) -> [String] {
        kind(index) == .string ? [text(index)] : elements(index).filter { kind($0) == .string }.map(text)
    }
}
