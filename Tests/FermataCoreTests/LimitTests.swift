import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

/// Limits: looked at before each model call; a resume grants as much again.
@Suite struct LimitTests {
    private func steps(_ count: UInt32) -> FermataLimits { .with { $0.maxSteps = count } }
    private func cost(_ nanoUSD: Int64) -> FermataLimits { .with { $0.maxCostNanoUsd = nanoUSD } }

    @Test func theTurnFailsBeforeTheStepThatIsOneTooMany() throws {
        var scenario = try Scenario(task: "go", limits: steps(2))
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.toolEnds(1)
        try scenario.modelAnswers("", calls: [.read("b")])
        #expect(try scenario.toolEnds(2) == ["callEnded", "limitReached"])
        #expect(scenario.run.status == .failed)
        #expect(scenario.run.summary.failure.kind == "LIMIT_REACHED")
        #expect(scenario.run.wanted.isEmpty)
        // Nothing is lost, and as many steps again are granted.
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
        #expect(scenario.run.step == 3)
        try scenario.modelAnswers("", calls: [.read("c")])
        try scenario.toolEnds(3)
        try scenario.modelAnswers("", calls: [.read("d")])
        #expect(try scenario.toolEnds(4) == ["callEnded", "limitReached"])
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
        #expect(try scenario.toolEnds(1) == ["callEnded", "limitReached"])
    }

    @Test func costCountsOverTurnsUntilSomeoneResumes() throws {
        var scenario = try Scenario(task: "go", limits: cost(100))
        try scenario.modelAnswers("Done.", costNanoUSD: 60)
        #expect(try scenario.send("next") == ["messageQueued", "modelCalled"])
        try scenario.modelAnswers("Done.", costNanoUSD: 60)
        #expect(try scenario.send("next") == ["messageQueued", "limitReached"])
        #expect(scenario.run.status == .failed)
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
        #expect(scenario.shown.last == "user: next")
        try scenario.modelAnswers("Done.", costNanoUSD: 99)
        #expect(try scenario.send("next") == ["messageQueued", "modelCalled"])
        try scenario.modelAnswers("Done.", costNanoUSD: 1)
        #expect(try scenario.send("next") == ["messageQueued", "limitReached"])
    }

    /// Under a hold nothing is looked at: the limit shows when the hold lifts.
    @Test func aHoldHidesIt() throws {
        var scenario = try Scenario(task: "go", limits: steps(1))
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.command(.pause())
        #expect(try scenario.toolEnds(1) == ["callEnded"])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "limitReached"])
        #expect(scenario.run.status == .failed)
    }

    @Test func aCrashChangesNothing() throws {
        var scenario = try Scenario(task: "go", limits: steps(1))
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["modelCut", "modelCalled"])
        try scenario.modelAnswers("", calls: [.read("a")])
        #expect(try scenario.toolEnds(1) == ["callEnded", "limitReached"])
        try scenario.crash()
        #expect(scenario.run.status == .failed)
    }
}
