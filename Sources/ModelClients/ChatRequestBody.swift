/// The body of a chat completions request, as JSON that is written, not reflected: each message is encoded by itself,
/// so that a conversation's bytes can be kept and only what is new is encoded again.
enum ChatRequestBody {
    /// The whole body, in pieces that are sent one after the other.
    static func encode(_ request: ModelRequest) -> [[UInt8]] {
        // Tools before messages: the part that never changes comes first, as providers' prompt caches want it.
        var pieces = [head(model: request.model, tools: request.tools)]
        pieces.reserveCapacity(request.messages.count * 2 + 1)
        for (index, message) in request.messages.enumerated() {
            if index > 0 { pieces.append(comma) }
            pieces.append(encode(message))
        }
        pieces.append(end)
        return pieces
    }

    private static let comma = Array(",".utf8)
    private static let end = Array("]}".utf8)

    private static func head(model: String, tools: [ModelTool]) -> [UInt8] {
        var json: [UInt8] = Array(#"{"model":"#.utf8)
        json.append(string: model)
        json += #","stream":true,"stream_options":{"include_usage":true}"#.utf8
        // An empty list is refused by some.
        if !tools.isEmpty {
            json += #","tools":["#.utf8
            for (index, tool) in tools.enumerated() {
                if index > 0 { json += comma }
                json += encode(tool)
            }
            json += "]".utf8
        }
        json += #","messages":["#.utf8
        return json
    }

    static func encode(_ tool: ModelTool) -> [UInt8] {
        var json: [UInt8] = Array(#"{"type":"function","function":{"name":"#.utf8)
        json.append(string: tool.name)
        json += #","description":"#.utf8
        json.append(string: tool.description)
        if !tool.parametersJSON.isEmpty {
            json += #","parameters":"#.utf8
            json += tool.parametersJSON.utf8
        }
        json += "}}".utf8
        return json
    }

    /// One message of the list `messages`. Pure: the same message gives the same bytes for ever.
    static func encode(_ message: ModelMessage) -> [UInt8] {
        var json: [UInt8] = []
        switch message {
        case .system(let text):
            json.reserveCapacity(text.utf8.count + 64)
            json += #"{"role":"system","content":"#.utf8
            json.append(string: text)
        case .user(let text):
            json.reserveCapacity(text.utf8.count + 64)
            json += #"{"role":"user","content":"#.utf8
            json.append(string: text)
        case .assistant(let text, let calls):
            json += #"{"role":"assistant","content":"#.utf8
            if text.isEmpty, !calls.isEmpty { json += "null".utf8 } else { json.append(string: text) }
            append(calls, to: &json)
        case .tool(let callID, let content):
            json.reserveCapacity(content.utf8.count + 128)
            json += #"{"role":"tool","tool_call_id":"#.utf8
            json.append(string: callID)
            json += #","content":"#.utf8
            json.append(string: content)
        }
        json += "}".utf8
        return json
    }

    private static func append(_ calls: [ModelToolCall], to json: inout [UInt8]) {
        guard !calls.isEmpty else { return }
        json += #","tool_calls":["#.utf8
        for (index, call) in calls.enumerated() {
            if index > 0 { json += comma }
            json += #"{"type":"function","id":"#.utf8
            json.append(string: call.id)
            json += #","function":{"name":"#.utf8
            json.append(string: call.name)
            json += #","arguments":"#.utf8
            json.append(string: call.arguments)
            json += "}}".utf8
        }
        json += "]".utf8
    }
}
