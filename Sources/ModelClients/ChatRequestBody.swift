/// The body of a chat completions request, as JSON that is written, not reflected: each message is encoded by itself,
/// so that a conversation's bytes can be kept and only what is new is encoded again.
enum ChatRequestBody {
    /// The whole body, in pieces that are sent one after the other.
    static func encode(_ request: ModelRequest) -> [[UInt8]] {
        var head: [UInt8] = Array(#"{"model":"#.utf8)
        append(request.model, to: &head)
        head += #","stream":true,"stream_options":{"include_usage":true}"#.utf8
        if !request.tools.isEmpty {
            head += #","tools":["#.utf8
            for (index, tool) in request.tools.enumerated() {
                if index > 0 { head.append(UInt8(ascii: ",")) }
                head += encode(tool)
            }
            head.append(UInt8(ascii: "]"))
        }
        head += #","messages":["#.utf8
        var pieces = [head]
        for (index, message) in request.messages.enumerated() {
            pieces.append((index > 0 ? [UInt8(ascii: ",")] : []) + encode(message))
        }
        pieces.append(Array("]}".utf8))
        return pieces
    }

    static func encode(_ tool: ModelTool) -> [UInt8] {
        var json: [UInt8] = Array(#"{"type":"function","function":{"name":"#.utf8)
        append(tool.name, to: &json)
        json += #","description":"#.utf8
        append(tool.description, to: &json)
        json += #","parameters":"#.utf8
        json += tool.parametersJSON.utf8
        json += "}}".utf8
        return json
    }

    static func encode(_ message: ModelMessage) -> [UInt8] {
        var json: [UInt8] = []
        switch message {
        case .system(let text):
            json += #"{"role":"system","content":"#.utf8
            append(text, to: &json)
        case .user(let text):
            json += #"{"role":"user","content":"#.utf8
            append(text, to: &json)
        case .assistant(let text, let calls):
            json += #"{"role":"assistant","content":"#.utf8
            if text.isEmpty, !calls.isEmpty { json += "null".utf8 } else { append(text, to: &json) }
            if !calls.isEmpty {
                json += #","tool_calls":["#.utf8
                for (index, call) in calls.enumerated() {
                    if index > 0 { json.append(UInt8(ascii: ",")) }
                    json += #"{"type":"function","id":"#.utf8
                    append(call.id, to: &json)
                    json += #","function":{"name":"#.utf8
                    append(call.name, to: &json)
                    json += #","arguments":"#.utf8
                    append(call.arguments, to: &json)
                    json += "}}".utf8
                }
                json.append(UInt8(ascii: "]"))
            }
        case .tool(let callID, let content):
            json += #"{"role":"tool","tool_call_id":"#.utf8
            append(callID, to: &json)
            json += #","content":"#.utf8
            append(content, to: &json)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }

    /// A JSON string (RFC 8259, 7): quotes, backslashes and control characters escaped, all else as it is.
    static func append(_ text: String, to json: inout [UInt8]) {
        var text = text
        json.append(UInt8(ascii: "\""))
        text.withUTF8 { bytes in
            var clean = bytes.startIndex
            for index in bytes.indices {
                let byte = bytes[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                json += bytes[clean..<index]
                clean = index + 1
                switch byte {
                case UInt8(ascii: "\""): json += #"\""#.utf8
                case UInt8(ascii: "\\"): json += #"\\"#.utf8
                case UInt8(ascii: "\n"): json += #"\n"#.utf8
                case UInt8(ascii: "\r"): json += #"\r"#.utf8
                case UInt8(ascii: "\t"): json += #"\t"#.utf8
                default: json += [0x5C, 0x75, 0x30, 0x30, 0x30 + byte >> 4, hexDigits[Int(byte & 15)]]
                }
            }
            json += bytes[clean...]
        }
        json.append(UInt8(ascii: "\""))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
