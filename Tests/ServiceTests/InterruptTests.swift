import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct InterruptTests {
        /// The race of an interrupt with the beginning of the first model call: it is neither lost nor overtaken.
        @Test func inTheInstantAfterLaunchIsNotLost() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "answer"}]"#) { service, model in
                var runs: [String] = []
                for _ in 1...50 {
                    let run = try await service.launch()
                    let reply = try await service.interrupt(run)
                    #expect(reply.changed)
                    #expect(reply.run.status == .paused)
                    #expect(reply.run.hold.cause == .interrupted)
                    runs.append(run)
                }
                for run in runs {
                    #expect(try await service.summary(run).status == .paused)
                    let kinds = try await service.events(run).map { $0.kindName }
                    #expect(kinds == ["launched", "messageQueued", "modelCalled", "held", "modelCut"])
                }
                // Whatever got as far as the model was left.
                for entry in model.log.entries() { _ = await model.log.entry(entry.number, reaches: .closed) }
                model.gates.open("answer")
                for run in runs {
                    try await service.resume(run)
                    #expect(try await service.wait(run, .finished).lastMessage == "Done.")
                }
            }
        }

        static let hostileCommand = """
            mark() { exec -a "$0-$1" sleep 300; }
            exec 2>/dev/null
            # One in the background, one in a session of its own and orphaned twice, one that ignores signals.
            (trap '' TERM INT HUP; echo > started; mark background) &
            ( (setsid bash -c 'echo > started; exec -a MARK-setsid sleep 300' &) & )
            ( (MARKED=MARK setsid nohup bash -c 'cd /; trap "" TERM HUP; echo > WORKSPACE/started; exec sleep 300' \
            </dev/null >/dev/null &) & )
            echo > started
            sleep 300
            """

        @Test(arguments: ["interrupt", "stop"])
        func leavesNoProcessBehind(_ command: String) async throws {
            let workspace = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: workspace) }
            let marker = "fermata-marked-" + UUID().uuidString
            let text = InterruptTests.hostileCommand
                .replacing("$0", with: marker).replacing("MARK-", with: marker + "-")
                .replacing("=MARK ", with: "=" + marker + " ").replacing("WORKSPACE", with: workspace)
            let arguments = String(decoding: try JSONEncoder().encode(["command": text]), as: UTF8.self)
            let script = """
                [{"tool_calls": [{"name": "terminal", "arguments": \(arguments)}]}, {"text": "Done."}]
                """
            try await Service.run(script: script) { service, model in
                let started = try Fifo(in: workspace, named: "started")
                let run = try await service.launch("go") { $0.workspace = workspace }
                await started.lines(4)
                #expect(processes(marked: marker).count >= 4)

                let reply = try await command == "stop" ? service.stop(run) : service.interrupt(run)
                #expect(reply.changed)
                let gone = try await service.event(run) { if case .callGone = $0 { true } else { false } }
                #expect(processes(marked: marker) == [])

                let ended = try await service.event(run) { if case .callEnded = $0 { true } else { false } }
                #expect(ended.seq < gone.seq)
                #expect(ended.callEnded.outcome == .callInterrupted)
                #expect(ended.callEnded.killing)
                if command == "stop" {
                    #expect(try await service.summary(run).status == .stopped)
                } else {
                    #expect(try await service.wait(run, .paused).lastSeq == gone.seq)
                    try await service.resume(run)
                    try await service.wait(run, .finished)
                    let shown = try model.log.shown(2)
                    #expect(shown.count == 3)
                    #expect(shown.last?.contains("[Interrupted by the operator") == true)
                }
            }
        }

        @Test func theTextSoFarStaysAndIsMarkedInTheNextRequest() async throws {
            try await Streaming.run { service, model, run in
                try await service.interrupt(run)
                let cut = try await service.event(run) { if case .modelCut = $0 { true } else { false } }.modelCut
                #expect(cut.cause == .byInterrupt)
                #expect(!cut.text.isEmpty)
                #expect(Streaming.text.hasPrefix(cut.text))

                try await service.resume(run, "Go on.")
                try await service.wait(run, .finished)
                #expect(
                    try model.log.shown(2) == [
                        "user: stream", "assistant: \(cut.text)",
                        "user: [Your answer above was cut off here before it was complete.]", "user: Go on.",
                    ])
            }
        }

        @Test func ofAModelThatHasSaidNothingLeavesNothingInTheConversation() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "answer"}]"#) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                try await service.interrupt(run)
                _ = await model.log.entry(1, reaches: .closed)
                model.gates.open("answer")
                try await service.resume(run)
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2) == ["user: go"])
            }
        }

        @Test func halfAToolCallIsDropped() async throws {
            let half = #"""
                {"match": "user: half", "text": "Looking. ", "gate": "answer", "gate_after_tokens": 3,
                 "tool_calls": [{"name": "terminal", "arguments": {"command": "echo a long command that is cut"}}]},
                """#
            try await Streaming.run(turns: half) { service, model, _ in
                let run = try await Streaming.launch("half", service)
                await model.gates.awaited("answer")
                try await service.interrupt(run)
                #expect(try await service.resume(run).run.openCalls == 0)
                try await service.wait(run, .finished)
                #expect(
                    try model.log.shown(3) == [
                        "user: half", "assistant: Looking. ",
                        "user: [Your answer above was cut off here before it was complete.]",
                    ])
            }
        }
    }
}
