import JSON
import Testing

@testable import Models

/// Calls of one conversation have different ids on the wire, whatever models call them. frozen: as here.
@Suite struct CallIDsTests {
    private func call(_ id: String) -> ModelToolCall { ModelToolCall(id: id, name: "t", arguments: "{}") }

    /// Ids of calls and of their results in a request, in order.
    private func ids(_ profile: ModelProfile, _ batches: [[ModelMessage]]) -> (calls: [String], results: [String]) {
        var history = ModelHistory(.json(profile, ModelOrigin()))
        for batch in batches { history.append(batch) }
        let json = String(decoding: history.jsonPieces.joined(), as: UTF8.self)
        func all(_ start: String) -> [String] {
            json.ranges(of: start).map { String(json[$0.upperBound...].prefix { $0 != "\"" }) }
        }
        return switch profile.api {
        case .chat: (all(#""type":"function","id":""#), all(#""tool_call_id":""#))
        case .messages: (all(#""type":"tool_use","id":""#), all(#""tool_use_id":""#))
        case .responses: (all(#""type":"function_call","call_id":""#), all(#"function_call_output","call_id":""#))
        }
    }

    @Test(arguments: ModelAPI.allCases) func whatRepeatsAnIdHasAnother(_ api: ModelAPI) {
        let twice: [[ModelMessage]] = [
            [.assistant(text: "", calls: [call("a"), call("a"), call("b")])],
            [.tool(callID: "a", content: "1"), .tool(callID: "a", content: "2"), .tool(callID: "b", content: "3")],
            [.assistant(text: "", calls: [call("a"), call("a_2")])],
            [.tool(callID: "a_2", content: "4"), .tool(callID: "a", content: "5")],
        ]
        let found = ids(ModelProfile(api), twice)
        #expect(found.calls == ["a", "a_2", "b", "a_3", "a_2_2"], "\(found)")
        #expect(found.results == ["a", "a_2", "b", "a_2_2", "a_3"], "\(found)")
    }

    @Test func mistralsAreDifferentToo() {
        let found = ids(
            .mistral,
            [
                [.assistant(text: "", calls: [call("a"), call("a")])],
                [.tool(callID: "a", content: "1"), .tool(callID: "a", content: "2")],
            ])
        #expect(Set(found.calls).count == 2 && found.calls == found.results)
        #expect(found.calls.allSatisfy { $0.count == 9 })
    }

    /// The list of a request begins with that of the one before, however long the conversation is.
    @Test func aLongConversationHasNoIdTwice() {
        var batches: [[ModelMessage]] = []
        for step in 0..<1500 {
            let id = "c\(step % 700)"
            batches.append([.assistant(text: "", calls: [call(id)])])
            batches.append([.tool(callID: id, content: "x")])
        }
        let found = ids(ModelProfile(), batches)
        #expect(found.calls.count == 1500 && Set(found.calls).count == 1500 && found.calls == found.results)
        #expect(found.calls[699...700] == ["c699", "c0_2"] && found.calls[1400] == "c0_3")
        #expect(ids(ModelProfile(), Array(batches.prefix(2000))).calls == Array(found.calls.prefix(1000)))
    }
}
