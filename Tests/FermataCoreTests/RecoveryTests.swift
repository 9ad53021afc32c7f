import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

/// DESIGN, "At start" and "Shutdown": what was begun and has no end.
@Suite struct RecoveryTests {
    @Test func aLostModelCallIsTriedAgain() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "Half"
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["modelCut", "modelCalled"])
        #expect(scenario.last[0].modelCut.cause == .byCrash)
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [1, 2])
        #expect(scenario.shown == ["user: go"])
    }

    @Test func aLostModelCallUsesUpNoAttempt() throws {
        var scenario = try Scenario(task: "go", attempts: 2)
        for _ in 0..<5 { try scenario.crash() }
        try scenario.modelFails(retryable: true)
        #expect(scenario.run.status == .running)
    }

    @Test func aLostModelCallUnderAHoldIsTriedAgainWhenItLifts() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["modelCut"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [1, 2])
    }

    @Test func aLostToolHasAnUnknownOutcome() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callEnded", "callStarted"])
        #expect(scenario.last[0].callEnded.output == Marker.unknownOutcome)
        #expect(scenario.outcome(1) == .callUnknown)
        // Its true end can not come any more, whoever sends it.
        #expect(try scenario.toolEnds(1) == [])
    }

    @Test func aLostToolThatIsIdempotentRunsAgain() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callLost", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 2)])
        #expect(try scenario.toolEnds(1, attempt: 1, "of the lost attempt") == [])
        try scenario.toolEnds(1, attempt: 2, "of the second")
        #expect(scenario.shown.last == "#1: of the second")
    }

    @Test func underAHoldAnIdempotentToolRunsAgainWhenItLifts() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.command(.pause())
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callLost"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 2)])
    }

    @Test func underAHoldAnUnknownOutcomeIsJournaledAtOnce() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.pause())
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callEnded"])
        #expect(scenario.run.status == .paused)
    }

    @Test func parallelToolsAreLostEachByItself() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.search("a"), .look("b"), .search("c")])
        try scenario.toolEnds(3)
        try scenario.crash()
        #expect(scenario.outcome(1) == .callUnknown)
        #expect(scenario.outcome(3) == .callFinished)
        #expect(scenario.run.wanted == [.tool(call: 2, attempt: 2)])
    }

    /// It is interrupted if an interrupt or a stop preceded: its result is written down, only its end is missing.
    @Test(arguments: [RunRequest.interrupt(), .stop]) func aKilledToolIsGoneAfterACrash(_ request: RunRequest) throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.command(request)
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callGone"])
        #expect(scenario.outcome(1) == .callInterrupted)
        #expect(scenario.run.begun.isEmpty)
        #expect(scenario.run.status == (request.isStop ? .stopped : .paused))
    }

    @Test func whatWasNotBegunCannotBeLost() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        for effect in [
            Effect.model(step: 1, attempt: 1), .model(step: 2, attempt: 1), .tool(call: 1, attempt: 2),
            .tool(call: 2, attempt: 1),
        ] {
            #expect(try scenario.decide(.lost(effect)) == [])
        }
    }

    @Test func asksAndWaitsNeedNothing() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        let due = scenario.run.due
        try scenario.crash()
        #expect(scenario.last.isEmpty)
        #expect(scenario.run.due == due)
        scenario.now = try #require(due)
        #expect(try scenario.decide(.timePassed) == ["modelCalled"])
        try scenario.modelAnswers("", calls: [.ask("Which?")])
        try scenario.crash()
        #expect(scenario.run.status == .waiting)
        #expect(scenario.run.summary.openAsks == [1])
    }

    @Test func aDeadlineThatPassedMeanwhileIsDecidedAtStart() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        scenario.now += 3_600_000_000
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["modelCalled"])
    }

    // MARK: - Shutdown

    @Test func shutdownCutsTheModelCallWithoutAHoldAndTheRunGoesOn() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "The answer is"
        scenario.mayStart = false
        #expect(try scenario.decide(.shutdown) == ["modelCut"])
        #expect(scenario.last[0].modelCut.cause == .byShutdown)
        #expect(scenario.run.hold == nil)
        #expect(scenario.run.wanted.isEmpty)
        #expect(scenario.run.status == .running)
        #expect(scenario.run.isActive, "or nobody would look at it at the next start")
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["modelCalled"])
        #expect(scenario.shown == ["user: go", "assistant: The answer is", "user: \(Marker.cut)"])
    }

    @Test func shutdownKillsToolsAndTheRunGoesOn() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        scenario.partialOutput = "half"
        scenario.mayStart = false
        #expect(try scenario.decide(.shutdown) == ["callEnded"])
        #expect(scenario.outcome(1) == .callInterrupted)
        #expect(scenario.last[0].callEnded.output.hasPrefix("half\n"))
        #expect(!scenario.last[0].callEnded.output.contains("operator"), "no operator did this")
        #expect(try scenario.toolEnds(1) == ["callGone"])
        #expect(scenario.run.isActive)
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 2, attempt: 1)])
    }

    /// Whoever has it goes on while the service is down, and completes it when it is back.
    @Test func shutdownLeavesAWorkersCall() throws {
        var scenario = try RunTableTests.Place.workerExecuting.scenario()
        scenario.mayStart = false
        #expect(try scenario.decide(.shutdown) == [])
        try scenario.crash()
        #expect(scenario.run.wanted == [.lease(call: 1, attempt: 1)] && scenario.count("callStarted") == 1)
        #expect(try scenario.complete(1) == ["callEnded", "modelCalled"])
    }

    /// A policy that comes while the service ends denies when it is back: nobody is asked in vain.
    @Test func aPolicyThatDeniesWhileTheServiceEnds() throws {
        var scenario = try RunTableTests.Place.waitingForApproval.scenario()
        scenario.mayStart = false
        let tool = try #require(scenario.run.calls[number: 1]).tool
        #expect(try scenario.command(.setPolicy(.asking(denying: [tool]))) == ["policySet"])
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["askClosed", "callEnded", "modelCalled"])
        #expect(scenario.last[1].callEnded.outcome == .callDenied)
    }

    @Test func shutdownBeforeTheKilledToolIsGone() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        scenario.mayStart = false
        try scenario.decide(.shutdown)
        try scenario.crash()
        #expect(Set(scenario.last.map(\.name)) == ["callGone", "modelCalled"])
        #expect(scenario.last.count == 2)
    }

    @Test func whatEndsWhileTheServiceEndsIsJournaledAndNothingStarts() throws {
        var scenario = try Scenario(task: "go")
        scenario.mayStart = false
        #expect(try scenario.modelAnswers("", calls: [.terminal("a"), .ask("Which?")]) == ["modelAnswered"])
        #expect(try scenario.decide(.shutdown) == [])
        #expect(scenario.run.isActive)
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callStarted"])
    }

    @Test func aPausedRunStaysPausedOverAShutdown() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        scenario.mayStart = false
        #expect(try scenario.decide(.shutdown) == ["modelCut"])
        #expect(scenario.run.status == .paused)
        try scenario.crash()
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
    }

    @Test(arguments: ["idle", "waiting", "finished", "failed", "paused", "stopped"])
    func aRunAtRestIsRowsAndNothingElse(_ place: String) throws {
        var scenario = try Scenario(task: place == "idle" ? "" : "go")
        switch place {
        case "waiting": try scenario.modelAnswers("", calls: [.ask("Which?")])
        case "finished": try scenario.modelAnswers("Done.")
        case "failed": try scenario.modelFails()
        case "paused":
            try scenario.command(.pause())
            try scenario.modelAnswers("", calls: [.terminal("a")])
        case "stopped": try scenario.command(.stop)
        default: break
        }
        #expect(!scenario.run.isActive)
        scenario.mayStart = false
        #expect(try scenario.decide(.shutdown) == [])
    }

    /// What the journal gives back is what was written, through its encoding as well.
    @Test func theEncodedEventsFoldToTheSameRun() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true, retryAfterMs: 5)
        try scenario.send("Now.", .now)
        try scenario.modelAnswers("I will.", calls: [.search("a"), .look("b"), .ask("Which?"), .terminal("c")])
        try scenario.toolEnds(1)
        try scenario.crash()
        try scenario.toolEnds(2, attempt: 2)
        try scenario.command(.answer(ask: 1, text: "Left."))
        try scenario.command(.interrupt(), reason: "lunch")
        let decoded = try scenario.events.map { event in
            let bytes: [UInt8] = try event.serializedBytes()
            return try FermataEvent(serializedBytes: bytes)
        }
        #expect(decoded.reduce(into: Run(id: scenario.run.id)) { $0.apply($1) } == scenario.run)
    }
}

extension RunRequest {
    fileprivate var isStop: Bool { if case .stop = self { true } else { false } }
}
