import Curl
import Foundation
import JSON
import Testing

@testable import Models

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

    @Test func whatAProviderSentWithACallGoesBackWithIt() throws {
        let call = ModelToolCall(
            id: "c", name: "f", arguments: "{}", extra: #"{"google":{"thought_signature":"A/b="}}"#)
        let request = ModelRequest(
            model: "m",
            history: ModelHistory(.json(ModelProfile(), ModelOrigin()), [.assistant(text: "", calls: [call])]),
            tools: [],
            conversation: "c")
        let body = String(decoding: ChatRequestBody.encode(request).joined(), as: UTF8.self)
        #expect(
            body.contains(
                #"{"type":"function","id":"c","function":{"name":"f","arguments":"{}"},"#
                    + #""extra_content":{"google":{"thought_signature":"A/b="}}}"#))
        _ = try JSONDocument(parsing: body)
    }

    @Test func theWholeRequest() throws {
        let call = ModelToolCall(id: "c1", name: "terminal", arguments: #"{"command": "echo \"hi\""}"#)
        let request = ModelRequest(
            model: "vendor/model \"x\"",
            history: ModelHistory(
                .json(ModelProfile(), ModelOrigin()),
                [
                    .system("be brief"), .user("hi\n\tthere"), .assistant(text: "", calls: [call, call]),
                    .tool(callID: "c1", content: "hi\r\n"), .assistant(text: "both", calls: [call]),
                    .assistant(text: "", calls: []),
                ]),
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
        // Two of one id are refused for ever.
        func sent(_ id: String) -> Body.Message.Call {
            Body.Message.Call(
                id: id, type: "function", function: .init(name: "terminal", arguments: #"{"command": "echo \"hi\""}"#))
        }
        #expect(
            body.messages == [
                .init(role: "system", content: "be brief"), .init(role: "user", content: "hi\n\tthere"),
                .init(role: "assistant", content: nil, tool_calls: [sent("c1"), sent("c1_2")]),
                .init(role: "tool", content: "hi\r\n", tool_call_id: "c1"),
                .init(role: "assistant", content: "both", tool_calls: [sent("c1_3")]),
                .init(role: "assistant", content: ""),
            ])
    }

    @Test func noToolsNoKeyAndNullContent() {
        let call = ModelToolCall(id: "1", name: "t", arguments: "")
        let request = ModelRequest(
            model: "m",
            history: ModelHistory(.json(ModelProfile(), ModelOrigin()), [.assistant(text: "", calls: [call])]),
            tools: [],
            conversation: "c")
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
        // Around where a portion ends, and texts that are nothing but what is to be escaped.
        for length in [152, 159, 160, 161, 168, 319, 320, 321, 1000] {
            texts.append(String(repeating: "a", count: length - 1) + "\"b\u{1F}")
            texts.append(String(repeating: "\u{1}", count: length))
            texts.append(String(repeating: "é\\", count: length))
        }
        for text in texts {
            let json = JSONWriter.bytes { $0.append(string: text) }
            let back = try JSONDecoder().decode(String.self, from: Data(json))
            #expect(Array(back.utf8) == Array(text.utf8), "\(text.unicodeScalars.map(\.value))")
        }
    }

    /// What was encoded once is in the next request the very same bytes, in the same pieces.
    @Test func onlyWhatIsNewIsEncoded() throws {
        var history = ModelHistory(.json(.openAIChat, ModelOrigin()))
        let rest = String(repeating: "x", count: 100)
        for number in 0..<3000 { history.append(.user("message \(number) \(rest)")) }
        let before = history
        history.append(.user("new"))
        func pieces(_ history: ModelHistory) -> [BodyPiece] {
            ChatRequestBody.encode(ModelRequest(model: "m", history: history, tools: [], conversation: "c"))
        }
        let (old, new) = (pieces(before), pieces(history))
        #expect(old.count > 5 && old.count == new.count)
        // The head is made for each request, and its end is nobody's.
        for index in 1..<old.count - 1 {
            let isShared = old[index].withContiguousStorageIfAvailable { old in
                new[index].withContiguousStorageIfAvailable { old.baseAddress == $0.baseAddress }
            }
            #expect(isShared == true)
        }
        let sent = try JSONDecoder().decode(Body.self, from: Data(new.joined())).messages
        #expect(sent.count == 3001)
        #expect(sent[2999].content?.hasPrefix("message 2999 x") == true && sent.last?.content == "new")
        #expect(try JSONDecoder().decode(Body.self, from: Data(old.joined())).messages.count == 3000)
        #expect(history.byteCount == new.dropFirst().dropLast().reduce(0) { $0 + $1.count })
    }

    @Test func optionsAreSentIfTheyAreSet() throws {
        var request = ModelRequest(
            model: "m", history: ModelHistory(.json(ModelProfile(), ModelOrigin()), [.user("hi")]), tools: [],
            conversation: "c")
        func object(_ limit: ModelProfile.OutputLimitName = .maxTokens) throws -> [String: Any] {
            var profile = ModelProfile()
            profile.outputLimitName = limit
            let data = Data(ChatRequestBody.encode(request, profile).joined())
            return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        }
        #expect(Set(try object().keys) == ["model", "stream", "stream_options", "messages"])
        request.options.temperature = 0
        request.options.topP = 1e-7
        request.options.maximumOutputTokens = 4096
        request.options.seed = -3
        request.options.reasoningEffort = "lo\"w"
        request.options.stop = ["\n", "END"]
        let sent = try object()
        #expect(sent["temperature"] as? Double == 0)
        #expect(sent["top_p"] as? Double == 1e-7)
        #expect(sent["max_tokens"] as? Int == 4096)
        #expect(sent["seed"] as? Int == -3)
        #expect(sent["reasoning_effort"] as? String == "lo\"w")
        #expect(sent["stop"] as? [String] == ["\n", "END"])
        let newer = try object(.maxCompletionTokens)
        #expect(newer["max_completion_tokens"] as? Int == 4096 && newer["max_tokens"] == nil)
    }
}
