@testable import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

/// Limits: looked at before each model call; people are asked, and grant as much again, or other limits.
@Suite struct LimitTests {
    private func steps(_ count: UInt32) -> FermataLimits { .with { $0.maxSteps = count } }
    private func cost(_ nanoUSD: Int64) -> FermataLimits { .with { $0.maxCostNanoUsd = nanoUSD } }

    /// A run whose turn has had its only step.
    private func atLimit(_ limits: FermataLimits) throws -> Scenario {
        var scenario = try Scenario(task: "go", limits: limits)
        try scenario.modelAnswers("", calls: [.read("a")])
        #expect(try scenario.toolEnds(1) == ["callEnded", "askOpened"])
        #expect(scenario.run.status == .waiting && scenario.run.wanted.isEmpty)
        #expect(scenario.last.last?.askOpened.kind == .budget)
        return scenario
    }

    @Test func peopleAreAskedBeforeTheStepThatIsOneTooMany() throws {
        var scenario = try atLimit(steps(1))
        // As much again.
        #expect(try scenario.answer(1, .raise) == ["askAnswered", "modelCalled"])
        #expect(scenario.run.turn.step == 2 && scenario.run.budget.limits == steps(1))
        try scenario.modelAnswers("", calls: [.read("b")])
        #expect(try scenario.toolEnds(2) == ["callEnded", "askOpened"])
        // These from now on: they count since the last grant.
        #expect(try scenario.answer(2, .raise, limits: steps(3)) == ["askAnswered", "modelCalled"])
        #expect(scenario.run.budget.limits == steps(3))
        for call in 3...4 as ClosedRange<UInt32> {
            try scenario.modelAnswers("", calls: [.read("c\(call)")])
            #expect(try scenario.toolEnds(call) == ["callEnded", call == 3 ? "modelCalled" : "askOpened"])
        }
    }

    @Test func endedTheTurnHasFailed() throws {
        var scenario = try atLimit(steps(1))
        #expect(try scenario.answer(1, .endTurn) == ["askAnswered"])
        #expect(scenario.run.status == .failed && scenario.run.summary.failure.kind == "LIMIT_REACHED")
        // Nothing is lost, and as much again is granted.
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
        try scenario.modelAnswers("", calls: [.read("b")])
        #expect(try scenario.toolEnds(2) == ["callEnded", "askOpened"])
    }

    /// A turn that was ended before its first step begins with the message that was to begin it.
    @Test func endedBeforeItsFirstStep() throws {
        for isWithdrawn in [false, true] {
            var scenario = try Scenario(task: "go", limits: cost(100))
            try scenario.modelAnswers("Done.", costNanoUSD: 100)
            #expect(try scenario.send("next", .whenIdle) == ["messageQueued", "askOpened"])
            try scenario.answer(1, .endTurn)
            if isWithdrawn { try scenario.command(.withdraw(message: 2)) }
            #expect(scenario.run.status == .failed)
            let events = try scenario.command(.resume(text: ""))
            #expect(events == (isWithdrawn ? ["retried"] : ["retried", "modelCalled"]))
            #expect(scenario.run.status == (isWithdrawn ? .finished : .running))
            if !isWithdrawn { #expect(scenario.last.last?.modelCalled.delivered == [2]) }
        }
    }

    @Test func setBudgetClosesTheAskThatHasNoReasonAnyMore() throws {
        var scenario = try atLimit(steps(1))
        #expect(try scenario.command(.setLimits(cost(5))) == ["limitsSet", "askClosed", "modelCalled"])
        #expect(refusal { try scenario.answer(1, .raise) } == .askClosed)
        scenario = try atLimit(steps(1))
        var still = steps(1)
        still.maxRepeats = 2
        #expect(try scenario.command(.setLimits(still)) == ["limitsSet"])
        #expect(scenario.run.status == .waiting)
        #expect(try scenario.command(.setLimits(steps(2))) == ["limitsSet", "askClosed", "modelCalled"])
    }

    /// Limits that are reached already would only ask again.
    @Test func raisedToNothing() throws {
        var scenario = try atLimit(steps(1))
        for limits in [steps(1), steps(0), cost(5)] {
            #expect(refusal { try scenario.answer(1, .raise, limits: limits) } == .invalidAnswer)
        }
        #expect(scenario.run.status == .waiting)
    }

    /// A message neither answers the ask nor hides it, nor does a hold.
    @Test(arguments: [FermataDelivery.nextStep, .now, .whenIdle]) func messagesWait(_ delivery: FermataDelivery) throws
    {
        var scenario = try atLimit(steps(1))
        #expect(try scenario.send("Hurry.", delivery) == ["messageQueued"])
        #expect(scenario.run.status == .waiting)
        try scenario.command(.pause())
        try scenario.answer(1, .raise)
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.last.last?.modelCalled.delivered == (delivery == .whenIdle ? [] : [2]))
    }

