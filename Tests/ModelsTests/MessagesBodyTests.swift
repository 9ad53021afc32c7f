import Foundation
import Testing

@testable import Models

/// Requests to Anthropic's API: what it refuses is never in them.
@Suite struct MessagesBodyTests {
    private func body(
        _ batches: [[ModelMessage]], tools: [ModelTool] = [], profile: ModelProfile = .anthropic,
        _ change: (inout ModelOptions) -> Void = { _ in }
    )
        throws -> [String: Any]
    {
        var history = ModelHistory(.json(profile, ModelOrigin()))
        for batch in batches { history.append(batch) }
        var request = ModelRequest(model: "claude", history: history, tools: tools, conversation: "c")
        change(&request.options)
        let data = Data(MessagesRequestBody.encode(request, profile).joined())
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// `role: types`, each with its text, name or id.
    private func shown(_ batches: [[ModelMessage]], profile: ModelProfile = .anthropic) throws -> [String] {
        let messages = try #require(try body(batches, profile: profile)["messages"] as? [[String: Any]])
        return messages.map { message in
            let blocks = (message["content"] as? [[String: Any]] ?? []).map { block in
                let what =
                    ["text", "thinking", "name", "tool_use_id"].lazy.compactMap { block[$0] as? String }.first ?? ""
                return "\(block["type"] ?? "")(\(what))"
            }
            return "\(message["role"] ?? ""): " + blocks.joined(separator: " ")
        }
    }

    private static let calls = [
        ModelToolCall(id: "a", name: "f", arguments: "{}"),
        ModelToolCall(id: "b", name: "g", arguments: #"{"x":1.50}"#),
    ]

    @Test func neighboursOfOneRoleAreOneMessage() throws {
        #expect(
            try shown([
                [.system("Be good.")], [.user("one")], [.user("two")], [.assistant(text: "Hm.", calls: Self.calls)],
                [.tool(callID: "a", content: "A"), .tool(callID: "b", content: "")], [.user("three")],
                [.assistant(text: "", calls: [])], [.user("four")],
            ]) == [
                "user: text(one) text(two)", "assistant: text(Hm.) tool_use(f) tool_use(g)",
                "user: tool_result(a) tool_result(b) text(three) text(four)",
            ])
    }

    /// A request that had nothing, or ended with the model's own, would be refused for ever.
    @Test func aBlankMessageIsSaidInWordsWhereNothingElseIs() throws {
        #expect(try shown([[.user(" ")]]) == ["user: text([An empty message.])"])
        #expect(
            try shown([[.user("go")], [.assistant(text: "Hm.", calls: [])], [.user("\n")], [.user("\t")]])
                == ["user: text(go)", "assistant: text(Hm.)", "user: text([An empty message.])"])
    }

