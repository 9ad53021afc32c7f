import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// Approvals: a call that the policy asks about runs after one answer that lets exactly it run, and not otherwise.
@Suite struct ApprovalTests {
    private static let policy = FermataPolicy.asking("terminal", "deploy")

    /// A run with one gated call, on hold or not.
    private func gated(_ call: ModelReply.Call = .terminal("rm x"), isHeld: Bool = false) throws -> Scenario {
        var scenario = try Scenario(task: "go", policy: Self.policy)
        #expect(try scenario.modelAnswers("", calls: [call]) == ["modelAnswered", "askOpened"])
        if isHeld { try scenario.command(.pause(HoldTerms(resumeAt: 50_000_000, tokenDigest: [7]))) }
        return scenario
    }

    /// DESIGN: resuming, messaging, restarting, forking, importing never approve anything.
    @Test(arguments: [false, true]) func noCommandButAnswerLetsAGatedCallRun(isHeld: Bool) throws {
        let edit = CallDecision(call: 1, verdict: .edit, arguments: #"{"command":"rm y"}"#)
        let inputs: [Input] =
            [
                .send("Do it.", .nextStep), .send("Do it.", .now), .send("Do it.", .whenIdle),
                .resume(text: ""), .resume(text: "Yes, do it."), .resume(text: "", tokenDigest: [7]),
                .resume(ResumeTerms(holdAt: .none)), .resume(ResumeTerms(holdAt: .selection)),
                .resume(ResumeTerms(model: .with { $0.model = "mock/y" })), .pause(), .interrupt(),
                .withdraw(message: 1),
                .setLimits(.with { $0.maxSteps = 9 }), .setPolicy(FermataPolicy()), .setPolicy(.asking("read")),
                .setPolicy(.with { $0.tools = [.of("terminal", .allow), .of("deploy", .allow)] }),
                .decideCall(edit), .startCall(call: 1, attempt: 1, worker: "w"),
                .completeCall(call: 1, attempt: 1, worker: "w", .result("done")), .handOff,
            ].map { Input.command($0, Provenance(by: "ann")) } + [
                .timePassed, .shutdown, .lost(.tool(call: 1, attempt: 1)), .leaseEnded(call: 1, attempt: 1),
                .toolEnded(call: 1, attempt: 1, ToolReply(outcome: .callFinished, output: "done")),
            ]
        for call in [ModelReply.Call.terminal("rm x"), .deploy("it")] {
            for input in inputs {
                var scenario = try gated(call, isHeld: isHeld)
                do { try scenario.decide(input) } catch is Refusal {}
                #expect(scenario.count("callStarted") == 0, "\(input)")
                try scenario.crash()
                do { try scenario.command(.resume(text: "")) } catch is Refusal {}
                scenario.now = 60_000_000
                try scenario.decide(.timePassed)
                #expect(scenario.count("callStarted") == 0 && scenario.run.ready.isEmpty, "\(input)")
            }
        }
    }

    @Test(arguments: [false, true]) func noCopyLetsAGatedCallRun(isStarted: Bool) throws {
        for isApproved in [false, true] {
            var scenario = try gated(isHeld: true)
            if isApproved { try scenario.answer(1, .approve) }
            let copy = scenario.events.reduce(into: Run(id: RunID(high: 1, low: 2))) { $0.apply($1) }
            let fork = try copy.decide(
                .command(.fork(FermataForked(), ForkTerms(start: isStarted)), Provenance(by: "ann")), Context(now: 0))
            // It was the source's call that someone let run.
            #expect(!fork.events.contains { $0.name == "callStarted" })
            #expect(fork.run.asks.map(\.number) == [isApproved ? 2 : 1])
            let moved = try scenario.run.decide(
                .command(.import(FermataImported(), start: isStarted, nil), Provenance(by: "ann")), Context(now: 0))
            // A run that has moved is the same run.
            #expect(moved.events.contains { $0.name == "callStarted" } == (isApproved && isStarted))
        }
    }

    /// Three calls of one step, allow, ask, ask: every order and kind of answers, with a crash between or not.
    @Test(arguments: [[1, 2], [2, 1]] as [[UInt32]], [FermataVerdict.approve, .edit, .reject])
    func threeCalls(order: [UInt32], verdict: FermataVerdict) throws {
        for crashes in 0..<4 {
            var scenario = try Scenario(task: "go", policy: Self.policy)
            try scenario.modelAnswers("", calls: [.read("a"), .terminal("b"), .terminal("c")])
            #expect(scenario.last.map(\.name) == ["modelAnswered", "askOpened", "askOpened", "callStarted"])
            for (index, ask) in order.enumerated() {
                try scenario.answer(
                    ask, ask == 2 ? verdict : .approve, "no",
                    arguments: verdict == .edit && ask == 2 ? #"{"command":"d"}"# : "")
                if crashes & 1 << index != 0 {
                    try scenario.crash()
                    scenario.now += 1
                }
            }
            while let effect = scenario.run.wanted.first, case .tool(let call, let attempt) = effect {
                try scenario.toolEnds(call, attempt: attempt, "done \(call)")
            }
            let ended = scenario.events.filter { $0.name == "callEnded" }.map(\.callEnded.number)
            #expect(ended.sorted() == [1, 2, 3])
            let starts = scenario.events.filter { $0.name == "callStarted" }.map(\.callStarted.number)
            #expect(starts.filter { $0 > 1 } == (verdict == .reject ? [2] : [2, 3]))
            let results = scenario.shown.filter { $0.hasPrefix("#") }
            #expect(results.map { $0.prefix(2) } == ["#1", "#2", "#3"])
            #expect(results[0] == "#1: done 1" && results[1] == "#2: done 2")
            switch verdict {
            case .reject: #expect(results[2] == "#3: " + Marker.rejected("no"))
            case .edit: #expect(results[2] == "#3: " + Marker.edited(#"{"command":"d"}"#) + "\ndone 3")
            default: #expect(results[2] == "#3: done 3")
            }
        }
    }

    /// Every verdict to every kind of ask: those that are not of its kind are refused, and the ask stays open.
    @Test func everyVerdictToEveryKind() throws {
        let verdicts: [FermataVerdict] = [
            .unspecified, .approve, .edit, .reject, .runAgain, .takeResult, .tellUnknown, .raise, .goOn, .guide,
            .endTurn,
        ]
        let kinds: [(FermataAskKind, [FermataVerdict], () throws -> Scenario)] = [
            (.question, [.unspecified], { try RunTableTests.Place.waiting.scenario() }),
            (.approval, [.approve, .edit, .reject], { try RunTableTests.Place.waitingForApproval.scenario() }),
            (
                .outcome, [.runAgain, .takeResult, .tellUnknown],
                {
                    var scenario = try RunTableTests.Place.workerExecuting.scenario()
                    try scenario.decide(.leaseEnded(call: 1, attempt: 1))
                    return scenario
                }
            ),
            (.budget, [.raise, .endTurn], { try RunTableTests.Place.waitingAtLimit.scenario() }),
        ]
        for (kind, allowed, make) in kinds {
            for verdict in verdicts {
                var scenario = try make()
                #expect(scenario.run.asks.map(\.kind) == [kind])
                let code = refusal { try scenario.answer(1, verdict, "text", arguments: #"{"command":"pwd"}"#) }
                #expect(code == (allowed.contains(verdict) ? nil : .invalidAnswer), "\(kind) \(verdict)")
                #expect(scenario.run.asks.isEmpty == (code == nil))
            }
        }
    }

    @Test func theHashIsThatOfWhatWasShown() throws {
        var scenario = try gated()
        let digest = try #require(scenario.run.calls[number: 1]).argumentsDigest
        for (verdict, given, code) in [
            (FermataVerdict.approve, "", ErrorCode.invalidAnswer), (.approve, "00", .stale),
            (.edit, "", .invalidAnswer),
            (.reject, "00", .stale),
        ] {
            let answer = AskAnswer(ask: 1, verdict: verdict, arguments: #"{"command":"a"}"#, argumentsDigest: given)
            #expect(refusal { try scenario.command(.answer(answer)) } == code)
        }
        // What was shown is edited, and asked about again: the old hash approves nothing.
        try scenario.command(.pause())
        let edit = CallDecision(call: 1, verdict: .edit, arguments: #"{"command":"rm y"}"#)
        #expect(try scenario.command(.decideCall(edit)) == ["askClosed", "callEdited", "askOpened"])
        let late = AskAnswer(ask: 2, verdict: .approve, argumentsDigest: digest)
        #expect(refusal { try scenario.command(.answer(late)) } == .stale)
        #expect(refusal { try scenario.command(.answer(AskAnswer(ask: 1, verdict: .approve))) } == .askClosed)
        try scenario.command(
            .answer(
                AskAnswer(
                    ask: 2, verdict: .approve,
                    argumentsDigest: digest.isEmpty ? "" : scenario.run.calls[number: 1]!.argumentsDigest.uppercased()))
        )
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "callStarted"])
    }

    /// What is always approved is a rule behind those that deny.
    @Test func alwaysIsNeverForWhatIsDenied() throws {
        let policy = FermataPolicy.with {
            $0.tools = [.of("terminal", .ask, .when(.deny, .at("/command", .matches("^rm "))))]
        }
        var scenario = try Scenario(task: "go", policy: policy)
        try scenario.modelAnswers("", calls: [.terminal("ls")])
        #expect(try scenario.answer(1, .approve, sticky: []) == ["askAnswered", "policySet", "callStarted"])
        try scenario.toolEnds(1)
        #expect(
            try scenario.modelAnswers("", calls: [.terminal("rm x")]) == ["modelAnswered", "callEnded", "modelCalled"])
        #expect(scenario.last[1].callEnded.outcome == .callDenied)
        #expect(try scenario.modelAnswers("", calls: [.terminal("pwd")]) == ["modelAnswered", "callStarted"])
    }

    @Test func deadlines() throws {
        var policy = Self.policy
        policy.tools[0].deadlineMs = 1000
        for isHeld in [false, true] {
            for isDown in [false, true] {
                var scenario = try Scenario(task: "go", policy: policy)
                try scenario.modelAnswers("", calls: [.terminal("ls")])
                let deadline = try #require(scenario.run.due)
                #expect(deadline == scenario.now + 1_000_000)
                if isHeld { try scenario.command(.pause()) }
                scenario.now = deadline - 1
                #expect(try scenario.decide(.timePassed) == [])
                // The clock is later than the timer: the answer is late all the same.
                scenario.now = deadline
                #expect(refusal { try scenario.answer(1, .approve) } == .expired)
                if isDown { try scenario.crash() } else { try scenario.decide(.timePassed) }
                #expect(scenario.last.prefix(2).map(\.name) == ["askClosed", "callEnded"])
                #expect(scenario.last.count == (isHeld ? 2 : 3))
                #expect(scenario.last[1].callEnded.outcome == .callRejected)
                #expect(refusal { try scenario.answer(1, .approve) } == .expired)
                #expect(try scenario.decide(.timePassed) == [])
            }
        }
    }
}
