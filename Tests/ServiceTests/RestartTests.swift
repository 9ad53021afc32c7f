import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct RestartTests {
        /// One run executes a tool that would take ten minutes, another one's model is in the middle of its answer.
        private func busyService(
            _ body: (Service, MockModel, _ tool: String, _ stream: String, _ mark: String) async throws -> Void
        ) async throws {
            let mark = "restart-\(UUID().uuidString)"
            let fifoDirectory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: fifoDirectory) }
            let begun = try Fifo(in: fifoDirectory, named: "begun")
            // One descendant leaves the session and its parent.
            let command =
                "export RESTART_MARK=\(mark); (setsid sleep 600 &) ; echo so far; echo > \(begun.path); sleep 600"
            let script = #"""
                [
                  {"match": "user: tool", "tool_calls": [{"name": "terminal", "arguments": {"command": "\#(command)"}}]},
                  {"match": "tool: ", "text": "The tool was seen."},
                  {"match": "user: stream", "text": "one two three four", "gate": "rest", "gate_after_tokens": 2},
                  {"match": "cut off here", "text": "The cut was seen."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let tool = try await service.launch("tool")
                await begun.lines(1)
                let stream = try await service.launch("")
                let text = try await service.client.text()
                try await service.send(stream, "stream")
                for await delta in text where delta.run == stream && delta.text.contains("one") { break }
                try await body(service, model, tool, stream, mark)
            }
        }

        @Test func sigtermEndsWithinFiveSecondsAndTheRunsGoOnAfterTheNextStart() async throws {
            try await busyService { service, model, tool, stream, mark in
                let clock = ContinuousClock()
                let start = clock.now
                #expect(await service.terminate() == 0)
                #expect(clock.now - start < .seconds(5))
                #expect(processes(marked: mark).isEmpty)
                #expect(!service.serverLog.contains("level=error"), "\(service.serverLog)")

                try await service.start()
                #expect(try await service.wait(tool, .finished).lastMessage == "The tool was seen.")
                #expect(try await service.wait(stream, .finished).lastMessage == "The cut was seen.")
                let cut = try await service.events(stream).compactMap(\.modelCutValue)
                #expect(cut.map(\.cause) == [.byShutdown])
                #expect(cut.first?.text.hasPrefix("one") == true)
                let ended = try await service.events(tool).compactMap(\.callEndedValue)
                #expect(ended.map(\.outcome) == [.callInterrupted])
                #expect(ended.first?.output.hasPrefix("so far\n[Interrupted by a shutdown of the service") == true)
                let shown = try model.log.entries().map { try model.log.shown($0.number) }
                #expect(
                    shown.contains { $0.count == 3 && $0[1].hasPrefix("assistant: one") && $0[2].contains("cut off") })
                #expect(shown.contains { $0.last?.hasPrefix("tool: so far\n[Interrupted by a shutdown") == true })
            }
        }

        @Test func afterKillNineTheModelIsToldThatTheOutcomeIsUnknownAndItsCutAnswerIsAskedForAgain() async throws {
            try await busyService { service, model, tool, stream, mark in
                service.kill()
                try await service.start()
                #expect(try await service.wait(tool, .finished).lastMessage == "The tool was seen.")
                #expect(await processesEnd(marked: mark))
                let ended = try await service.events(tool).compactMap(\.callEndedValue)
                #expect(ended.map(\.outcome) == [.callUnknown])
                let told = model.log.entries().filter { $0.lastRole == "tool" }
                #expect(told.count == 1 && told[0].lastContent?.contains("outcome is unknown") == true)

                await model.gates.awaited("rest")
                model.gates.open("rest")
                #expect(try await service.wait(stream, .finished).lastMessage == "one two three four")
                let events = try await service.events(stream)
                #expect(events.compactMap(\.modelCutValue).map(\.cause) == [.byCrash])
                let calls = events.compactMap(\.modelCalledValue)
                #expect(calls.map(\.step) == [1, 1] && calls.map(\.attempt) == [1, 2])
            }
        }

        @Test(arguments: [true, false])
        func aWaitingRunAndAPausedOneStayAsTheyAre(byKillNine: Bool) async throws {
            let script = #"""
                [
                  {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
                  {"match": "tool: blue", "text": "Blue it is."},
                  {"match": "user: pause", "tool_calls": [{"name": "terminal", "arguments": {"command": "echo ran"}}], "gate": "answer"},
                  {"match": "tool: ran", "text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let asking = try await service.launch("ask")
                try await service.wait(asking, .waiting)
                let paused = try await service.launch("pause")
                await model.gates.awaited("answer")
                try await service.pause(paused)
                model.gates.open("answer")
                let before = try await service.wait(paused, .paused)

                if byKillNine { service.kill() } else { #expect(await service.terminate() == 0) }
                try await service.start()

                #expect(try await service.summary(paused) == before)
                #expect(try await service.summary(asking).status == .waiting)
                let asks = try await service.client.send(FermataListAsks()).asks
                #expect(asks.map(\.run) == [asking] && asks.map(\.question) == ["Which?"])
                try await service.answer(asking, 1, "blue")
                #expect(try await service.wait(asking, .finished).lastMessage == "Blue it is.")
                try await service.refused(.alreadyAnswered) { try await service.answer(asking, 1, "red") }
                try await service.resume(paused)
                #expect(try await service.wait(paused, .finished).lastMessage == "Done.")
                #expect(model.log.entries().count == 4)
            }
        }

        /// More runs than stay in memory: commands and reads load what has left it.
        @Test func runsThatLeftMemoryAreLoadedAgain() async throws {
            try await Service.run(script: #"[{"match": "", "text": "Done."}]"#) { service, _ in
                var runs: [String] = []
                for number in 1...310 {
                    let run = try await service.launch("") { $0.labels = [.with { $0.key = "\(number)" }] }
                    try await service.pause(run)
                    runs.append(run)
                }
                for run in runs[..<20] {
                    // Several at once while it is read: none is lost, and they keep their order.
                    async let first = service.send(run, "first")
                    async let second = service.pause(run)
                    #expect(try await first.changed)
                    #expect(try await !second.changed)
                    try await service.resume(run)
                }
                for (number, run) in zip(1..., runs[..<20]) {
                    let summary = try await service.wait(run, .finished)
                    #expect(summary.labels.map(\.key) == ["\(number)"])
                    #expect(try await service.events(run).map(\.seq) == Array(1...summary.lastSeq))
                }
                for run in runs[20...] { #expect(try await service.summary(run).status == .paused) }
            }
        }

        @Test func aSecondServerIsRefusedAndTheFirstWorksOn() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let run = try await service.launch("")
                let second = try await service.cli("serve", "--dir", service.directory)
                #expect(second.code == 1)
                #expect(second.output.isEmpty)
                #expect(second.errors.isOneLine, "\(second.errors)")
                #expect(
                    second.errors.contains("another server has the store: process \(service.process.processIdentifier)")
                )
                try await service.send(run, "go")
                try await service.wait(run, .finished)

                service.kill()
                try await service.start()
                #expect(try await service.summary(run).status == .finished)
            }
        }
    }
}
