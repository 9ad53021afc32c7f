import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// What had come of an answer that failed in the middle is in every view for people, once.
    @Suite(.timeLimit(.minutes(2))) struct PartialTextTests {
        private static let script = #"""
            [{"match": "user: go", "text": "one two three four", "fault": {"disconnect_after_tokens": 2}, "repeat": true},
             {"match": "user: all", "text": "Whole."}]
            """#

        private func expectOnce(_ text: String, in output: String, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(output.components(separatedBy: text).count == 2, "\(output)", sourceLocation: sourceLocation)
        }

        @Test func historyShowAndTailHaveIt() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .failed)
                let history = try await service.cli("history", run)
                expectOnce("    one two", in: history.output)
                let show = try await service.cli("show", run)
                expectOnce("Of the answer that was not completed there is:\none two", in: show.output)
                let tail = try RunningCommand(service, "tail", run)
                defer { tail.kill() }
                expectOnce("    one two", in: await tail.lines(upTo: "one two").joined(separator: "\n"))

                // A complete answer after it: that is what there is to show.
                try await service.resume(run, "all")
                try await service.wait(run, .finished)
                let whole = try await service.cli("show", run)
                #expect(!whole.output.contains("not completed") && whole.output.contains("Whole."), "\(whole.output)")
            }
        }

        @Test func ofACutAnswerTheSame() async throws {
            let script = #"[{"text": "one two three four", "gate": "rest", "gate_after_tokens": 2}]"#
            try await Service.run(script: script) { service, _ in
                let text = try await service.client.text()
                let run = try await service.launch()
                for await delta in text where delta.run == run && delta.text.contains("two") { break }
                try await service.interrupt(run)
                let show = try await service.cli("show", run)
                expectOnce("Of the answer that was not completed there is:\none two", in: show.output)
            }
        }

        /// Each attempt has its own, streamed or not.
        @Test func theTranscriptHasItOnceForEachAttempt() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let result = try await service.cli("launch", "--follow", "--attempts", "2", "go")
                #expect(result.code == 12, "\(result)")
                #expect(result.output.components(separatedBy: "one two").count == 3, "\(result.output)")
                #expect(result.output.components(separatedBy: "model call failed").count == 3, "\(result.output)")
            }
        }
    }
}
