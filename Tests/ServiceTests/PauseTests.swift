import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct PauseTests {
        @Test func duringTheLastModelCallLeavesPausedAndLiftedItIsFinished() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "answer"}]"#) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                #expect(try await service.pause(run).run.status == .pausing)
                model.gates.open("answer")

                let paused = try await service.wait(run, .paused)
                #expect(paused.lastMessage == "Done.")
                #expect(paused.hold.cause == .requested)
                #expect(try await service.resume(run).run.status == .finished)
                #expect(model.log.entries().count == 1)
            }
        }

        @Test func leavesTheCallsThatTheModelChoseSelected() async throws {
            let script = #"""
                [
                  {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo ran >> log"}}], "gate": "answer"},
                  {"text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                try await service.pause(run)
                model.gates.open("answer")
                let paused = try await service.wait(run, .paused)
                let calls = try await service.client.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.calls = true
                    }
                ).calls
                #expect(calls.map(\.state) == [.selected])
                #expect(!FileManager.default.fileExists(atPath: paused.workspace + "/log"))

                #expect(try await service.resume(run).run.status == .running)
                try await service.wait(run, .finished)
                #expect(try String(contentsOfFile: paused.workspace + "/log", encoding: .utf8) == "ran\n")
            }
        }

        /// A hold lifts itself when its time has come, and not with the next second: also of a run that is only rows, as all
        /// are after a restart.
        @Test func liftsItselfInTimeAfterARestart() async throws {
            try await Service.run(script: "[]") { service, _ in
                let lengths: [UInt64] = [2_600, 2_950, 3_300]
                var holds: [(run: String, length: UInt64)] = []
                for length in lengths {
                    let run = try await service.launch("") { $0.task = "" }
                    let pause = FermataPause.with {
                        $0.run = run
                        $0.resumeAfterMs = length
                    }
                    _ = try await service.client.send(pause)
                    holds.append((run, length))
                }
                service.kill()
                try await service.start()
                var late: [Int64] = []
                for (run, length) in holds {
                    try await service.event(run) { if case .holdLifted = $0 { true } else { false } }
                    let events = try await service.events(run)
                    let held = try #require(events.last { $0.kindName == "held" })
                    let lifted = try #require(events.last { $0.kindName == "holdLifted" })
                    late.append(lifted.at - held.at - Int64(length) * 1000)
                }
                // With ticks of a second, of three that are a third of one apart one was late by two thirds.
                #expect(late.allSatisfy { $0 >= 0 && $0 < 600_000 }, "\(late)")
            }
        }

        /// The race of a pause with the answer that chooses a call: whichever comes first, nothing starts after the
        /// pause was acknowledged.
        @Test func nothingStartsAfterItWasAcknowledged() async throws {
            let script = #"""
                [
                  {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo ran >> log"}}], "gate": "choose"},
                  {"text": "Done.", "gate": "end"}
                ]
                """#
            try await Service.run(script: script) { service, model in
                for _ in 1...25 {
                    model.gates.close("choose")
                    model.gates.close("end")
                    let run = try await service.launch()
                    await model.gates.awaited("choose")
                    async let pausing = service.pause(run)
                    model.gates.open("choose")
                    let acknowledged = try await pausing.run.lastSeq
                    model.gates.open("end")
                    let paused = try await service.wait(run, .paused)

                    for event in try await service.events(run) where event.seq > acknowledged {
                        switch event.kind {
                        case .callStarted, .modelCalled: Issue.record("it started after the pause: \(event)")
                        default: break
                        }
                    }
                    try await service.resume(run)
                    try await service.wait(run, .finished)
                    #expect(try String(contentsOfFile: paused.workspace + "/log", encoding: .utf8) == "ran\n")
                }
            }
        }

        @Test func twoAreOneEvent() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.modelInFlight.enter(service)
                let before = try await service.summary(run).lastSeq
                async let one = service.pause(run)
                async let other = service.pause(run)
                let replies = try await [one, other]
                #expect(replies.count { $0.changed } == 1)
                #expect(try await !service.pause(run).changed)
                #expect(try await service.events(run).filter { $0.seq > before }.map(\.kindName) == ["held"])
            }
        }

        @Test func anExecutingToolFinishesAndTheNextDoesNotStart() async throws {
            let script = #"""
                [
                  {"tool_calls": [
                    {"name": "terminal", "arguments": {"command": "echo > started; read word < go; echo $word"}},
                    {"name": "terminal", "arguments": {"command": "echo second"}}
                  ]},
                  {"text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let workspace = try Service.temporaryDirectory()
                defer { try? FileManager.default.removeItem(atPath: workspace) }
                let started = try Fifo(in: workspace, named: "started")
                let go = try Fifo(in: workspace, named: "go")
                let run = try await service.launch("go") { $0.workspace = workspace }
                await started.lines(1)
                #expect(try await service.pause(run).run.status == .pausing)
                go.send()
                try await service.wait(run, .paused)
                let reply = try await service.client.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.calls = true
                    })
                #expect(reply.calls.map(\.state) == [.ended, .selected])
                #expect(reply.calls[0].outcome == .callFinished)

                try await service.resume(run)
                try await service.wait(run, .finished)
                #expect(
                    try model.log.shown(2)
                        == ["user: go", "assistant:  [terminal terminal]", "tool: go\n", "tool: second\n"])
            }
        }

        @Test func aMessageNeverLiftsIt() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.interrupted.enter(service)
                let held = try await service.summary(run).lastSeq
                for delivery in [FermataDelivery.nextStep, .now, .whenIdle] {
                    #expect(try await service.send(run, "hang", delivery).run.status == .paused)
                }
                let summary = try await service.summary(run)
                #expect(summary.status == .paused)
                #expect(summary.queuedMessages == 3)
                let since = try await service.events(run).filter { $0.seq > held }
                #expect(since.map(\.kindName) == ["messageQueued", "messageQueued", "messageQueued"])
            }
        }
    }
}
