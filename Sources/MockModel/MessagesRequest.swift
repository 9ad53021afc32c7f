internal import ModelScript

/// A request to Anthropic's API as far as the mock model looks at it: it refuses what the real one refuses.
/// <https://docs.claude.com/en/api/messages>
struct MessagesRequest: Sendable {
    let model: String
    /// As scripts look at them: a result of a tool is a message of its own.
    private(set) var messages: [ScriptMessage] = []
    let isStream: Bool
    let maximumTokens: Int64
    /// Of system, tools and all messages: what reasoning that follows them is bound to.
    let prefix: String

    init(_ bytes: [UInt8]) throws(MockRefusal) {
        let body: JSONNode
        do {
            body = try JSONNode.read(bytes)
        } catch {
            throw .invalid("The request body is not valid JSON: \(error)", parameter: nil)
        }
        guard case .object = body else { throw .invalid("The request body must be an object", parameter: nil) }
        guard let model = body["model"]?.text else { throw .invalid("model: Field required", "model") }
        guard let limit = body["max_tokens"]?.integer, limit > 0 else {
            throw .invalid("max_tokens: Field required", "max_tokens")
        }
        guard let messages = body["messages"]?.elements, !messages.isEmpty else {
            throw .invalid("messages: at least one message is required", "messages")
        }
        self.model = model
        maximumTokens = limit
        isStream = if case .bool(true)? = body["stream"] { true } else { false }
        var text = ""
        switch body["system"] {
        case nil, .null?: break
        case .string(let system)?: text = system
        case .array(let blocks)?: text = blocks.compactMap { $0["text"]?.text }.joined(separator: "\n")
        default: throw .invalid("system: Input should be a valid string or list", "system")
        }
        if !text.isEmpty { self.messages.append(ScriptMessage(role: "system", content: text)) }
        for tool in body["tools"]?.elements ?? [] {
            guard tool["name"]?.text?.isEmpty == false, tool["input_schema"]?["type"]?.text == "object" else {
                throw .invalid("tools: a tool has a name and an input_schema of type object", "tools")
            }
        }
        var check = RequestCheck(hasTools: body["tools"]?.elements?.isEmpty == false)
        var prefix = Fingerprint()
        prefix.add(body["system"]?.json ?? "")
        prefix.add(body["tools"]?.json ?? "")
        for (index, message) in messages.enumerated() {
            let isLast = index == messages.count - 1
            self.messages += try check.take(message, at: "messages.\(index)", isLast: isLast, after: prefix.text)
            prefix.add(message.json)
        }
        try check.end()
        self.prefix = prefix.text
    }

    /// What signs reasoning: it is good behind this prefix and nowhere else.
    static func signature(_ prefix: String, _ thinking: String) -> String {
        var hash = Fingerprint()
        hash.add(prefix)
        hash.add(thinking)
        return "sig-\(hash.text)"
    }
}

/// The order of messages and blocks, as they come by.
private struct RequestCheck {
    let hasTools: Bool
    private var isFirst = true
    /// Calls of the assistant's last message that have no result yet.
    private var open: Set<String> = []
    private var known: Set<String> = []

    init(hasTools: Bool) { self.hasTools = hasTools }

    mutating func take(
        _ message: JSONNode, at place: String, isLast: Bool, after prefix: String
    ) throws(MockRefusal) -> [ScriptMessage] {
        guard let role = message["role"]?.text, ["user", "assistant"].contains(role) else {
            throw .invalid("\(place).role: Input should be 'user' or 'assistant'", place)
        }
        if isFirst, role != "user" { throw .invalid("\(place): the first message must use the \"user\" role", place) }
        isFirst = false
        let blocks: [JSONNode]
        switch message["content"] {
        case .string(let text)?: blocks = [.object([.init("type", .string("text")), .init("text", .string(text))])]
        case .array(let elements)?: blocks = elements
        default: throw .invalid("\(place).content: Field required", place)
        }
        guard !blocks.isEmpty else { throw .invalid("\(place): all messages must have non-empty content", place) }
        return role == "user"
            ? try user(blocks, at: place) : [try assistant(blocks, at: place, isLast: isLast, after: prefix)]
    }