    // MARK: - Repeats

    /// A run that has chosen the same call three times in a row, and got the same.
    private func stuck() throws -> Scenario {
        var scenario = try Scenario(task: "go", limits: .with { $0.maxRepeats = 3 })
        for call in 1...3 as ClosedRange<UInt32> {
            try scenario.modelAnswers("try \(call)", calls: [.read("a"), .look("b")])
            try scenario.toolEnds(2 * call - 1, "nothing")
            try scenario.toolEnds(2 * call, "nothing")
        }
        #expect(scenario.last.last?.askOpened.kind == .stuck && scenario.run.status == .waiting)
        return scenario
    }

    @Test func whoRepeatsItselfIsStuck() throws {
        var scenario = try stuck()
        #expect(try scenario.answer(1, .goOn) == ["askAnswered", "modelCalled"])
        scenario = try stuck()
        #expect(try scenario.answer(1, .guide, "Try b.") == ["askAnswered", "messageQueued", "modelCalled"])
        #expect(scenario.shown.last == "user: Try b.")
        scenario = try stuck()
        #expect(try scenario.answer(1, .endTurn) == ["askAnswered"])
        #expect(scenario.run.summary.failure.kind == "STUCK")
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
    }

    /// Other arguments, another result, another tool: none of them is a repeat.
    @Test func whoChangesSomethingIsNotStuck() throws {
        var scenario = try Scenario(task: "go", limits: .with { $0.maxRepeats = 2 })
        let calls: [(ModelReply.Call, String)] = [
            (.read("a"), "1"), (.read("a"), "2"), (.read("b"), "2"), (.terminal("b"), "2"), (.read("b"), "2"),
            (.read("a"), "1"),
        ]
        for (index, call) in calls.enumerated() {
            try scenario.modelAnswers("", calls: [call.0])
            #expect(try scenario.toolEnds(UInt32(index + 1), call.1).last == "modelCalled")
        }
        try scenario.modelAnswers("", calls: [.read("a")])
        #expect(try scenario.toolEnds(7, "1").last == "askOpened")
    }

    /// Journals that are older than asks about limits: the turn has failed.
    @Test func limitReachedIsStillRead() throws {
        var scenario = try Scenario(task: "go", limits: steps(1))
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.command(.pause())
        try scenario.toolEnds(1)
        try scenario.command(.resume(text: ""))
        var old = scenario.events.dropLast()
        old.append(
            .with {
                $0.seq = scenario.run.seq
                $0.at = scenario.run.updatedAt
                $0.limitReached.failure.kind = "LIMIT_REACHED"
            })
        let run = old.reduce(into: Run(id: Scenario.id)) { $0.apply($1) }
        #expect(run.status == .failed && run.summary.failure.kind == "LIMIT_REACHED")
        let resumed = try run.decide(.command(.resume(text: ""), Provenance(by: "ann")), Context(now: 0))
        #expect(resumed.events.map(\.name) == ["retried", "modelCalled"])
    }

    @Test func eachTurnCountsAnew() throws {
        var scenario = try Scenario(task: "go", limits: steps(1))
        for _ in 0..<3 {
            try scenario.modelAnswers("Done.")
            #expect(try scenario.send("next") == ["messageQueued", "modelCalled"])
        }
    }

    /// A failed attempt is no step: the step that it belongs to was counted.
    @Test func attemptsAreNotSteps() throws {
        var scenario = try Scenario(task: "go", attempts: 5, limits: steps(1))
        for _ in 0..<3 {
            try scenario.modelFails(retryable: true)
            scenario.now = try #require(scenario.run.due)
            #expect(try scenario.decide(.timePassed) == ["modelCalled"])
        }
        try scenario.modelAnswers("", calls: [.read("a")])
        #expect(try scenario.toolEnds(1) == ["callEnded", "askOpened"])
    }

    @Test func costCountsOverTurnsUntilSomeoneGrantsMore() throws {
        var scenario = try Scenario(task: "go", limits: cost(100))
        try scenario.modelAnswers("Done.", costNanoUSD: 60)
        #expect(try scenario.send("next") == ["messageQueued", "modelCalled"])
        try scenario.modelAnswers("Done.", costNanoUSD: 60)
        #expect(try scenario.send("next") == ["messageQueued", "askOpened"])
        #expect(scenario.run.status == .waiting)
        #expect(try scenario.answer(1, .raise) == ["askAnswered", "modelCalled"])
        #expect(scenario.shown.last == "user: next")
        try scenario.modelAnswers("Done.", costNanoUSD: 99)
        #expect(try scenario.send("next") == ["messageQueued", "modelCalled"])
        try scenario.modelAnswers("Done.", costNanoUSD: 1)
        #expect(try scenario.send("next") == ["messageQueued", "askOpened"])
    }

