import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// `launch --follow`: the transcript as it streams, and the interrupt key.
    @Suite(.timeLimit(.minutes(2))) struct FollowTests {
        @Test func theTextIsPrintedOnceAndTheCommandEndsWithTheRun() async throws {
            let words = (1...60).map { "word\($0)" }.joined(separator: " ")
            let script = #"""
                [
                  {"tool_calls": [{"name": "terminal", "arguments": {"command": "for n in 1 2 3; do echo line-$n; sleep 0.05; done"}}]},
                  {"text": "\#(words)", "tokens_per_second": 200}
                ]
                """#
            try await Service.run(script: script) { service, _ in
                let result = try await service.cli("launch", "--follow", "go")
                #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
                for word in ["line-1\n", "line-2\n", "line-3\n", "word1 ", "word30 ", "word60\n"] {
                    #expect(result.output.components(separatedBy: word).count == 2, "\(word): \(result.output)")
                }
                #expect(result.output.contains(words))
                #expect(result.output.contains("-- FINISHED"))
            }
        }

        private static let gated = #"""
            [
              {"match": "user: go", "text": "one two three four", "gate": "rest", "gate_after_tokens": 2},
              {"match": "cut off here", "text": "Going on."},
              {"match": "user: instead", "text": "Something else."}
            ]
            """#

        /// What is typed after the interrupt key, how the command ends, and what the run has become.
        @Test(arguments: [
            ("m\ninstead\n", 0, "Something else.", FermataStatus.finished), ("r\n", 0, "Going on.", .finished),
            ("s\n", 13, "-- STOPPED", .stopped), ("l\n", 11, "-- left; go on with: fermata resume", .paused),
            ("", 11, "[l]eave?", .paused),
        ])
        func theInterruptKeyInterruptsAndAsks(
            typed: String, code: Int32, says: String, status: FermataStatus
        ) async throws {
            try await Service.run(script: Self.gated) { service, model in
                let pieces = try await service.client.text()
                let follow = try RunningCommand(service, "launch", "--follow", "go")
                defer { follow.kill() }
                await model.gates.awaited("rest")
                // The service has what the model has sent: an interrupt before that would leave nothing to go on from.
                var text = ""
                for await piece in pieces {
                    text += piece.text
                    if text.contains("two") { break }
                }
                _ = await follow.lines(upTo: "step 1")
                follow.signal(SIGINT)
                let interrupted = await follow.lines(upTo: "-- PAUSED in ")
                #expect(
                    interrupted.last?.hasPrefix("-- PAUSED in ") == true && interrupted.last?.hasSuffix(" ms") == true)
                try follow.type(typed)
                try follow.closeInput()
                let end = await follow.end()
                #expect(end.code == code, "\(end)")
                #expect(end.output.joined(separator: "\n").contains(says), "\(end)")
                let run = try #require(try await service.client.send(FermataListRuns()).runs.first)
                #expect(run.status == status)
            }
        }
    }
}
