import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct SendTests {
        static let twoCalls = #"""
            {"match": "user: choose", "gate": "choose", "tool_calls": [
              {"name": "terminal", "arguments": {"command": "echo > started; read word < go; echo first > first"}},
              {"name": "terminal", "arguments": {"command": "echo second > second"}}
            ]},
            """#
        static let script = "[\(twoCalls) {\"match\": \"\", \"text\": \"Done.\"}]"

        @Test func duringTheLastModelCallIsAnswered() async throws {
            let script = #"[{"text": "First.", "gate": "first"}, {"text": "Second."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("first")
                #expect(try await service.send(run, "And this?").run.queuedMessages == 1)
                model.gates.open("first")
                // It was not finished in between.
                #expect(try await service.wait(run, .finished).lastMessage == "Second.")
                #expect(try model.log.shown(2) == ["user: go", "assistant: First.", "user: And this?"])
            }
        }

        /// The race of a message with the answer that ends the turn: whichever comes first, the message is answered.
        @Test func inTheInstantInWhichTheTurnEndsIsAnswered() async throws {
            let script = #"[{"text": "First.", "gate": "first"}, {"text": "Second."}]"#
            try await Service.run(script: script) { service, model in
                for _ in 1...25 {
                    model.gates.close("first")
                    let run = try await service.launch()
                    await model.gates.awaited("first")
                    async let sending = service.send(run, "And this?")
                    model.gates.open("first")
                    let message = try await sending.message
                    try await service.event(run) {
                        if case .modelCalled(let call) = $0 { call.delivered.contains(message) } else { false }
                    }
                    let summary = try await service.wait(run, .finished)
                    #expect(summary.lastMessage == "Second.")
                    #expect(summary.queuedMessages == 0)
                    let calls = try await service.events(run).filter { $0.kindName == "modelCalled" }
                    #expect(calls.map(\.modelCalled.delivered) == [[1], [2]])
                }
            }
        }

        @Test func neverAnswersAnAsk() async throws {
            let script = #"""
                [{"tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]}, {"text": "Done."}]
                """#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                try await service.wait(run, .waiting)
                for delivery in [FermataDelivery.nextStep, .whenIdle] {
                    let reply = try await service.send(run, "This one.", delivery)
                    #expect(reply.run.status == .waiting)
                    #expect(reply.run.openAsks == [1])
                }
                try await service.answer(run, 1, "That one.")
                try await service.event(run) {
                    if case .modelAnswered(let answer) = $0 { answer.step == 2 } else { false }
                }
                #expect(
                    try model.log.shown(2)
                        == ["user: go", "assistant:  [ask_human]", "tool: That one.", "user: This one."])
            }
        }

        @Test func nowUnderAHoldSupersedesTheSelectedCalls() async throws {
            try await Service.run(script: SendTests.script) { service, model in
                let run = try await service.launch("choose")
                await model.gates.awaited("choose")
                try await service.pause(run)
                model.gates.open("choose")
                let paused = try await service.wait(run, .paused)
                #expect(paused.openCalls == 2)

                let reply = try await service.send(run, "Stop that.", .now)
                #expect(reply.run.status == .paused)
                #expect(reply.run.openCalls == 0)
                #expect(model.log.entries().count == 1)
                let ended = try await service.events(run).filter { $0.kindName == "callEnded" }.map(\.callEnded)
                #expect(ended.map(\.outcome) == [.callSuperseded, .callSuperseded])
                #expect(ended.map(\.attempt) == [0, 0])

                try await service.resume(run)
                try await service.wait(run, .finished)
                let superseded = "tool: [Not executed: superseded by a message from the operator.]"
                #expect(
                    try model.log.shown(2) == [
                        "user: choose", "assistant:  [terminal terminal]", superseded, superseded, "user: Stop that.",
                    ])
                for file in ["first", "second"] {
                    #expect(!FileManager.default.fileExists(atPath: paused.workspace + "/" + file))
                }
            }
        }

        @Test func nowUnderAHoldSparesTheModelCall() async throws {
            try await Service.run(script: SendTests.script) { service, model in
                let run = try await service.launch("choose")
                await model.gates.awaited("choose")
                try await service.pause(run)
                #expect(try await service.send(run, "Stop that.", .now).run.status == .pausing)
                model.gates.open("choose")
                let paused = try await service.wait(run, .paused)
                #expect(paused.openCalls == 0)
                #expect(model.log.entry(1)?.end == .complete)
                #expect(try await service.events(run).allSatisfy { $0.kindName != "modelCut" })
                try await service.resume(run)
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2).last == "user: Stop that.")
            }
        }

        @Test func nowLetsAnExecutingToolGoOnAndSupersedesTheOthers() async throws {
            try await Service.run(script: SendTests.script) { service, model in
                let workspace = try Service.temporaryDirectory()
                defer { try? FileManager.default.removeItem(atPath: workspace) }
                let started = try Fifo(in: workspace, named: "started")
                let go = try Fifo(in: workspace, named: "go")
                model.gates.open("choose")
                let run = try await service.launch("choose") { $0.workspace = workspace }
                await started.lines(1)
                let reply = try await service.send(run, "Only that.", .now)
                #expect(reply.run.status == .running)
                #expect(reply.run.openCalls == 1)
                go.send()
                try await service.wait(run, .finished)
                let shown = try model.log.shown(2)
                #expect(
                    shown.dropFirst(2) == [
                        "tool: [no output, exit code 0]",
                        "tool: [Not executed: superseded by a message from the operator.]", "user: Only that.",
                    ])
                #expect(FileManager.default.fileExists(atPath: workspace + "/first"))
                #expect(!FileManager.default.fileExists(atPath: workspace + "/second"))
            }
        }

        @Test func nowCutsAModelCallThatStreams() async throws {
            try await Streaming.run { service, model, run in
                let reply = try await service.send(run, "Shorter!", .now)
                #expect(reply.run.status == .running)
                _ = await model.log.entry(1, reaches: .closed)
                #expect(try await service.wait(run, .finished).lastMessage == "Done.")
                let cut = try await service.event(run) { if case .modelCut = $0 { true } else { false } }.modelCut
                #expect(cut.cause == .byMessage)
                #expect(!cut.text.isEmpty)
                #expect(Streaming.text.hasPrefix(cut.text))
                #expect(
                    try model.log.shown(2) == [
                        "user: stream", "assistant: \(cut.text)",
                        "user: [Your answer above was cut off here before it was complete.]", "user: Shorter!",
                    ])
            }
        }

        @Test func nowClosesAnAsk() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.waiting.enter(service)
                let reply = try await service.send(run, "finish", .now)
                #expect(reply.run.status == .running)
                #expect(reply.run.openAsks == [])
                try await service.refused(.askClosed) { try await service.answer(run, 1, "This one.") }
                try await service.wait(run, .finished)
            }
        }

        @Test func whenIdleHasATurnForEachMessage() async throws {
            let script = #"[{"text": "First.", "gate": "first"}, {"text": "Second."}, {"text": "Third."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("first")
                try await service.send(run, "two", .whenIdle)
                try await service.send(run, "three", .whenIdle)
                model.gates.open("first")
                #expect(try await service.wait(run, .finished).lastMessage == "Third.")
                #expect(
                    try model.log.shown(3)
                        == ["user: go", "assistant: First.", "user: two", "assistant: Second.", "user: three"])
            }
        }

        @Test func whenIdleWaitsBehindAFailedTurn() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.failed.enter(service)
                let reply = try await service.send(run, "finish", .whenIdle)
                #expect(reply.run.status == .failed)
                #expect(reply.run.queuedMessages == 1)
            }
        }

        @Test func canBeWithdrawnUntilItIsDelivered() async throws {
            let script = #"[{"text": "First.", "gate": "first"}, {"text": "Second."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("first")
                let slip = try await service.send(run, "A slip.").message
                let wanted = try await service.send(run, "Wanted.").message
                func withdraw(_ number: UInt32) async throws -> FermataCommandReply {
                    try await service.client.send(
                        FermataWithdraw.with {
                            $0.run = run
                            $0.message = number
                        })
                }
                let reply = try await withdraw(slip)
                #expect(reply.changed)
                #expect(reply.run.queuedMessages == 1)
                try await service.refused(.noSuchMessage) { _ = try await withdraw(slip) }
                try await service.refused(.noSuchMessage) { _ = try await withdraw(99) }
                try await service.refused(.alreadyDelivered) { _ = try await withdraw(1) }
                model.gates.open("first")
                try await service.wait(run, .finished)
                try await service.refused(.alreadyDelivered) { _ = try await withdraw(wanted) }
                #expect(try model.log.shown(2) == ["user: go", "assistant: First.", "user: Wanted."])
            }
        }
    }
}
