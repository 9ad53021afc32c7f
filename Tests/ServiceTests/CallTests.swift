import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// A call that cannot be executed is an error result for the model, not a failed run.
    @Suite(.timeLimit(.minutes(2))) struct CallTests {
        @Test(arguments: [
            (#"{"name": "delete_everything", "arguments": {}}"#, "There is no tool of this name"),
            (#"{"name": "terminal", "arguments": "{\"command\": \"ls"}"#, "not valid JSON"),
            (#"{"name": "terminal", "arguments": ""}"#, "do not fit the tool's schema"),
            (#"{"name": "terminal", "arguments": "[]"}"#, "not a JSON object"),
            (#"{"name": "terminal", "arguments": {}}"#, "do not fit the tool's schema"),
            (#"{"name": "terminal", "arguments": {"command": 7}}"#, "do not fit the tool's schema"),
            (#"{"name": "terminal", "arguments": {"command": "ls", "as": "root"}}"#, "do not fit the tool's schema"),
            (#"{"name": "ask_human", "arguments": {"context": "None."}}"#, "do not fit the tool's schema"),
        ])
        func malformed(_ call: String, _ problem: String) async throws {
            let good = #"{"name": "terminal", "arguments": {"command": "echo good"}}"#
            let script = #"[{"tool_calls": [\#(call), \#(good)]}, {"text": "Done."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                try await service.wait(run, .finished)
                let shown = try model.log.shown(2)
                #expect(shown.count == 4)
                #expect(shown[2].hasPrefix("tool: [Error] "))
                #expect(shown[2].contains(problem))
                #expect(shown[3] == "tool: good\n")
                let ended = try await service.events(run).filter { $0.kindName == "callEnded" }.map(\.callEnded)
                #expect(ended.map(\.outcome) == [.callFailed, .callFinished])
                #expect(ended[0].attempt == 0)
            }
        }
    }
}
