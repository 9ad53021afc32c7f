import FermataCore
import FermataProtocol
import Testing

/// People's clock is set: what is stamped follows it, and every wait is as long as it was meant to be.
@Suite struct ClockTests {
    static let steps: [Int64] = [-31_536_000, -3600, -1, 1, 3600, 31_536_000].map { $0 * 1_000_000 }
    private static let second: Int64 = 1_000_000

    private func scenario() throws -> Scenario {
        var scenario = try Scenario()
        scenario.now = 1_700_000_000 * Self.second
        return scenario
    }

    @Test(arguments: steps) func aHoldLastsAsLongAsItWasToLast(_ step: Int64) throws {
        var scenario = try scenario()
        try scenario.decide(
            .command(.pause(HoldTerms(resumeAt: scenario.now + 30 * Self.second)), Provenance(by: "ann")))
        let stamp = scenario.run.updatedAt
        scenario.lead = step
        scenario.now += 29 * Self.second
        try scenario.decide(.timePassed)
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.due == scenario.now + Self.second)
        scenario.now += Self.second
        #expect(try scenario.decide(.timePassed) == ["holdLifted"])
        #expect(scenario.run.updatedAt == max(stamp, scenario.now + step))
        // Under the clock that was set a hold is told by that clock, and lasts as long.
        try scenario.decide(
            .command(.pause(HoldTerms(resumeAt: scenario.now + step + 30 * Self.second)), Provenance(by: "ann")))
        #expect(scenario.run.hold?.resumeAt == scenario.now + step + 30 * Self.second)
        #expect(scenario.run.due == scenario.now + 30 * Self.second)
        // Set right again.
        scenario.lead = 0
        scenario.now += 30 * Self.second
        #expect(try scenario.decide(.timePassed) == ["holdLifted"])
    }

    @Test(arguments: steps) func anAskCanBeAnsweredUntilItsTimeHasPassed(_ step: Int64) throws {
        for isInTime in [true, false] {
            var scenario = try AnswerTests.Kind.approval.scenario(deadlineMs: 1000)
            let due = try #require(scenario.run.due)
            scenario.lead = step
            scenario.now = due - (isInTime ? 1 : 0)
            do {
                try scenario.decide(.command(.answer(AskAnswer(ask: 1, verdict: .reject)), Provenance(by: "ann")))
                #expect(isInTime)
            } catch let refusal as Refusal {
                #expect(!isInTime && refusal.code == .expired)
                // What was sent while the service stood still is heard.
                scenario.patience = 1
                try scenario.decide(.command(.answer(AskAnswer(ask: 1, verdict: .reject)), Provenance(by: "ann")))
            }
        }
    }

    @Test(arguments: steps) func theWaitBetweenTwoAttemptsIsMeasured(_ step: Int64) throws {
        var scenario = try Scenario(task: "go", attempts: 2)
        scenario.now = 1_700_000_000 * Self.second
        try scenario.modelFails(retryable: true)
        let due = try #require(scenario.run.due)
        scenario.lead = step
        scenario.now = due - 1
        #expect(try scenario.decide(.timePassed) == [])
        scenario.now = due
        #expect(try scenario.decide(.timePassed) == ["modelCalled"])
    }

    /// Elsewhere the steady clock is another one: a wait ends when it was said to end, by the clock that all have.
    @Test func anImportMeasuresByItsOwnClock() throws {
        var policy = FermataPolicy.asking("terminal")
        policy.tools[0].deadlineMs = 30_000
        var scenario = try Scenario(task: "go", policy: policy)
        scenario.lead = 3600 * Self.second
        let end = scenario.now + scenario.lead + 30 * Self.second
        try scenario.modelAnswers("", calls: [.terminal("ls")])
        #expect(scenario.run.due == end - scenario.lead)
        scenario.now += scenario.lead
        scenario.lead = 0
        try scenario.decide(.command(.import(FermataImported(), start: false, nil), Provenance(by: "ann")))
        #expect(scenario.run.due == end)
        scenario.now = end
        #expect(try scenario.decide(.timePassed).first == "askClosed")
    }

    /// Stamps of a run never decrease, and its waits are not measured by a stamp that stands.
    @Test func aStampThatStandsMakesNoWaitLonger() throws {
        var scenario = try scenario()
        scenario.lead = 31_536_000 * Self.second
        try scenario.decide(.command(.pause(), Provenance(by: "ann")))
        let stamp = scenario.run.updatedAt
        scenario.lead = 0
        try scenario.decide(.command(.resume(ResumeTerms()), Provenance(by: "ann")))
        try scenario.decide(
            .command(.pause(HoldTerms(resumeAt: scenario.now + Self.second)), Provenance(by: "ann")))
        #expect(scenario.run.updatedAt == stamp)
        #expect(scenario.run.due == scenario.now + Self.second)
    }
}