    @Test func whatIsRefusedIsLeftOut() throws {
        #expect(
            try shown([
                [.user("go"), .user("  \n")],
                // Blank text, and reasoning at the end.
                [
                    .assistant(
                        text: " \nYes. \n", calls: [],
                        blocks: [
                            .text(2), .reasoning("why", json: #"{"type":"thinking","thinking":"why","signature":"s"}"#),
                            .text(6),
                            .reasoning("then", json: #"{"type":"thinking","thinking":"then","signature":"s"}"#),
                        ])
                ],
                [.user("on")],
                // Nothing is left of it.
                [.assistant(text: "", calls: [], blocks: [.reasoning("half")])], [.user("and on")],
                [.assistant(text: "\t", calls: [])], [.user("end")],
            ]) == [
                "user: text(go)", "assistant: thinking(why) text(Yes.)", "user: text(on) text(and on) text(end)",
            ])
    }

    /// Where reasoning is signed, it is refused without; servers that sign nothing want it back as it came.
    @Test func reasoningWithoutASignature() throws {
        let batches: [[ModelMessage]] = [
            [.user("go")],
            [
                .assistant(
                    text: "Yes.", calls: [],
                    blocks: [
                        .reasoning("a", json: #"{"type":"thinking","thinking":"a"}"#),
                        .reasoning("b", json: #"{"type":"thinking","thinking":"b","signature":""}"#),
                        .reasoning("c", json: #"{"type":"thinking","thinking":"c","signature":null}"#),
                        .reasoning("d", json: #"{"type":"thinking","thinking":"d","signature":"s"}"#),
                        .opaque("redacted_thinking", json: #"{"type":"redacted_thinking","text":"e"}"#), .text(4),
                    ])
            ], [.user("on")],
        ]
        #expect(
            try shown(batches) == [
                "user: text(go)", "assistant: thinking(d) redacted_thinking(e) text(Yes.)", "user: text(on)",
            ])
        #expect(
            try shown(batches, profile: ModelProfile(.messages))[1]
                == "assistant: thinking(a) thinking(b) thinking(c) thinking(d) redacted_thinking(e) text(Yes.)")
    }

    @Test func idsOfOtherMakesAreWrittenSoThatTheyAreTaken() throws {
        let long = String(repeating: "x", count: 65)
        let ids = ["call_1", "functions.f:0", "", long, "ä", "toolu_01"]
        let written = ids.map(WireName.call)
        #expect(written[0] == "call_1" && written[5] == "toolu_01" && Set(written).count == ids.count)
        #expect(written.allSatisfy { $0.wholeMatch(of: /[a-zA-Z0-9_-]{1,64}/) != nil }, "\(written)")
        // frozen: what a model was shown is never written anew.
        #expect(written[1] == "call_4be0e962e9dcd7b8", "\(written[1])")
    }

    @Test func theHead() throws {
        let tool = ModelTool(name: "f", description: "d", parametersJSON: #"{"properties":{"a":{}}}"#)
        let object = try body([[.system("Be good.")], [.user("go")]], tools: [tool]) {
            $0.maximumOutputTokens = 5
            $0.temperature = 0.5
            $0.topP = 0.25
            $0.stop = ["a", "b"]
            $0.reasoningEffort = "high"
            $0.seed = 7
        }
        #expect(
            Set(object.keys) == [
                "model", "max_tokens", "stream", "temperature", "top_p", "thinking", "output_config", "stop_sequences",
                "cache_control", "system", "tools", "messages",
            ])
        #expect(object["system"] as? String == "Be good." && object["max_tokens"] as? Int == 5)
        let first = try #require((object["tools"] as? [[String: Any]])?.first)
        #expect((first["input_schema"] as? [String: Any])?["type"] as? String == "object")
        let plain = try body([[.user("go")]])
        #expect(Set(plain.keys) == ["model", "max_tokens", "stream", "cache_control", "messages"])
    }

    @Test func imagesAndFiles() throws {
        let parts: [ModelContent.Part] = [
            .text("Look:"), .image(ModelMedia(type: "image/png", name: "a.png", data: [1, 2])),
            .file(ModelMedia(type: "application/pdf", name: "b.pdf", data: [3])),
            .file(ModelMedia(type: "text/plain", name: "c.txt", data: Array("see".utf8))),
            .file(ModelMedia(type: "application/zip", name: "d.zip", data: [4])),
        ]
        let object = try body([
            [.user(ModelContent(parts: parts))], [.assistant(text: "", calls: [Self.calls[0]])],
            [.tool(callID: "a", content: ModelContent(parts: parts))],
        ])
        let messages = try #require(object["messages"] as? [[String: Any]])
        let content = try #require(messages[0]["content"] as? [[String: Any]])
        #expect(content.map { $0["type"] as? String } == ["text", "image", "document", "document", "text"])
        #expect((content[1]["source"] as? [String: String])?["data"] == "AQI=")
        #expect(
            content[4]["text"] as? String == "[File d.zip, application/zip, 1 bytes: this model cannot be shown it]")
        let result = try #require((messages[2]["content"] as? [[String: Any]])?.first)
        #expect((result["content"] as? [[String: Any]])?.count == 5)
    }

    /// The list of a request begins with that of the one before, but for what closes it.
    @Test func itOnlyGrows() throws {
        var history = ModelHistory(.json(.anthropic, ModelOrigin()))
        var before: [UInt8] = []
        for round in 0..<60 {
            history.append([.user(ModelContent("message \(round) " + String(repeating: "x", count: round * 100)))])
            if round % 3 == 0 { history.append([.assistant(text: "answer \(round)", calls: [])]) }
            let pieces = history.jsonPieces
            let now = Array(pieces.dropLast().joined())
            #expect(pieces.last.map { Array($0) } == Array("]}".utf8) && now.starts(with: before))
            #expect(
                (try? JSONSerialization.jsonObject(with: Data(Array("[".utf8) + pieces.joined() + Array("]".utf8))))
                    != nil)
            before = now
        }
    }
}
