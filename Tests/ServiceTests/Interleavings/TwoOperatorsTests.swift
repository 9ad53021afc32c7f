import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings of two operators who command one run at once. The journal says who came first, and DESIGN's table
    /// what each of them is told then.
    @Suite(.timeLimit(.minutes(2))) struct TwoOperatorsTests {
        static let choose = #"{"match": "user: choose", "tool_calls": [\#(Scene.call("a"))], "gate": "choose"}"#
        static let end = #"{"match": "", "text": "Done.", "gate": "end"}"#
        static let script = [choose, end].joined(separator: ",")

        /// Two operators pause at once. One of them sets the hold; the other is told that nothing changed, and names
        /// the same hold.
        @Test func twoPauses() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...5 {
                    let run = try await scene.launch(upTo: "end")
                    let (one, other) = try await scene.race(FermataPause.of(run), FermataPause.of(run))
                    #expect([one, other].count { $0.isChange } == 1)
                    #expect(one.reply?.run.hold == other.reply?.run.hold)
                    scene.open("end")
                    #expect(try await scene.service.wait(run, .paused).lastMessage == "Done.")
                    #expect(try await scene.kinds(run).count { $0 == "held" } == 1)
                    #expect(try await scene.service.resume(run).run.status == .finished)
                }
            }
        }

        /// One operator pauses while another interrupts, and the model is in flight. Pause first: the interrupt cuts
        /// what the pause would have let finish, and the hold becomes its own. Interrupt first: the pause changes
        /// nothing. In the end the run is `PAUSED`, `INTERRUPTED`, and the model call is cut once.
        @Test func pauseAndInterrupt() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...5 {
                    let run = try await scene.launch(upTo: "end")
                    let (pause, interrupt) = try await scene.race(FermataPause.of(run), FermataInterrupt.of(run))
                    #expect(interrupt.isChange)
                    let summary = try await scene.service.summary(run)
                    #expect(summary.status == .paused && summary.hold.cause == .interrupted)
                    let first = ["launched", "messageQueued", "modelCalled"]
                    #expect(
                        try await scene.kinds(run)
                            == first + (pause.isChange ? ["held", "held", "modelCut"] : ["held", "modelCut"]))
                }
            }
        }

        /// An operator interrupts in the moment in which the answer that ends the turn comes. Answer first: the run is
        /// `FINISHED` and the interrupt refused. Interrupt first: the answer is cut, and what comes of it later changes
        /// nothing.
        @Test func interruptAndTheTurnsEnd() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...8 {
                    let run = try await scene.launch(upTo: "end")
                    let interrupt = try await scene.race(FermataInterrupt.of(run)) { scene.open("end") }
                    let kinds = try await scene.kinds(run).dropFirst(3)
                    if interrupt.isChange {
                        #expect(kinds == ["held", "modelCut"])
                        try await scene.service.resume(run)
                        try await scene.service.wait(run, .finished)
                    } else {
                        #expect(interrupt.isRefused(.wrongStatus))
                        #expect(kinds == ["modelAnswered"])
                        #expect(try await scene.service.summary(run).status == .finished)
                    }
                }
            }
        }

        /// One operator resumes what another interrupts, at once; a call is selected. Interrupt first: it changes
        /// nothing (the run is still), and the resume lets the call start. Resume first: the call has started, and the
        /// interrupt kills it.
        @Test func interruptAndResume() async throws {
            try await Scene.play(Self.script) { scene in
                let (_, go) = try scene.tool("a")
                scene.open("end")
                for _ in 1...5 {
                    let run = try await scene.launch("choose", upTo: "choose")
                    try await scene.service.pause(run)
                    scene.open("choose")
                    try await scene.service.wait(run, .paused)
                    let (interrupt, resume) = try await scene.race(FermataInterrupt.of(run), FermataResume.of(run))
                    #expect(resume.isChange)
                    if interrupt.isChange {
                        #expect(try await scene.service.wait(run, .paused).hold.cause == .interrupted)
                        #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted])
                        try await scene.service.resume(run)
                    } else {
                        go.send()
                    }
                    try await scene.service.wait(run, .finished)
                    #expect(try await scene.ended(run).map(\.attempt) == [1])
                }
            }
        }

        /// One operator resumes a run while another stops it for good. Resume first: the call starts and the stop kills
        /// it. Stop first: the resume is refused. `STOPPED` in any case, and the call has one result.
        @Test func resumeAndStop() async throws {
            try await Scene.play(Self.script) { scene in
                _ = try scene.tool("a")
                for _ in 1...5 {
                    let run = try await scene.launch("choose", upTo: "choose")
                    try await scene.service.pause(run)
                    scene.open("choose")
                    try await scene.service.wait(run, .paused)
                    let (resume, stop) = try await scene.race(FermataResume.of(run), FermataStop.of(run))
                    #expect(stop.isChange)
                    #expect(resume.isChange || resume.isRefused(.wrongStatus))
                    #expect(try await scene.service.summary(run).status == .stopped)
                    #expect(
                        try await scene.ended(run).map(\.outcome)
                            == [resume.isChange ? .callInterrupted : .callCancelled])
                    if resume.isChange { try await scene.event("callGone", run) }
                }
            }
        }

        /// Two operators resume at once, each with a message. One lifts the hold, and only one can: to the other the
        /// run goes on already. Each message is queued and shown once.
        @Test func twoResumes() async throws {
            try await Scene.play(Self.script) { scene in
                scene.open("end")
                for _ in 1...5 {
                    let run = try await scene.launch("")
                    try await scene.service.pause(run)
                    try await scene.service.send(run, "go")
                    let (one, other) = try await scene.race(
                        FermataResume.of(run, text: "one"), FermataResume.of(run, text: "other"))
                    #expect(one.isChange && other.isChange)
                    #expect(try await scene.lifted(run) == [.byResume])
                    try await scene.service.wait(run, .finished)
                    let delivered = try await scene.modelCalls(run).flatMap(\.delivered)
                    #expect(delivered == [1, 2, 3])
                }
            }
        }

        /// One operator pauses a run that another one resumes, at once, and it was running. Resume first: it changes
        /// nothing and the pause holds. Pause first: the resume lifts it.
        @Test func pauseAndResume() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...5 {
                    let run = try await scene.launch(upTo: "end")
                    let (pause, resume) = try await scene.race(FermataPause.of(run), FermataResume.of(run))
                    #expect(pause.isChange && resume.reply != nil)
                    scene.open("end")
                    if resume.isChange {
                        try await scene.service.wait(run, .finished)
                        #expect(try await scene.kinds(run).suffix(3) == ["held", "holdLifted", "modelAnswered"])
                    } else {
                        try await scene.service.wait(run, .paused)
                        #expect(try await scene.kinds(run).suffix(2) == ["held", "modelAnswered"])
                    }
                }
            }
        }

        /// Two operators stop a run at once, a tool executes. One of them stops it; the tool is killed once and gone
        /// once.
        @Test func twoStops() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                for _ in 1...3 {
                    let run = try await scene.launch("choose")
                    await begun.lines(1)
                    let (one, other) = try await scene.race(FermataStop.of(run), FermataStop.of(run))
                    #expect([one, other].count { $0.isChange } == 1)
                    #expect([one, other].allSatisfy { $0.reply?.run.status == .stopped })
                    try await scene.event("callGone", run)
                    #expect(try await scene.kinds(run).suffix(3) == ["callEnded", "stopped", "callGone"])
                }
            }
        }

        /// One operator stops a run that another one interrupts, a tool executes. Interrupt first: its kill is the
        /// call's result, and the stop adds nothing to it. Stop first: the interrupt is refused.
        @Test func interruptAndStop() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                for _ in 1...3 {
                    let run = try await scene.launch("choose")
                    await begun.lines(1)
                    let (interrupt, stop) = try await scene.race(FermataInterrupt.of(run), FermataStop.of(run))
                    #expect(stop.isChange)
                    #expect(interrupt.isChange || interrupt.isRefused(.wrongStatus))
                    try await scene.event("callGone", run)
                    #expect(try await scene.service.summary(run).status == .stopped)
                    #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted])
                }
            }
        }

        /// Two operators command with the same `if_seq` at once: the first moves the run on, and the other is `STALE`
        /// and has done nothing. Exactly one of them wins.
        @Test func theSameSeq() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...5 {
                    let run = try await scene.launch(upTo: "end")
                    let seq = try await scene.service.summary(run).lastSeq
                    var pause = FermataPause.of(run)
                    pause.ifSeq = seq
                    var send = FermataSend.to(run, "More.")
                    send.ifSeq = seq
                    let (paused, sent) = try await scene.race(pause, send)
                    #expect([paused, sent].count { $0.isChange } == 1)
                    #expect([paused, sent].count { $0.isRefused(.stale) } == 1)
                    let since = try await scene.kinds(run).dropFirst(Int(seq))
                    #expect(since == [paused.isChange ? "held" : "messageQueued"])
                    try await scene.service.stop(run)
                }
            }
        }
    }
}
