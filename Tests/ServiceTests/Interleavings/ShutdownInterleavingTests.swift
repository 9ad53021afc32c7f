import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings with an orderly end of the server, by SIGTERM, in the middle of something. It cuts as an interrupt
    /// does, and holds nothing: what was on hold stays so, everything else goes on at the next start.
    @Suite(.timeLimit(.minutes(2))) struct ShutdownInterleavingTests {
        static let choose = #"""
            {"match": "user: choose", "tool_calls": [\#(Scene.call("a")), \#(Scene.call("b"))], "gate": "choose"}
            """#
        static let script = choose + #", {"match": "", "text": "Done.", "gate": "end"}"#

        /// Ended while a pause lets the model finish: it cannot wait for that, so the call is cut, by the shutdown. The
        /// hold stays; the resume begins a new step, as after an interrupt.
        @Test func whilePausingForTheModel() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch(upTo: "end")
                try await scene.service.pause(run)
                try await scene.restart()
                #expect(try await scene.service.summary(run).status == .paused)
                #expect(try await scene.service.events(run).compactMap(\.modelCutValue).map(\.cause) == [.byShutdown])
                scene.open("end")
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.modelCalls(run).map(\.step) == [1, 2])
            }
        }

        /// Ended while a pause lets a tool finish: the tool is killed and its output so far is the result. The hold
        /// stays, and the second call starts with the resume.
        @Test func whilePausingForATool() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                try await scene.service.pause(run)
                try await scene.restart()
                #expect(try await scene.service.summary(run).status == .paused)
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted])
                goSecond.send()
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted, .callFinished])
            }
        }

        /// Ended while a tool executes and nothing is on hold: the tool is killed and gone before the server ends, and
        /// the second call starts with the server.
        @Test func whileAToolExecutes() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (begunSecond, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                try await scene.restart()
                await begunSecond.lines(1)
                goSecond.send()
                try await scene.service.wait(run, .finished)
                let kinds = try await scene.kinds(run).dropFirst(5)
                #expect(
                    kinds.prefix(4) == ["callEnded", "callGone", "callStarted", "callEnded"]
                        || kinds.prefix(4) == ["callEnded", "callStarted", "callGone", "callEnded"])
            }
        }

        /// Ended while an interrupted tool is not yet gone: the server waits for its end before its own. After the
        /// start the run is `PAUSED`, and nothing of the tool is told again.
        @Test func whileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                try await scene.service.interrupt(run)
                async let code = scene.service.terminate()
                grip.release()
                #expect(await code == 0)
                try await scene.service.start()
                #expect(try await scene.service.summary(run).status == .paused)
                #expect(try await scene.kinds(run).suffix(3) == ["held", "callEnded", "callGone"])
            }
        }

        /// Ended while a message `NOW` waits behind an executing tool: the tool is cut. The calls that had not started
        /// were superseded by then, and the model sees the message with the next call.
        @Test func whileNowWaits() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                try await scene.service.send(run, "Only that.", .now)
                try await scene.restart()
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callSuperseded, .callInterrupted])
                #expect(try scene.model.log.shown(2).last == "user: Only that.")
            }
        }

        /// Ended while an ask is open, a hold is set and its answer is there: nothing is in flight, so nothing is cut.
        /// At the start the run is as it was, to the event.
        @Test func whileNothingIsInFlight() async throws {
            try await Scene.play(#"{"tool_calls": [\#(Scene.ask()), \#(Scene.ask())]}, {"text": "Done."}"#) { scene in
                let run = try await scene.launch()
                try await scene.service.wait(run, .waiting)
                try await scene.service.pause(run)
                let before = try await scene.service.answer(run, 1, "This.").run.lastSeq
                try await scene.restart()
                let after = try await scene.service.summary(run)
                #expect(after.lastSeq == before && after.status == .paused && after.openAsks == [2])
            }
        }

        /// Operators wait for statuses, for an event, and follow the run, while it is paused, the server ended,
        /// started, and the run resumed. Each of them gets what it waited for, once; who follows sees the whole
        /// journal.
        @Test func whileOthersRead() async throws {
            try await Scene.play(Self.script) { scene in
                let service = scene.service
                let run = try await scene.launch(upTo: "end")
                let seq = try await service.summary(run).lastSeq
                let tail = try await service.client.tail(run: RunID(run))
                let follower = Task {
                    var seen: [FermataEvent] = []
                    for try await event in tail {
                        seen.append(event)
                        if event.kindName == "modelAnswered" { break }
                    }
                    return seen
                }
                async let pausing = service.wait(run, .pausing)
                async let next = service.event(run, after: seq) { _ in true }
                async let finished = service.wait(run, .finished)
                try await service.pause(run)
                #expect(try await pausing.status == .pausing)
                #expect(try await next.kindName == "held")
                try await scene.restart()
                scene.open("end")
                try await service.resume(run)
                #expect(try await finished.lastMessage == "Done.")
                let seen = try await follower.value
                #expect(try await seen == service.events(run))
            }
        }
    }
}
