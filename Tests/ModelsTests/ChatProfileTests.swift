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
    }

    @Test func mistral() throws {
        let sent = try messages(
            .mistral,
            [
                [.user("go")], [.assistant(text: "", calls: [Self.call])], [.tool(callID: "call_0_1", content: "A")],
                [.user("more")], [.user("and more")],
            ])
        #expect(sent.map { $0["role"] as? String } == ["user", "assistant", "tool", "assistant", "user", "user"])
        let id = try #require(((sent[1]["tool_calls"] as? [[String: Any]])?.first)?["id"] as? String)
        #expect(id == sent[2]["tool_call_id"] as? String && id.wholeMatch(of: /[a-zA-Z0-9]{9}/) != nil)
        #expect(ChatRequestBody.callID("abcDEF123", .mistral) == "abcDEF123")
    }
}
