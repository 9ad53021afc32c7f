internal import FermataCore
internal import FermataProtocol
internal import JSON
internal import SwiftProtobuf
internal import Yams

/// Values of any shape, which become JSON; and the tools that have one.
extension AgentReading {
    mutating func workerTools(_ node: Node, _ key: String) -> [FermataToolSpec] {
        items(node, key, "tools").map { workerTool($0.node, $0.key) }
    }

    private mutating func workerTool(_ node: Node, _ parent: String) -> FermataToolSpec {
        var tool = FermataToolSpec()
        for (key, value) in members(of: node, AgentKeys.workerTool, in: parent) {
            switch String(key.dropFirst(parent.count + 1)) {
            case "name": tool.name = text(value, key) ?? ""
            case "description": tool.description_p = text(value, key) ?? ""
            case "parameters": tool.parameters = parameters(value, key) ?? ""
            case "idempotent": tool.idempotent = bool(value, key)
            case "idempotent_when": tool.idempotentWhen = conditions(value, key)
            case "parallel": tool.parallel = bool(value, key)
            default: break
            }
        }
        for key in ["\(parent).name", "\(parent).parameters"] where lines[key] == nil { note(key, "is missing") }
        for problem in tool.idempotentWhen.problems {
            // As those of a rule, whose field is `when`; what has no test is a mistake of the whole condition.
            let field = problem.field.hasSuffix(".test") ? String(problem.field.dropLast(5)) : problem.field
            note("\(parent).idempotent_\(field)", problem.rule)
        }
        return tool
    }

    /// JSON Schema: as YAML, or as a text that is JSON.
    private mutating func parameters(_ node: Node, _ key: String) -> String? {
        let isText = node.tag.rawValue == Tag.Name.str.rawValue
        guard let text = isText ? text(node, key) : json(node, key) else { return nil }
        do throws(JSONSchemaError) {
            _ = try JSONSchema(parsing: text)
            return text
        } catch {
            wrong(node, key, "must be a JSON Schema: \(shown(error.description))")
            return nil
        }
    }

    private mutating func bool(_ node: Node, _ key: String) -> Bool {
        let plain = plain(node)
        if plain != "true", plain != "false" { wrong(node, key, "must be true or false") }
        return plain == "true"
    }

    /// As the core writes JSON, so that the same value is always the same text.
    mutating func canonical(_ json: String, _ node: Node, _ key: String) -> String? {
        do throws(JSONError) {
            return try JSONValue(parsing: json).jsonText
        } catch {
            wrong(node, key, "cannot be JSON: \(error.message)")
            return nil
        }
    }

    /// A value as JSON, its members in their order. What YAML and JSON do not read alike is refused.
    mutating func json(_ node: Node, _ key: String) -> String? {
        switch node {
        case .mapping(let mapping):
            var members: [String]? = []
            for (name, value) in mapping {
                // Each is looked at, so that all mistakes are told.
                let name = text(name, "\(key).\(shown(name.scalar?.string ?? "a name"))")
                let value = json(value, "\(key).\(shown(name ?? ""))")
                guard let name, let value else {
                    members = nil
                    continue
                }
                members?.append("\(JSONValue.string(name).jsonText):\(value)")
            }
            return members.map { "{\($0.joined(separator: ","))}" }
        case .sequence(let items):
            var elements: [String]? = []
            for (index, item) in items.enumerated() {
                if let element = json(item, "\(key)[\(index)]") { elements?.append(element) } else { elements = nil }
            }
            return elements.map { "[\($0.joined(separator: ","))]" }
        case .scalar, .alias: return scalar(node, key)
        }
    }

    private mutating func scalar(_ node: Node, _ key: String) -> String? {
        if let plain = plain(node) {
            switch plain {
            case "null", "true", "false": return plain
            // JSON's grammar of numbers: YAML has more, and not everybody reads those alike.
            case _
            where plain.utf8.first.map({ $0 == UInt8(ascii: "-") || (48...57).contains($0) }) == true
                && (try? JSONValue(parsing: plain)) != nil:
                return plain
            default: break
            }
        }
        return text(node, key).map { JSONValue.string($0).jsonText }
    }
}
