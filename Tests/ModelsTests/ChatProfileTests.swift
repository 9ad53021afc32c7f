import Foundation
import Testing

@testable import Models

/// What servers of some makes want otherwise than chat completions say.
@Suite struct ChatProfileTests {
    private func messages(_ profile: ModelProfile, _ batches: [[ModelMessage]]) throws -> [[String: Any]] {
        var history = ModelHistory(.json(profile, ModelOrigin()))
        for batch in batches { history.append(batch) }
        let data = Data([UInt8(ascii: "[")] + history.jsonPieces.joined() + [UInt8(ascii: "]")])
        return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    }

    private static let call = ModelToolCall(id: "call_0_1", name: "f", arguments: "{}")

    @Test func reasoningGoesBackWhereItIsWanted() throws {
        let batches: [[ModelMessage]] = [
            [.assistant(text: "", calls: [Self.call], blocks: [.reasoning("Wh"), .reasoning("y"), .call(0)])],
            [.tool(callID: "call_0_1", content: "A")], [.assistant(text: "", calls: [Self.call])],
            [.tool(callID: "call_0_1", content: "B")], [.assistant(text: "Done.", calls: [])],
        ]
        let sent = try messages(.wantsReasoning(in: "reasoning_content"), batches).map {
            $0["reasoning_content"] as? String
        }
        #expect(sent == ["Why", nil, "", nil, nil])
        #expect(try messages(ModelProfile(), batches).allSatisfy { $0["reasoning_content"] == nil })
        // Where it is taken and not owed, an answer without any has none.
        let taken = try messages(.litellm, batches).map { $0["reasoning_content"] as? String }
        #expect(taken == ["Why", nil, nil, nil, nil])
    }