    private mutating func user(_ blocks: [JSONNode], at place: String) throws(MockRefusal) -> [ScriptMessage] {
        var messages: [ScriptMessage] = []
        var hasOther = false
        for (index, block) in blocks.enumerated() {
            let place = "\(place).content.\(index)"
            switch block["type"]?.text {
            case "tool_result":
                let id = block["tool_use_id"]?.text ?? ""
                guard open.remove(id) != nil else {
                    throw .invalid("\(place): unexpected `tool_use_id` found in `tool_result` blocks: \(id)", place)
                }
                if hasOther { throw .invalid("\(place): tool_result blocks come before all others", place) }
                messages.append(ScriptMessage(role: "tool", content: try Self.result(block, at: place)))
            case let type?:
                hasOther = true
                messages.append(ScriptMessage(role: "user", content: try Self.text(block, type, at: place)))
            case nil: throw .invalid("\(place).type: Field required", place)
            }
        }
        if let id = open.first {
            throw .invalid("\(place): `tool_use` ids were found without `tool_result` blocks: \(id)", place)
        }
        return messages
    }

    private static func result(_ block: JSONNode, at place: String) throws(MockRefusal) -> String {
        switch block["content"] {
        case nil, .null?: return ""
        case .string(let text)?: return text
        case .array(let parts)?:
            var text = ""
            for (index, part) in parts.enumerated() {
                text += try Self.text(part, part["type"]?.text ?? "", at: "\(place).content.\(index)")
            }
            return text
        default: throw .invalid("\(place).content: Input should be a valid string or list", place)
        }
    }

    private static func text(_ block: JSONNode, _ type: String, at place: String) throws(MockRefusal) -> String {
        switch type {
        case "text":
            guard let text = block["text"]?.text, !text.allSatisfy(\.isWhitespace) else {
                throw .invalid("\(place): text content blocks must contain non-whitespace text", place)
            }
            return text
        case "image", "document":
            let source = block["source"]
            guard source?["data"]?.text?.isEmpty == false, let media = source?["media_type"]?.text else {
                throw .invalid("\(place).source: Field required", place)
            }
            let images = ["image/png", "image/jpeg", "image/gif", "image/webp"]
            guard (type == "image" ? images : ["application/pdf", "text/plain"]).contains(media) else {
                throw .invalid("\(place).source.media_type: Input should be one of those that are taken", place)
            }
            return "[\(type): \(media)]"
        default: throw .invalid("\(place).type: Input tag '\(type)' does not match any of the expected tags", place)
        }
    }

    private mutating func assistant(
        _ blocks: [JSONNode], at place: String, isLast: Bool, after prefix: String
    ) throws(MockRefusal) -> ScriptMessage {
        if let id = open.first {
            throw .invalid("\(place): `tool_use` ids were found without `tool_result` blocks: \(id)", place)
        }
        if isLast {
            throw .invalid(
                "This model does not support assistant message prefill. The conversation must end with a user message.",
                place)
        }
        var message = ScriptMessage(role: "assistant", content: "")
        for (index, block) in blocks.enumerated() {
            let place = "\(place).content.\(index)"
            switch block["type"]?.text {
            case "text": message.content += try Self.text(block, "text", at: place)
            case "tool_use":
                guard hasTools else { throw .invalid("tools: required where messages have tool_use blocks", "tools") }
                message.calls.append(try call(block, at: place))
            case "thinking":
                let thinking = block["thinking"]?.text ?? ""
                guard let signature = block["signature"]?.text, !signature.isEmpty else {
                    throw .invalid("\(place).signature: Field required", place)
                }
                guard signature == MessagesRequest.signature(prefix, thinking) else {
                    throw .invalid(
                        "\(place): the thinking block is bound to a different conversation, or was modified", place)
                }
            case "redacted_thinking": break
            default: throw .invalid("\(place).type: Input should be a block that an assistant can have", place)
            }
        }
        if ["thinking", "redacted_thinking"].contains(blocks.last?["type"]?.text) {
            throw .invalid("\(place): the final block in an assistant message cannot be `thinking`", place)
        }
        return message
    }

    private mutating func call(_ block: JSONNode, at place: String) throws(MockRefusal) -> ScriptMessage.Call {
        let id = block["id"]?.text ?? ""
        let isPlain = id.utf8.allSatisfy { 48...57 ~= $0 || 65...90 ~= $0 || 97...122 ~= $0 || $0 == 95 || $0 == 45 }
        guard !id.isEmpty, isPlain else {
            throw .invalid("\(place).id: String should match pattern '^[a-zA-Z0-9_-]+$'", place)
        }
        guard known.insert(id).inserted else { throw .invalid("\(place): `tool_use` ids must be unique: \(id)", place) }
        guard let name = block["name"]?.text, !name.isEmpty, case .object? = block["input"] else {
            throw .invalid("\(place).input: Input should be a valid dictionary", place)
        }
        open.insert(id)
        return ScriptMessage.Call(name: name, arguments: block["input"]!.json)
    }

    func end() throws(MockRefusal) {
        if let id = open.first {
            throw .invalid("`tool_use` ids were found without `tool_result` blocks: \(id)", parameter: nil)
        }
    }
}
