@testable import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

/// DESIGN, "The one idea": what holds of every decision.
@Suite struct DecisionTests {
    @Test func aCommandForAnotherSeqIsStale() throws {
        var scenario = try Scenario(task: "go")
        let seq = scenario.run.seq
        let before = scenario.run
        for wrong in [0, seq - 1, seq + 1, UInt64.max] {
            #expect(refusal { try scenario.command(.pause(), ifSeq: wrong) } == .stale)
        }
        #expect(scenario.run == before)
        #expect(try scenario.command(.pause(), ifSeq: seq) == ["held"])
        #expect(refusal { try scenario.command(.resume(text: ""), ifSeq: seq) } == .stale)
    }

    /// A command that would change nothing is stale as well: who sent it believes something that is no longer so.
    @Test func staleComesBeforeEverythingElse() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.stop)
        #expect(refusal { try scenario.command(.stop, ifSeq: 1) } == .stale)
        #expect(refusal { try scenario.command(.pause(), ifSeq: 1) } == .stale)
    }

    @Test func endsOfAttemptsThatAreNotCurrentChangeNothing() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        scenario.now = try #require(scenario.run.due)
        try scenario.decide(.timePassed)
        let failure = FermataFailure.with { $0.kind = "CONNECT" }
        let reply = ModelReply(text: "Late.", calls: [.terminal("a")])
        for (step, attempt) in [(1, 1), (1, 3), (2, 2), (0, 0), (UInt32.max, UInt32.max)] as [(UInt32, UInt32)] {
            #expect(try scenario.decide(.modelAnswered(step: step, attempt: attempt, reply)) == [])
            #expect(try scenario.decide(.modelFailed(step: step, attempt: attempt, failure, soFar: "Late.")) == [])
        }
        #expect(try scenario.modelAnswers("", calls: [.terminal("a")]) == ["modelAnswered", "callStarted"])
        for (call, attempt) in [(1, 0), (1, 2), (2, 1), (0, 0), (UInt32.max, UInt32.max)] as [(UInt32, UInt32)] {
            #expect(try scenario.toolEnds(call, attempt: attempt) == [])
        }
        #expect(try scenario.toolEnds(1) == ["callEnded", "modelCalled"])
        #expect(try scenario.toolEnds(1) == [])
    }

    @Test func whatWaitsBetweenAttemptsHasNoEnd() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        #expect(try scenario.decide(.modelAnswered(step: 1, attempt: 1, ModelReply(text: "Late."))) == [])
        #expect(try scenario.decide(.modelAnswered(step: 1, attempt: 2, ModelReply(text: "Early."))) == [])
    }

    @Test(arguments: [0, -1, Int64.min, 999_999]) func atNeverDecreasesWhateverTheClockDoes(_ time: Int64) throws {
        var scenario = try Scenario(task: "go")
        scenario.now = time
        try scenario.send("More.")
        #expect(scenario.run.updatedAt == 1_000_000)
        scenario.now = 2_000_000
        try scenario.send("More.")
        #expect(scenario.run.updatedAt == 2_000_000)
    }

    @Test func onlyWhatACommandAskedForCarriesItsSender() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.interrupt(), by: "ann", reason: "lunch")
        #expect(scenario.last.map(\.by) == ["ann", ""])
        #expect(scenario.last.map(\.reason) == ["lunch", ""])
    }

    @Test func anEventOfAKindFromTheFutureChangesOnlySeqAndTime() throws {
        let scenario = try Scenario(task: "go")
        var run = scenario.run
        run.apply(
            .with {
                $0.seq = run.seq + 1
                $0.at = run.updatedAt + 1
            })
        #expect(run.seq == scenario.run.seq + 1)
        #expect(run.updatedAt == scenario.run.updatedAt + 1)
        #expect(run.status == .running)
        #expect(run.wanted == scenario.run.wanted)
    }

    @Test func launchWritesDownEverythingThatTheRunWasLaunchedWith() throws {
        let scenario = try Scenario(task: "Count to three.")
        #expect(scenario.events.map(\.name) == ["launched", "messageQueued", "modelCalled"])
        #expect(scenario.events.allSatisfy { $0.run == Scenario.id.description })
        #expect(scenario.run.spec.tools == Scenario.tools)
        #expect(scenario.run.lineage.createdAt == 1_000_000)
        #expect(scenario.run.summary.task == "Count to three.")
        #expect(scenario.message == 1)
    }

    // MARK: - Attempts

    @Test func failuresAreTriedAgainAfterLongerAndLongerWaits() throws {
        var scenario = try Scenario(task: "go", attempts: 10)
        var waits: [Int64] = []
        for _ in 0..<9 {
            try scenario.modelFails(retryable: true)
            let due = try #require(scenario.run.due)
            waits.append((due - scenario.now) / 1000)
            #expect(scenario.run.summary.nextAttemptAt == due)
            scenario.now = due
            #expect(try scenario.decide(.timePassed) == ["modelCalled"])
        }
        for (wait, most) in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60] as [Int64]) {
            #expect((most * 500...most * 1000).contains(wait))
        }
        // Not the same ones for each run.
        let others = (0..<50).map {
            Run(id: RunID(microseconds: 1, random: $0 &* 0x9E37_79B9_7F4A_7C15)).backOffMilliseconds(afterFailures: 1)
        }
        #expect(Set(others).count > 40)
        try scenario.modelFails(retryable: true)
        #expect(scenario.run.status == .failed)
        #expect(scenario.modelInFlight == nil)
    }

    @Test func anAnswerGivesTheNextStepAllItsAttempts() throws {
        var scenario = try Scenario(task: "go", attempts: 2)
        for _ in 0..<3 {
            try scenario.modelFails(retryable: true)
            scenario.now = try #require(scenario.run.due)
            try scenario.decide(.timePassed)
            try scenario.modelAnswers("", calls: [.init("nope", "{}")])
        }
        #expect(scenario.run.status == .running)
    }

    @Test func whatIsNotRetryableFailsAtOnce() throws {
        var scenario = try Scenario(task: "go", attempts: 10)
        try scenario.modelFails(retryable: false)
        #expect(scenario.run.status == .failed)
        #expect(scenario.run.summary.failure.kind == "SILENCE")
    }

    @Test func theModelsServerCanAskForALongerWait() throws {
        var scenario = try Scenario(task: "go", attempts: 2)
        try scenario.modelFails(retryable: true, retryAfterMs: 90_000)
        #expect(scenario.run.due == scenario.now + 90_000_000)
    }

    /// A server's header, not ours: no number in it may end the process, or a run for ever.
    @Test(arguments: [UInt64.max, UInt64(Int64.max), UInt64(Int64.max) / 1000, 1 << 40])
    func anAbsurdWaitIsBounded(_ milliseconds: UInt64) throws {
        var scenario = try Scenario(task: "go", attempts: 2)
        try scenario.modelFails(retryable: true, retryAfterMs: milliseconds)
        let due = try #require(scenario.run.due)
        #expect(due - scenario.now == Run.longestRetryAfterMilliseconds * 1000)
    }

    /// The journal has the event before anyone can object: folding it must not fail, now and at every start.
    @Test func absurdUsageSaturates() throws {
        var scenario = try Scenario(task: "go")
        let usage = FermataUsage.with {
            $0.modelCalls = .max
            $0.inputTokens = .max
            $0.cachedInputTokens = .max
            $0.outputTokens = .max
            $0.costNanoUsd = .max
            $0.callsOfUnknownCost = .max
        }
        for _ in 0..<2 {
            let (step, attempt) = try #require(scenario.modelInFlight)
            let reply = ModelReply(text: "", calls: [.init("nope", "{}")], usage: usage)
            try scenario.decide(.modelAnswered(step: step, attempt: attempt, reply))
        }
        try scenario.modelFails()
        #expect(scenario.run.summary.usage == usage)
    }

    @Test func usageIsSummedOverTheRun() throws {
        var scenario = try Scenario(task: "go")
        for _ in 0..<3 {
            let (step, attempt) = try #require(scenario.modelInFlight)
            let usage = FermataUsage.with {
                $0.modelCalls = 1
                $0.inputTokens = 10
                $0.outputTokens = 2
                $0.costNanoUsd = 300
            }
            let reply = ModelReply(text: "", calls: [.init("nope", "{}")], usage: usage)
            try scenario.decide(.modelAnswered(step: step, attempt: attempt, reply))
        }
        #expect(scenario.run.summary.usage.modelCalls == 3)
        #expect(scenario.run.summary.usage.inputTokens == 30)
        #expect(scenario.run.summary.usage.outputTokens == 6)
        #expect(scenario.run.summary.usage.costNanoUsd == 900)
    }
}