    /// Under a hold nothing is looked at: the limit shows when the hold lifts.
    @Test func aHoldHidesIt() throws {
        var scenario = try Scenario(task: "go", limits: steps(1))
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.command(.pause())
        #expect(try scenario.toolEnds(1) == ["callEnded"])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "askOpened"])
        #expect(scenario.run.status == .waiting)
    }

    @Test func aCrashChangesNothing() throws {
        var scenario = try Scenario(task: "go", limits: steps(1))
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["modelCut", "modelCalled"])
        try scenario.modelAnswers("", calls: [.read("a")])
        #expect(try scenario.toolEnds(1) == ["callEnded", "askOpened"])
        try scenario.crash()
        #expect(scenario.last.isEmpty && scenario.run.status == .waiting)
    }

    /// What a model call cost cannot be told: with a limit on the cost people are asked, each time anew.
    @Test func aCostThatCannotBeToldAsks() throws {
        var scenario = try Scenario(task: "go", limits: cost(100))
        func answer(_ call: UInt32, isTold: Bool) throws -> [String] {
            try scenario.modelAnswers("", calls: [.read("\(call)")], isCostTold: isTold)
            return try scenario.toolEnds(call)
        }
        #expect(try answer(1, isTold: true) == ["callEnded", "modelCalled"])
        #expect(try answer(2, isTold: false) == ["callEnded", "askOpened"])
        #expect(scenario.last.last?.askOpened.kind == .budget)
        #expect(refusal { try scenario.answer(1, .raise, limits: cost(1000)) } == .invalidAnswer)
        #expect(try scenario.answer(1, .raise) == ["askAnswered", "modelCalled"])
        #expect(try answer(3, isTold: true) == ["callEnded", "modelCalled"])
        #expect(try answer(4, isTold: false) == ["callEnded", "askOpened"])
        // Calls that were cut are no answers, and a snapshot knows what was not told.
        #expect(Run(id: scenario.run.id, snapshot: scenario.run.snapshot) == scenario.run)
        #expect(try scenario.command(.setLimits(steps(50))) == ["limitsSet", "askClosed", "modelCalled"])
        #expect(try answer(5, isTold: false) == ["callEnded", "modelCalled"])
        // A limit that comes later looks at all of it.
        try scenario.command(.setLimits(cost(100)))
        #expect(try answer(6, isTold: true) == ["callEnded", "askOpened"])
    }

    /// A call that was cut or broke off counts with what it is estimated to have used, and asks where nobody can tell.
    @Test func aModelCallWithoutAnAnswerCounts() throws {
        let estimated = FermataUsage.with {
            $0.modelCalls = 1
            $0.costNanoUsd = 40
            $0.callsOfEstimatedCost = 1
        }
        var scenario = try Scenario(task: "go", attempts: 3, limits: cost(100))
        scenario.partialUsage = estimated
        try scenario.command(.interrupt())
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(try scenario.send("now", .now) == ["messageQueued", "modelCut", "modelCalled"])
        #expect(scenario.run.summary.usage.costNanoUsd == 80 && scenario.run.summary.usage.callsOfEstimatedCost == 2)
        // Another attempt of a step is not asked about; the next step is.
        #expect(try scenario.modelFails(retryable: true) == ["modelFailed"])
        scenario.now += 60_000_000
        #expect(try scenario.decide(.timePassed) == ["modelCalled"])
        #expect(try scenario.modelAnswers("", calls: [.read("a")]) == ["modelAnswered", "callStarted"])
        #expect(try scenario.toolEnds(1) == ["callEnded", "askOpened"])
        #expect(scenario.run.summary.usage.costNanoUsd == 120)
    }

    /// The service was killed in the midst of a call: nobody knows what it has cost.
    @Test func aModelCallThatIsLostAsks() throws {
        var scenario = try Scenario(task: "go", limits: cost(100))
        try scenario.decide(.lost(.model(step: 1, attempt: 1)))
        #expect(scenario.run.summary.usage.callsOfUnknownCost == 1)
        #expect(try scenario.modelAnswers("", calls: [.read("a")]) == ["modelAnswered", "callStarted"])
        #expect(try scenario.toolEnds(1) == ["callEnded", "askOpened"])
    }

    /// Of old events nobody was asked: they fold as they did.
    @Test func oldEventsAskNobody() throws {
        var run = try Scenario(task: "go", limits: cost(100)).run
        for kind in [
            FermataEvent.OneOf_Kind.modelCut(.with { ($0.step, $0.attempt, $0.cause) = (1, 1, .byMessage) }),
            .modelCalled(.with { ($0.step, $0.attempt) = (2, 1) }),
            .modelFailed(.with { ($0.step, $0.attempt) = (2, 1) }),
        ] {
            let seq = run.seq + 1
            run.apply(
                .with {
                    $0.seq = seq
                    $0.kind = kind
                })
        }
        #expect(run.budget.usage.callsOfUnknownCost == 2 && !run.budget.costIsUntold)
    }
}
