import FermataCore
import FermataProtocol
import Testing

/// DESIGN, "Commands on a run": pause and resume.
@Suite struct PauseTests {
    @Test func theModelCallInFlightFinishesAndItsCallsAreSelectedAndNotExecuted() throws {
        var scenario = try Scenario(task: "go")
        #expect(try scenario.command(.pause()) == ["held"])
        #expect(scenario.run.status == .pausing)
        #expect(scenario.run.hold?.cause == .requested)
        #expect(try scenario.modelAnswers("I will.", calls: [.terminal("a"), .terminal("b")]) == ["modelAnswered"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.calls.map(\.state) == [.selected, .selected])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
    }

    @Test func anExecutingToolFinishesAndIsJournaled() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        try scenario.command(.pause())
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
        #expect(try scenario.toolEnds(1) == ["callEnded"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.outcome(1) == .callFinished)
        #expect(scenario.run.wanted.isEmpty)
    }

    @Test func noModelCallStartsAfterTheLastTool() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.pause())
        #expect(try scenario.toolEnds(1) == ["callEnded"])
        #expect(try scenario.decide(.timePassed) == [])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
    }

    @Test func noAskOpensUnderAHold() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        #expect(try scenario.modelAnswers("", calls: [.ask("Which?")]) == ["modelAnswered"])
        #expect(scenario.run.summary.openAsks.isEmpty)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "askOpened"])
        #expect(scenario.run.status == .waiting)
    }

    @Test func aWaitBetweenTwoAttemptsEndsAtOnce() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        #expect(scenario.run.due != nil)
        try scenario.command(.pause())
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.due == nil)
        scenario.now += 3_600_000_000
        #expect(try scenario.decide(.timePassed) == [])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [1, 2])
    }

    @Test func anAnswerThatWouldHaveEndedTheTurnLeavesPaused() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.modelAnswers("Done.")
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.status == .finished)
    }

    @Test func aFailureUnderAHoldShowsWhenItLifts() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.modelFails()
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.summary.failure.kind == "SILENCE")
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.status == .failed)
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
    }

    @Test func aRetryableFailureUnderAHoldStartsNoTimer() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.command(.pause())
        try scenario.modelFails(retryable: true)
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.due == nil)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [1, 2])
    }

    @Test func twoPausesAreOneEvent() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause(), by: "ann")
        #expect(try scenario.command(.pause(), by: "bob") == [])
        try scenario.modelAnswers("Done.")
        #expect(try scenario.command(.pause(), by: "bob") == [])
        #expect(scenario.count("held") == 1)
        #expect(scenario.run.hold?.by == "ann")
    }

    @Test func aPauseBetweenStepsIsPausedAtOnceAndKeepsAsksOpen() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.ask("Which?")])
        try scenario.command(.pause())
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.summary.openAsks == [1])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.status == .waiting)
    }

    @Test func theHoldSaysWhoWhyAndSinceWhen() throws {
        var scenario = try Scenario(task: "go")
        scenario.now = 5_000_000
        try scenario.command(.pause(), by: "ann", reason: "lunch")
        let hold = try #require(scenario.run.hold)
        #expect(hold.by == "ann")
        #expect(hold.reason == "lunch")
        #expect(hold.sinceAt == 5_000_000)
        #expect(scenario.run.summary.hold == hold)
        try scenario.command(.resume(text: ""))
        #expect(!scenario.run.summary.hasHold)
    }

    /// A resumed run is not asked to wait for the model's answer that a hold let finish.
    @Test func resumeWhilePausingLetsTheSameModelCallGoOn() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        let wanted = scenario.run.wanted
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.status == .running)
        #expect(scenario.run.wanted == wanted)
    }

    @Test func resumeOfAFailedRunTriesTheFailedStepAgain() throws {
        var scenario = try Scenario(task: "go", attempts: 2)
        try scenario.modelFails(retryable: true)
        scenario.now = try #require(scenario.run.due)
        try scenario.decide(.timePassed)
        try scenario.modelFails(retryable: true)
        #expect(scenario.run.status == .failed)
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [1, 3])
        // Someone asked for another try: it has all its attempts again.
        try scenario.modelFails(retryable: true)
        #expect(scenario.run.status == .running)
        #expect(scenario.run.due != nil)
    }

    @Test func resumeOfAFailedRunWithAMessageShowsTheMessageInTheTry() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelFails()
        #expect(
            try scenario.command(.resume(text: "Use the other key.")) == ["messageQueued", "retried", "modelCalled"])
        #expect(scenario.last.last?.modelCalled.delivered == [2])
        #expect(scenario.shown == ["user: go", "user: Use the other key."])
    }
}
