import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings of operators with a tool's own end, with its being killed, and with limits.
    @Suite(.timeLimit(.minutes(2))) struct ToolInterleavingTests {
        static let choose = #"""
            {"match": "user: choose", "tool_calls": [\#(Scene.call("a")), \#(Scene.call("b"))], "gate": "choose"}
            """#
        static let script = choose + #", {"match": "", "text": "Done.", "gate": "end"}"#
        /// One step with a tool, then the end.
        static let step = #"{"tool_calls": [\#(Scene.call("a"))]}, {"match": "tool: ", "text": "Done."}"#

        /// An operator interrupts in the moment in which the tool ends by itself. End first: the call is finished, and
        /// the interrupt meets the second one. Interrupt first: it is interrupted, and whatever its end brings changes
        /// nothing. One result in any case.
        @Test func interruptAndTheToolsEnd() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, go) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                for _ in 1...6 {
                    let run = try await scene.launch("choose")
                    await begun.lines(1)
                    _ = try await scene.race(FermataInterrupt.of(run)) { go.send() }
                    try await scene.service.wait(run, .paused)
                    let ended = try await scene.ended(run)
                    if ended[0].outcome == .callFinished {
                        #expect(ended.map(\.outcome) == [.callFinished, .callInterrupted])
                        #expect(!ended[0].killing && ended[1].killing)
                    } else {
                        #expect(ended.map(\.outcome) == [.callInterrupted] && ended[0].killing)
                        goSecond.send()
                    }
                    try await scene.service.resume(run)
                    try await scene.service.wait(run, .finished)
                    #expect(try await scene.ended(run).count == 2)
                    // What an interrupted tool did not read any more is not for the next round's.
                    go.drain()
                    goSecond.drain()
                }
            }
        }

        /// An operator pauses in the moment in which the tool ends. Whichever is first: the call is finished, and no
        /// call starts after the pause was acknowledged.
        @Test func pauseAndTheToolsEnd() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, go) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                for _ in 1...6 {
                    let run = try await scene.launch("choose")
                    await begun.lines(1)
                    let pause = try await scene.race(FermataPause.of(run)) { go.send() }
                    goSecond.send()
                    try await scene.service.wait(run, .paused)
                    let kinds = try await scene.kinds(run)
                    #expect(pause.isChange && !kinds.drop { $0 != "held" }.contains("callStarted"))
                    try await scene.service.resume(run)
                    try await scene.service.wait(run, .finished)
                    #expect(try await scene.ended(run).map(\.outcome) == [.callFinished, .callFinished])
                }
            }
        }

        /// An operator resumes while the interrupted tool is not yet gone. The run is `RUNNING`, the hold is gone, and
        /// the second call starts only when no process of the first is left: it may still write where this one reads.
        @Test func resumeWhileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (begunSecond, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                #expect(try await scene.service.interrupt(run).run.status == .pausing)
                #expect(try await scene.service.resume(run).run.status == .running)
                #expect(try await scene.kinds(run).last == "holdLifted")
                grip.release()
                await begunSecond.lines(1)
                goSecond.send()
                try await scene.service.wait(run, .finished)
                #expect(
                    try await scene.kinds(run).dropFirst(5).prefix(6)
                        == ["held", "callEnded", "holdLifted", "callGone", "callStarted", "callEnded"])
            }
        }

        /// While the interrupted tool is not yet gone, an operator sends `NOW` and another resumes. The second call is
        /// superseded, so nothing has to wait for the killed tool: the model is called at once.
        @Test func nowAndResumeWhileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                scene.open("end")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                try await scene.service.interrupt(run)
                #expect(try await scene.service.send(run, "Leave it.", .now).run.status == .pausing)
                try await scene.service.resume(run)
                try await scene.event("modelAnswered", run, after: 5)
                // The turn is over, and yet something is being killed.
                #expect(try await scene.service.summary(run).status == .running)
                grip.release()
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted, .callSuperseded])
            }
        }

        /// An operator interrupts, another interrupts again while the tool is not yet gone: there is nothing left to
        /// cut, so the second changes nothing, and the first one's hold stays with its reason.
        @Test func twoInterruptsWhileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                var first = FermataInterrupt.of(run)
                first.reason = "too long"
                #expect(try await scene.command(first).isChange)
                let second = try await scene.service.interrupt(run)
                #expect(!second.changed && second.run.status == .pausing && second.run.hold.reason == "too long")
                grip.release()
                try await scene.service.wait(run, .paused)
                #expect(try await scene.kinds(run).suffix(3) == ["held", "callEnded", "callGone"])
            }
        }

        /// An operator stops the run while the interrupted tool is not yet gone. The call has its result; the other one
        /// is cancelled, the run `STOPPED` at once, and that the tool is gone comes after it.
        @Test func stopWhileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                try await scene.service.interrupt(run)
                #expect(try await scene.service.stop(run).run.status == .stopped)
                grip.release()
                try await scene.event("callGone", run)
                #expect(
                    try await scene.kinds(run).dropFirst(5)
                        == ["held", "callEnded", "callEnded", "stopped", "callGone"])
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted, .callCancelled])
            }
        }

        /// A pause lets a tool finish; an interrupt kills it after all, and becomes the hold: with one's token gone and
        /// the other's valid.
        @Test func interruptWhilePausing() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                let pause = try await scene.service.client.send(FermataPause.of(run, token: true))
                let interrupt = try await scene.service.client.send(FermataInterrupt.of(run, token: true))
                #expect(try await scene.command(FermataResume.of("", token: pause.resumeToken)).isRefused(.tokenUsed))
                try await scene.service.wait(run, .paused)
                goSecond.send()
                #expect(try await scene.command(FermataResume.of("", token: interrupt.resumeToken)).isChange)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted, .callFinished])
            }
        }

        /// The last step that a limit allows ends under a pause. The limit is not looked at under a hold: it shows when
        /// the hold lifts, as an ask. Its answer grants as much again.
        @Test func limitUnderAPause() async throws {
            try await Scene.play(Self.step) { scene in
                let (begun, go) = try scene.tool("a")
                let run = try await scene.launch { $0.limits.maxSteps = 1 }
                await begun.lines(1)
                try await scene.service.pause(run)
                go.send()
                #expect(try await !scene.service.wait(run, .paused).hasFailure)
                let lifted = try await scene.service.resume(run).run
                #expect(lifted.status == .waiting && lifted.openAsks == [1])
                #expect(try await scene.service.answer(run, 1, "", .raise).run.status == .running)
                #expect(try await scene.service.wait(run, .finished).lastMessage == "Done.")
            }
        }

        /// An operator pauses in the moment in which the last tool of the last step that a limit allows ends. Pause
        /// first: `PAUSED`, and the run asks when it lifts. End first: the run has asked, and is paused. No model call
        /// is made in either case.
        @Test func limitAndPause() async throws {
            try await Scene.play(Self.step) { scene in
                let (begun, go) = try scene.tool("a")
                for _ in 1...6 {
                    let run = try await scene.launch { $0.limits.maxSteps = 1 }
                    await begun.lines(1)
                    let pause = try await scene.race(FermataPause.of(run)) { go.send() }
                    #expect(pause.isChange)
                    try await scene.service.wait(run, .paused)
                    let lifted = try await scene.service.resume(run).run
                    #expect(lifted.status == .waiting && lifted.openAsks == [1])
                    #expect(try await scene.modelCalls(run).count == 1)
                }
            }
        }

        /// A limit is reached while a message waits, and the server is killed: the ask is there at the start as well,
        /// and the message still waits. A message more changes nothing. The answer grants as much again, and the model
        /// sees both.
        @Test func limitMessageAndCrash() async throws {
            let script = #"{"tool_calls": [\#(Scene.call("a"))]}, {"match": "user: And", "text": "Done."}"#
            try await Scene.play(script) { scene in
                let (begun, go) = try scene.tool("a")
                let run = try await scene.launch { $0.limits.maxSteps = 1 }
                await begun.lines(1)
                try await scene.service.send(run, "One.")
                go.send()
                let asking = try await scene.service.wait(run, .waiting)
                try await scene.crash()
                #expect(try await scene.service.summary(run) == asking)
                #expect(try await scene.service.send(run, "And this.", .now).run.status == .waiting)
                try await scene.service.answer(run, 1, "", .raise)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.modelCalls(run).map(\.delivered) == [[1], [2, 3]])
            }
        }
    }
}