    /// In parts of the content, which keep the order; only who signs reasoning gets it so.
    @Test func signedReasoningGoesBackInItsPlace() throws {
        func signed(_ text: String) -> String { #"{"type":"thinking","thinking":"\#(text)","signature":"s"}"# }
        let batches: [[ModelMessage]] = [
            [.user("go")],
            [
                .assistant(
                    text: "I look.\n", calls: [Self.call],
                    blocks: [
                        .reasoning("Why", json: signed("Why")), .text(7), .reasoning("And", json: signed("And")),
                        .text(1),
                        .opaque("redacted_thinking", json: #"{"type":"redacted_thinking","data":"x"}"#), .call(0),
                    ])
            ],
            [.tool(callID: "call_0_1", content: "A")],
            [.assistant(text: "Done.", calls: [], blocks: [.text(5), .reasoning("Well", json: signed("Well"))])],
        ]
        for profile in [ModelProfile(), .litellm] {
            let sent = try messages(profile, batches)
            let shown = (sent[1]["content"] as? [[String: Any]] ?? []).map { part in
                ["type", "thinking", "text", "data"].compactMap { part[$0] as? String }.joined(separator: " ")
            }
            #expect(shown == ["thinking Why", "text I look.", "thinking And", "redacted_thinking x"])
            #expect((sent[1]["tool_calls"] as? [Any])?.count == 1 && sent[1]["reasoning_content"] == nil)
            // What ends in reasoning is refused.
            #expect(sent[3]["content"] as? String == "Done.")
        }
    }

    /// Servers take letters, digits, `_` and `-`: also of a name that a model made up, which goes back ever after.
    @Test func namesOfToolsAreWrittenSoThatTheyAreTaken() throws {
        let names = [
            "read", "a.b", "a_b", "functions.read", "", "\n", "ünï", "read<|channel|>commentary",
            String(repeating: "x", count: 300), String(repeating: "x", count: 64),
        ]
        let wire = names.map(WireName.tool)
        #expect(wire.allSatisfy { $0.wholeMatch(of: /[a-zA-Z0-9_-]{1,64}/) != nil }, "\(wire)")
        #expect(Set(wire).count == names.count && wire[0] == "read" && wire[9] == names[9])
        // frozen: what a model was shown is never written anew.
        #expect(wire[1] == "a_b_e61d99190466522c" && wire[4] == "unnamed_cbf29ce484222325", "\(wire)")
        let tools = names.prefix(4).map { ModelTool(name: $0, description: "", parametersJSON: "") }
        let answer = ModelAnswer(
            text: "", calls: wire.prefix(4).map { ModelToolCall(id: $0, name: $0, arguments: "{}") }, finishReason: "",
            usage: nil)
        #expect(answer.renamed(WireName.own(of: tools)).calls.map(\.name) == Array(names.prefix(4)))
        for profile in [ModelProfile(), .anthropic, ModelProfile(.responses)] {
            var history = ModelHistory(.json(profile, ModelOrigin()))
            history.append([.user("go")])
            history.append([.assistant(text: "", calls: [ModelToolCall(id: "a", name: "a.b", arguments: "{}")])])
            let sent = String(decoding: history.jsonPieces.joined(), as: UTF8.self)
            #expect(sent.contains(wire[1]) && !sent.contains("a.b"), "\(sent)")
        }
    }

    /// Templates of models on servers of one's own refuse neighbours of one role; OpenAI has them as they are.
    @Test func whatPeopleSayInARowIsOneMessage() throws {
        let image = ModelContent(parts: [.image(ModelMedia(type: "image/png", name: "", data: [1]))])
        let batches: [[ModelMessage]] = [
            [.system("s"), .user("one")], [.user("\"two\"")], [.user("")], [.assistant(text: "a", calls: [])],
            [.user("three")], [.user(image)], [.user("four"), .user("five")],
        ]
        let merged = try messages(.ownServer, batches)
        #expect(
            merged.map { $0["role"] as? String } == ["system", "user", "assistant", "user", "user", "user"])
        #expect(merged[1]["content"] as? String == "one\n\n\"two\"\n\n")
        #expect(merged[5]["content"] as? String == "four\n\nfive")
        #expect(try messages(.openAIChat, batches).count == 9)
    }

    /// Gemini refuses a turn whose first call has no signature, also where another model made it.
    @Test func callsOfOthersAreSignedForGemini() throws {
        let own = ModelToolCall(id: "a", name: "f", arguments: "{}", extra: #"{"google":{"thought_signature":"s"}}"#)
        let others = ["b", "c"].map { ModelToolCall(id: $0, name: "f", arguments: "{}") }
        let sent = try messages(
            .gemini, [[.user("go")], [.assistant(text: "", calls: [own])], [.assistant(text: "", calls: others)]])
        let signatures = sent.dropFirst().map { message in
            (message["tool_calls"] as? [[String: Any]] ?? []).map { call in
                ((call["extra_content"] as? [String: Any])?["google"] as? [String: Any])?["thought_signature"]
                    as? String
            }
        }
        // frozen: what a model was shown is never written anew.
        #expect(signatures == [["s"], ["skip_thought_signature_validator", nil]])
    }

    @Test func idsAreAsLongAsTheProviderTakesThem() {
        let long = "call_" + String(repeating: "x", count: 60)
        #expect(ChatRequestBody.callID(long, ModelProfile()) == long)
        for profile in [ModelProfile.openAIChat, .azure] {
            #expect(ChatRequestBody.callID("functions.f:0", profile) == "functions.f:0")
            // frozen: what a model was shown is never written anew.
            #expect(ChatRequestBody.callID(long, profile) == "call_56764a4dc0256982")
        }
    }

    @Test func mistral() throws {
        let sent = try messages(
            .mistral,
            [
                [.user("go")], [.assistant(text: "", calls: [Self.call])], [.tool(callID: "call_0_1", content: "A")],
                [.user("more")], [.user("and more")],
            ])
        #expect(sent.map { $0["role"] as? String } == ["user", "assistant", "tool", "assistant", "user"])
        #expect(sent.last?["content"] as? String == "more\n\nand more")
        let id = try #require(((sent[1]["tool_calls"] as? [[String: Any]])?.first)?["id"] as? String)
        #expect(id == sent[2]["tool_call_id"] as? String && id.wholeMatch(of: /[a-zA-Z0-9]{9}/) != nil)
        #expect(ChatRequestBody.callID("abcDEF123", .mistral) == "abcDEF123")
        // frozen: what a model was shown is never written anew.
        #expect(ChatRequestBody.callID("functions.f:0", .mistral) == "futco9ha0")
    }
}
