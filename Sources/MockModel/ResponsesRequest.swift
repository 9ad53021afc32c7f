internal import ModelScript

/// A request to OpenAI's Responses as far as the mock model looks at it: it refuses what the real one refuses of requests
/// that leave nothing at the server. <https://platform.openai.com/docs/api-reference/responses>
struct ResponsesRequest: Sendable {
    let model: String
    private(set) var messages: [ScriptMessage] = []
    let isStream: Bool

    init(_ bytes: [UInt8]) throws(MockRefusal) {
        let body: JSONNode
        do {
            body = try JSONNode.read(bytes)
        } catch {
            throw .invalid("We could not parse the JSON body of your request: \(error)", parameter: nil)
        }
        guard case .object = body, let model = body["model"]?.text else {
            throw .invalid("Missing required parameter: 'model'.", "model")
        }
        self.model = model
        isStream = body["stream"] == .bool(true)
        guard body["store"] == .bool(false) else {
            throw .invalid("this server keeps nothing: 'store' has to be false", "store")
        }
        if let instructions = body["instructions"]?.text, !instructions.isEmpty {
            messages.append(ScriptMessage(role: "system", content: instructions))
        }
        for tool in body["tools"]?.elements ?? [] {
            guard tool["type"]?.text == "function", tool["name"]?.text?.isEmpty == false,
                tool["parameters"]?["type"]?.text == "object"
            else { throw .invalid("Invalid value in 'tools'.", "tools") }
        }
        let items: [JSONNode]
        switch body["input"] {
        case .string(let text)?:
            items = [.object([.init("role", .string("user")), .init("content", .string(text))])]
        case .array(let elements)?: items = elements
        default: throw .invalid("Missing required parameter: 'input'.", "input")
        }
        guard !items.isEmpty else { throw .invalid("'input' is empty.", "input") }
        try take(items)
    }

    /// What makes reasoning readable for the server again: it is good for this item and for no other.
    static func encrypted(_ id: String, _ text: String) -> String {
        var hash = Fingerprint()
        hash.add(id)
        hash.add(text)
        return "enc-\(hash.text)"
    }

    private mutating func take(_ items: [JSONNode]) throws(MockRefusal) {
        var (open, known): (Set<String>, Set<String>) = ([], [])
        for (index, item) in items.enumerated() {
            let place = "input[\(index)]"
            switch item["type"]?.text ?? "message" {
            case "message": messages.append(try Self.message(item, at: place))
            case "function_call":
                let id = item["call_id"]?.text ?? ""
                guard !id.isEmpty, id.utf8.count <= 64, known.insert(id).inserted else {
                    throw .invalid("Invalid '\(place).call_id'.", place)
                }
                guard let name = item["name"]?.text, let arguments = item["arguments"]?.text,
                    case .object? = try? JSONNode.read(Array(arguments.utf8))
                else { throw .invalid("Invalid '\(place).arguments': it has to be the JSON of an object.", place) }
                open.insert(id)
                let call = ScriptMessage.Call(name: name, arguments: arguments)
                // Calls and text of one answer are one message to a script.
                if messages.last?.role == "assistant" {
                    messages[messages.count - 1].calls.append(call)
                } else {
                    messages.append(ScriptMessage(role: "assistant", content: "", calls: [call]))
                }
            case "function_call_output":
                let id = item["call_id"]?.text ?? ""
                guard open.remove(id) != nil else {
                    throw .invalid("No tool call found for function call output with call_id \(id).", place)
                }
                messages.append(ScriptMessage(role: "tool", content: try Self.output(item, at: place)))
            case "reasoning":
                guard let id = item["id"]?.text, let content = item["encrypted_content"]?.text, !content.isEmpty else {
                    throw .invalid("Item with id '\(item["id"]?.text ?? "")' not found: nothing is stored.", place)
                }
                let text = (item["summary"]?.elements ?? []).compactMap { $0["text"]?.text }.joined()
                guard content == Self.encrypted(id, text) else {
                    throw MockRefusal(
                        status: 400, message: "The encrypted content for item \(id) could not be verified.",
                        parameter: place, code: "invalid_encrypted_content")
                }
                let next = index + 1 < items.count ? items[index + 1] : nil
                let isFollowed =
                    next?["type"]?.text == "function_call" || next?["type"]?.text == "reasoning"
                    || next?["role"]?.text == "assistant"
                guard isFollowed else {
                    throw .invalid(
                        "Item '\(id)' of type 'reasoning' was provided without its required following item.", place)
                }
            case let other: throw .invalid("Invalid value: '\(other)' in '\(place).type'.", place)
            }
        }
        if let id = open.first { throw .invalid("No tool output found for function call \(id).", "input") }
    }

    private static func message(_ item: JSONNode, at place: String) throws(MockRefusal) -> ScriptMessage {
        guard let role = item["role"]?.text, ["user", "assistant", "system", "developer"].contains(role) else {
            throw .invalid("Invalid value in '\(place).role'.", place)
        }
        if let text = item["content"]?.text { return ScriptMessage(role: role, content: text) }
        guard let parts = item["content"]?.elements, !parts.isEmpty else {
            throw .invalid("Missing required parameter: '\(place).content'.", place)
        }
        var content = ""
        for part in parts { content += try text(part, isAnswer: role == "assistant", at: place) }
        return ScriptMessage(role: role, content: content)
    }

    private static func output(_ item: JSONNode, at place: String) throws(MockRefusal) -> String {
        if let text = item["output"]?.text { return text }
        guard let parts = item["output"]?.elements else {
            throw .invalid("Missing required parameter: '\(place).output'.", place)
        }
        var content = ""
        for part in parts { content += try text(part, isAnswer: false, at: place) }
        return content
    }

    private static func text(_ part: JSONNode, isAnswer: Bool, at place: String) throws(MockRefusal) -> String {
        switch (part["type"]?.text, isAnswer) {
        case ("input_text", false), ("output_text", true): return part["text"]?.text ?? ""
        case ("refusal", true): return part["refusal"]?.text ?? ""
        case ("input_image", false) where part["image_url"]?.text?.hasPrefix("data:image/") == true: return "[image]"
        case ("input_file", false) where part["file_data"]?.text?.hasPrefix("data:") == true: return "[file]"
        default: throw .invalid("Invalid value: '\(part["type"]?.text ?? "")' in '\(place).content'.", place)
        }
    }
}
