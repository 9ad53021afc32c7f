internal import ModelScript

/// A chat request as far as the mock model looks at it.
struct ChatRequest: Sendable {
    var model: String
    var messages: [ScriptMessage]
    var isStream: Bool
    var includesUsage: Bool
    var user: String?

    init(_ bytes: [UInt8], _ strictness: Set<ChatStrictness> = []) throws(MockRefusal) {
        let body: JSONNode
        do {
            body = try JSONNode.read(bytes)
        } catch {
            throw .invalid("We could not parse the JSON body of your request: \(error)", parameter: nil)
        }
        guard case .object = body else { throw .invalid("The body must be a JSON object.", parameter: nil) }
        guard let model = body["model"]?.text else { throw .invalid("you must provide a model parameter", "model") }
        guard let messages = body["messages"]?.elements, !messages.isEmpty else {
            throw .invalid("'messages' must be a list with at least one message.", "messages")
        }
        try ChatCheck.check(messages, strictness)
        self.model = model
        self.messages = []
        self.messages.reserveCapacity(messages.count)
        for (index, message) in messages.enumerated() {
            self.messages.append(try ChatRequest.message(message, at: "messages[\(index)]"))
        }
        isStream = try ChatRequest.flag(body, "stream")
        includesUsage =
            try body["stream_options"].map { options throws(MockRefusal) in
                try ChatRequest.flag(options, "include_usage")
            } ?? false
        user = body["user"]?.text
    }

    /// The conversation when no header names it.
    var conversation: String { user ?? Self.conversation(of: messages) }

    static func conversation(of messages: [ScriptMessage]) -> String { "derived-\(hash(messages))" }

    private static func flag(_ object: JSONNode, _ key: String) throws(MockRefusal) -> Bool {
        switch object[key] {
        case nil, .null?: return false
        case .bool(let flag)?: return flag
        default: throw .invalid("'\(key)' must be true or false.", key)
        }
    }

    private static func message(_ node: JSONNode, at place: String) throws(MockRefusal) -> ScriptMessage {
        guard let role = node["role"]?.text else { throw .invalid("'\(place).role' must be a string.", place) }
        var message = ScriptMessage(role: role, content: "")
        switch node["content"] {
        case nil, .null?: break
        case .string(let text)?: message.content = text
        case .array(let parts)?: message.content = parts.compactMap { $0["text"]?.text }.joined()
        default: throw .invalid("'\(place).content' must be a string, a list or null.", place)
        }
        for call in node["tool_calls"]?.elements ?? [] {
            let function = call["function"]
            guard let name = function?["name"]?.text, let arguments = function?["arguments"]?.text else {
                throw .invalid("'\(place).tool_calls' must have names and arguments.", place)
            }
            message.calls.append(ScriptMessage.Call(name: name, arguments: arguments))
        }
        return message
    }

    /// Of the first system and the first user message.
    private static func hash(_ messages: [ScriptMessage]) -> String {
        var hash = Fingerprint()
        for role in ["system", "user"] { hash.add(messages.first { $0.role == role }?.content ?? "") }
        return hash.text
    }
}

/// A refusal in OpenAI's layout.
struct MockRefusal: Error, Sendable {
    var status: Int
    var message: String
    var type = "invalid_request_error"
    var parameter: String?
    var code: String?

    static func invalid(_ message: String, parameter: String?) -> MockRefusal {
        MockRefusal(status: 400, message: message, parameter: parameter)
    }

    static func invalid(_ message: String, _ parameter: String) -> MockRefusal {
        .invalid(message, parameter: parameter)
    }

    var body: [UInt8] {
        let error = JSONNode.object([
            .init("message", .string(message)),
            .init("type", .string(type)),
            .init("param", .optional(parameter)),
            .init("code", .optional(code)),
        ])
        return Array(JSONNode.object([.init("error", error)]).json.utf8)
    }
}
