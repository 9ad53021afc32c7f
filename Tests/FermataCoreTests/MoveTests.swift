import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// Workers' calls, holds at selections, hand-offs, imports, forks.
@Suite struct MoveTests {
    private typealias Place = RunTableTests.Place

    private func fork(
        _ scenario: Scenario, upTo seq: UInt64? = nil, _ terms: ForkTerms = ForkTerms(start: true)
    ) throws -> Decision {
        let events = scenario.events.prefix { $0.seq <= seq ?? .max }
        let copy = events.reduce(into: Run(id: RunID(high: 1, low: 2))) { $0.apply($1) }
        return try copy.decide(
            .command(.fork(FermataForked(), terms), Provenance(by: "ann")), Context(now: scenario.now))
    }

    private func arrive(_ scenario: Scenario, start: Bool = true, _ answer: AskAnswer? = nil) throws -> Decision {
        let copy = scenario.events.reduce(into: Run(id: Scenario.id)) { $0.apply($1) }
        return try copy.decide(
            .command(.import(FermataImported(), start: start, answer), Provenance(by: "ann")),
            Context(now: scenario.now))
    }

    // MARK: - Workers

    /// Lost without a word: a call that may run again goes to another worker, of any other people are asked.
    @Test func leases() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.fetch("a"), .deploy("b")])
        #expect(scenario.run.ready.map(\.number) == [1])
        try scenario.start(1)
        #expect(refusal { try scenario.start(1, attempt: 2, by: "v") } == .callTaken)
        #expect(try scenario.decide(.leaseEnded(call: 1, attempt: 1)) == ["callLost"])
        #expect(refusal { try scenario.complete(1) } == .callEnded)
        try scenario.start(1, attempt: 2, by: "v")
        for (attempt, worker) in [(UInt32(1), "w"), (2, "w"), (1, "v"), (3, "v")] {
            #expect(refusal { try scenario.complete(1, attempt: attempt, by: worker) } == .callEnded)
        }
        try scenario.complete(1, attempt: 2, by: "v")
        try scenario.start(2)
        #expect(try scenario.decide(.leaseEnded(call: 2, attempt: 1)) == ["askOpened"])
        #expect(try scenario.decide(.leaseEnded(call: 2, attempt: 1)) == [])
        for (attempt, worker) in [(UInt32(1), "v"), (2, "w"), (0, "w"), (1, "")] {
            #expect(refusal { try scenario.complete(2, attempt: attempt, by: worker) } == .callEnded)
        }
        // It was only late: what it says is what happened.
        #expect(try scenario.complete(2, .result("shipped")) == ["askClosed", "callEnded", "modelCalled"])
        #expect(refusal { try scenario.answer(1, .runAgain) } == .askClosed)
        #expect(scenario.shown.suffix(2) == ["#1: done", "#2: shipped"])
    }

    @Test func aPauseIsAnsweredAndTheToolDoesNotRunAgain() throws {
        let question = FermataQuestion.with {
            $0.question = "approve $500 refund?"
            $0.format.form = .yesNo
        }
        var scenario = try Place.workerExecuting.scenario()
        #expect(try scenario.complete(1, .pause(question)) == ["askOpened"])
        try scenario.crash()
        #expect(scenario.run.status == .waiting && scenario.run.ready.isEmpty)
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "maybe")) } == .invalidAnswer)
        #expect(try scenario.command(.answer(ask: 1, text: "yes")) == ["askAnswered", "callEnded", "modelCalled"])
        #expect(scenario.shown.last == "#1: yes" && scenario.count("callStarted") == 1)
        // Overtaken by a message, it is not said that it was not executed.
        for request in [RunRequest.send("Stop that.", .now), .stop] {
            scenario = try Place.workerExecuting.scenario()
            try scenario.complete(1, .pause(question))
            try scenario.command(request)
            let ended = try #require(scenario.last.first { $0.name == "callEnded" }).callEnded
            #expect(ended.outcome == .callInterrupted && ended.output == Marker.unansweredPause)
        }
    }

    /// What the policy denies meanwhile is not run again; what it asks about meanwhile is asked.
    @Test func runAgainIsJudgedAgain() throws {
        for (gate, events) in [
            (FermataGate.deny, ["askAnswered", "callEnded", "modelCalled"]), (.ask, ["askAnswered", "askOpened"]),
            (.allow, ["askAnswered"]),
        ] {
            var scenario = try Place.workerExecuting.scenario()
            try scenario.decide(.leaseEnded(call: 1, attempt: 1))
            try scenario.command(.setPolicy(.with { $0.tools = [.of("deploy", gate)] }))
            #expect(try scenario.answer(1, .runAgain) == events)
            #expect(scenario.run.ready.map(\.number) == (gate == .allow ? [1] : []))
            if gate == .deny { #expect(scenario.outcome(1) == nil || scenario.outcome(1) == .callUnknown) }
        }
    }

    // MARK: - Holds at selections

    @Test func holdAtSelection() throws {
        var scenario = try Scenario(task: "go", policy: .asking("deploy"), holdAt: .selection)
        #expect(
            try scenario.modelAnswers("", calls: [.terminal("ls"), .deploy("a")]) == [
                "modelAnswered", "askOpened", "held",
            ])
        #expect(scenario.run.status == .paused && scenario.run.hold?.cause == .selection)
        let edit = CallDecision(call: 2, verdict: .edit, arguments: #"{"target":"b"}"#)
        #expect(try scenario.command(.decideCall(edit)) == ["askClosed", "callEdited", "askOpened"])
        let reject = CallDecision(call: 1, verdict: .reject, text: "Not now.")
        #expect(try scenario.command(.decideCall(reject)) == ["callEnded"])
        #expect(try scenario.answer(2, .approve) == ["askAnswered"])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.ready.map(\.arguments) == [#"{"target":"b"}"#])
        try scenario.start(2)
        try scenario.complete(2)
        #expect(scenario.shown.last == "#2: " + Marker.edited(#"{"target":"b"}"#) + "\ndone")
        // Until somebody ends it.
        #expect(try scenario.modelAnswers("", calls: [.read("a")]).last == "held")
        #expect(
            try scenario.command(.resume(ResumeTerms(holdAt: .none))) == ["holdAtSet", "holdLifted", "callStarted"])
        try scenario.toolEnds(3)
        #expect(try scenario.modelAnswers("", calls: [.read("b")]) == ["modelAnswered", "callStarted"])
    }

    /// A question to people that was edited says so to the model.
    @Test func anEditedQuestion() throws {
        var scenario = try Scenario(task: "go", holdAt: .selection)
        try scenario.modelAnswers("", calls: [.ask("Who?")])
        try scenario.command(.decideCall(CallDecision(call: 1, verdict: .edit, arguments: #"{"question":"When?"}"#)))
        try scenario.command(.resume(text: ""))
        try scenario.command(.answer(ask: 1, text: "Now."))
        #expect(scenario.shown.last == "#1: " + Marker.edited(#"{"question":"When?"}"#) + "\nNow.")
    }

    // MARK: - Copies

    /// A moment inside of a decision is no cut: a call there has neither its ask nor its result.
    @Test func cutsInsideADecision() throws {
        var scenario = try Place.workerExecuting.scenario()
        try scenario.decide(.leaseEnded(call: 1, attempt: 1))
        try scenario.complete(1)
        let closed = try #require(scenario.events.first { $0.name == "askClosed" }).seq
        #expect(refusal { _ = try fork(scenario, upTo: closed) } == .invalidCut)
        // Before it: the fork has an ask of its own, and the tool does not run again.
        let before = try fork(scenario, upTo: closed - 1)
        #expect(before.run.asks.map(\.kind) == [.outcome] && before.run.ready.isEmpty)

        scenario = try Place.waiting.scenario()
        try scenario.command(.answer(ask: 1, text: "Left."))
        let answered = try #require(scenario.events.first { $0.name == "askAnswered" }).seq
        #expect(refusal { _ = try fork(scenario, upTo: answered) } == .invalidCut)
    }

    /// The last cut before a stop is before all that the stop has done.
    @Test func theStopIsNoPartOfAFork() throws {
        var scenario = try Place.waitingForApproval.scenario()
        try scenario.command(.stop)
        var run = Run(id: Scenario.id)
        var last: Run?
        for event in scenario.events {
            run.apply(event)
            if run.isCut { last = run }
        }
        #expect(last?.calls[number: 1]?.state != .ended && last?.status != .stopped)
    }

    @Test func aMessageForNowSupersedesInTheForkAsWell() throws {
        var scenario = try Place.waitingForApproval.scenario()
        try scenario.send("Stop that.", .now)
        let queued = try #require(scenario.last.first).seq
        let decision = try fork(scenario, upTo: queued)
        #expect(decision.events.map(\.name) == ["forked", "askClosed", "callEnded", "modelCalled"])
    }

    /// Other arguments are for calls that were not executed.
    @Test func aForkWithAnEditedCall() throws {
        let edit = ForkTerms.CallEdit(call: 1, arguments: #"{"target":"b"}"#)
        let terms = ForkTerms(start: false, edit: edit)
        let ready = try fork(Place.waitingForWorker.scenario(), terms)
        #expect(ready.run.calls[number: 1]?.arguments == edit.arguments && ready.run.status == .paused)
        for arguments in ["", "{", "{}", #"{"target":7}"#] {
            let misfit = ForkTerms(start: false, edit: .init(call: 1, arguments: arguments))
            #expect(refusal { _ = try fork(Place.waitingForWorker.scenario(), misfit) } == .invalidArgument)
        }
        var scenario = try Place.workerExecuting.scenario()
        #expect(refusal { _ = try fork(scenario, terms) } == .invalidCut)
        try scenario.decide(.leaseEnded(call: 1, attempt: 1))
        #expect(refusal { _ = try fork(scenario, terms) } == .noSuchCall)
    }

    /// What the source has cost is not the fork's to account for: its limit allows it as much as any run's.
    @Test func aForkIsGrantedItsOwnCost() throws {
        var scenario = try Scenario(task: "go", limits: .with { $0.maxCostNanoUsd = 100 })
        try scenario.modelAnswers("Done.", costNanoUSD: 99)
        let forked = try fork(scenario, ForkTerms(start: true, text: "And now?"))
        #expect(forked.events.map(\.name) == ["forked", "messageQueued", "modelCalled"])
        let answered = try forked.run.decide(
            .modelAnswered(
                step: 2, attempt: 1,
                ModelReply(text: "", calls: [.read("a")], usage: .with { $0.costNanoUsd = 99 })),
            Context(now: scenario.now))
        let ended = try answered.run.decide(
            .toolEnded(call: 1, attempt: 1, ToolReply(outcome: .callFinished, output: "")), Context(now: scenario.now))
        #expect(ended.events.map(\.name) == ["callEnded", "modelCalled"])
    }

    /// What was begun elsewhere is unknown here, what can run again as well.
    @Test func importOfARunWithEverythingInFlight() throws {
        var scenario = try Place.modelInFlight.scenario()
        #expect(try arrive(scenario).events.map(\.name) == ["imported", "modelCut", "modelCalled"])
        scenario = try Place.toolExecuting.scenario()
        let moved = try arrive(scenario, start: false)
        #expect(moved.events.map(\.name) == ["imported", "held", "callEnded"] && moved.run.hold?.cause == .imported)
        #expect(moved.events[2].callEnded.outcome == .callUnknown)
        scenario = try Place.killing.scenario()
        #expect(try arrive(scenario).events.map(\.name) == ["imported", "holdLifted", "callGone", "callStarted"])
        scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.fetch("a"), .fetch("b")])
        try scenario.start(1)
        try scenario.start(2, by: "v")
        #expect(try arrive(scenario).events.map(\.name) == ["imported", "askOpened", "askOpened"])
    }

    /// resume(checkpoint, answer): what is meant is the ask that was open there.
    @Test func importWithAnAnswer() throws {
        var scenario = try Scenario(task: "go", policy: .asking("terminal"))
        try scenario.modelAnswers("", calls: [.fetch("a"), .terminal("ls")])
        try scenario.start(1)
        let answer = AskAnswer(ask: 0, verdict: .approve, argumentsDigest: nil, via: .viaImport)
        let moved = try arrive(scenario, answer)
        #expect(moved.events.map(\.name) == ["imported", "askOpened", "askAnswered"])
        #expect(moved.events[2].askAnswered.number == 1)
        #expect(refusal { _ = try arrive(Place.finished.scenario(), answer) } == .invalidArgument)
    }

    /// The run goes home, and its journal is one.
    @Test func handedOffAndHome() throws {
        var scenario = try Place.waiting.scenario()
        try scenario.command(.handOff)
        #expect(scenario.run.status == .stopped && scenario.run.due == nil)
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Left.")) } == .wrongStatus)
        #expect(refusal { try scenario.command(.send("m", .now)) } == .wrongStatus)
        #expect(try scenario.command(.handOff) == [] && scenario.command(.stop) == [])
        let home = try arrive(scenario, AskAnswer(ask: 1, text: "Left."))
        #expect(home.events.map(\.name) == ["imported", "askAnswered", "callEnded", "modelCalled"])
    }
}
