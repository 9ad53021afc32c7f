import FoundationEssentials
import Testing

@testable import ModelClients

struct OpenAIRequestBodyTests {
    private struct Body: Decodable {
        struct Message: Decodable, Equatable {
            struct Call: Decodable, Equatable {
                struct Function: Decodable, Equatable { var name, arguments: String }
                var id, type: String
                var function: Function
            }
            var role: String
            var content: String?
            var tool_call_id: String?
            var tool_calls: [Call]?
        }
        struct Tool: Decodable {
            struct Function: Decodable {
                struct Schema: Decodable { var type: String }
                var name, description: String
                var parameters: Schema?
            }
            var type: String
            var function: Function
        }
        struct Options: Decodable { var include_usage: Bool }
        var model: String
        var stream: Bool
        var stream_options: Options
        var messages: [Message]
        var tools: [Tool]?
    }

    private func decode(_ request: ModelRequest) throws -> Body {
        try JSONDecoder().decode(Body.self, from: Data(ChatRequestBody.encode(request).joined()))
    }

    @Test func theWholeRequest() throws {
        let call = ModelToolCall(id: "c1", name: "terminal", arguments: #"{"command": "echo \"hi\""}"#)
        let request = ModelRequest(
            model: "vendor/model \"x\"",
            messages: [
                .system("be brief"), .user("hi\n\tthere"), .assistant(text: "", calls: [call, call]),
                .tool(callID: "c1", content: "hi\r\n"), .assistant(text: "both", calls: [call]),
                .assistant(text: "", calls: []),
            ],
            tools: [
                ModelTool(name: "terminal", description: "runs \\ a command", parametersJSON: #"{"type":"object"}"#),
                ModelTool(name: "none", description: "", parametersJSON: ""),
            ], conversation: "c")
        let body = try decode(request)
        #expect(body.model == "vendor/model \"x\"")
        #expect(body.stream && body.stream_options.include_usage)
        #expect(body.tools?.map(\.function.name) == ["terminal", "none"])
        #expect(body.tools?[0].function.description == "runs \\ a command")
        #expect(body.tools?[0].function.parameters?.type == "object")
        #expect(body.tools?[1].function.parameters == nil)
        let sent = Body.Message.Call(
            id: "c1", type: "function", function: .init(name: "terminal", arguments: #"{"command": "echo \"hi\""}"#))
        #expect(
            body.messages == [
                .init(role: "system", content: "be brief"), .init(role: "user", content: "hi\n\tthere"),
                .init(role: "assistant", content: nil, tool_calls: [sent, sent]),
                .init(role: "tool", content: "hi\r\n", tool_call_id: "c1"),
                .init(role: "assistant", content: "both", tool_calls: [sent]),
                .init(role: "assistant", content: ""),
            ])
    }

    @Test func noToolsNoKeyAndNullContent() {
        let call = ModelToolCall(id: "1", name: "t", arguments: "")
        let request = ModelRequest(
            model: "m", messages: [.assistant(text: "", calls: [call])], tools: [], conversation: "c")
        let text = String(decoding: ChatRequestBody.encode(request).joined(), as: UTF8.self)
        #expect(!text.contains("tools\""))
        #expect(text.contains(#""content":null"#))
    }

    @Test func everyCharacterSurvives() throws {
        var texts = (0..<0x200).map { String(Character(Unicode.Scalar($0)!)) }
        texts += ["", "\u{2028}\u{2029}", "😀\u{0}👩‍👩‍👧", "\"\\\"", String(repeating: "\"", count: 33)]
        // Around the eight bytes that are looked at together, at every distance from what is to be escaped.
        for special in ["\"", "\\", "\n", "\u{1F}", "ä", "\u{7F}", " ", "!"] {
            for before in 0..<18 {
                texts.append(String(repeating: "a", count: before) + special + String(repeating: "é", count: 9))
            }
        }
        for text in texts {
            var json: [UInt8] = []
            json.append(string: text)
            let back = try JSONDecoder().decode(String.self, from: Data(json))
            #expect(Array(back.utf8) == Array(text.utf8), "\(text.unicodeScalars.map(\.value))")
        }
    }

    @Test func eachMessageIsAPieceOfItsOwn() {
        let messages: [ModelMessage] = (0..<100).map { .user("message \($0)") }
        let longer = messages + [.user("new")]
        func pieces(_ messages: [ModelMessage]) -> [[UInt8]] {
            ChatRequestBody.encode(ModelRequest(model: "m", messages: messages, tools: [], conversation: "c"))
        }
        #expect(pieces(longer).dropLast(3) == pieces(messages).dropLast())
    }
}
