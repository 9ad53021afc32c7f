import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// Other models that are asked when one has failed, and waits that are longer than the agent's patience.
@Suite struct FallbackTests {
    private func scenario(
        _ fallbacks: [String] = ["mock/b", "mock/c"], attempts: UInt32 = 1, patienceMs: UInt32 = 0,
        task: String = "go", limits: FermataLimits = .init()
    ) throws -> Scenario {
        try Scenario(task: task, attempts: attempts, limits: limits, fallbacks: fallbacks, patienceMs: patienceMs)
    }

    @Test func theNextModelIsAskedWhenOneHasFailed() throws {
        var scenario = try scenario()
        #expect(try scenario.modelFails() == ["modelFailed", "modelSet", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/b" && scenario.run.status == .running)
        #expect(scenario.last[1].modelSet.fallback == 1 && scenario.last[1].by.isEmpty)
        #expect(scenario.last[2].modelCalled.step == 1 && scenario.last[2].modelCalled.attempt == 2)
        #expect(try scenario.modelFails() == ["modelFailed", "modelSet", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/c")
        #expect(try scenario.modelFails() == ["modelFailed"])
        #expect(scenario.run.status == .failed && scenario.events.last?.modelFailed.model == "mock/c")
        // Who has it tried again begins with the run's own.
        #expect(try scenario.command(.resume(text: "")) == ["modelSet", "retried", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/x")
    }

    /// Each of them has all its attempts.
    @Test func attemptsAreOfOneModel() throws {
        var scenario = try scenario(["mock/b"], attempts: 2)
        for model in ["mock/x", "mock/b"] {
            #expect(scenario.run.spec.model == model)
            #expect(try scenario.modelFails(retryable: true) == ["modelFailed"])
            scenario.now = try #require(scenario.run.due)
            #expect(try scenario.decide(.timePassed) == ["modelCalled"])
            try scenario.modelFails(retryable: true)
        }
        #expect(scenario.run.status == .failed)
    }

    /// A fallback model is asked to the turn's end; the next turn begins with the run's own.
    @Test func theNextTurnIsTheOwnModelsAgain() throws {
        var scenario = try scenario()
        try scenario.modelFails()
        try scenario.modelAnswers("", calls: [.terminal("a")])
        #expect(try scenario.toolEnds(1) == ["callEnded", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/b")
        try scenario.modelAnswers("Done.")
        #expect(scenario.run.status == .finished && scenario.events.last?.modelAnswered.model == "mock/b")
        #expect(try scenario.send("more") == ["messageQueued", "modelSet", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/x" && scenario.last[1].modelSet.fallback == 0)
    }

    /// The model that somebody sets is the run's own from then on, and its fallback models stay.
    @Test func whatSomebodySetsIsTheRunsOwn() throws {
        var scenario = try scenario(["mock/b"])
        try scenario.modelFails()
        try scenario.modelFails()
        let set = FermataModelSet.with {
            $0.model = "mock/d"
            $0.baseURL = "http://d"
        }
        #expect(
            try scenario.command(.resume(ResumeTerms(model: set))) == ["modelSet", "retried", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/d" && scenario.run.spec.baseURL == "http://d")
        try scenario.modelFails()
        #expect(scenario.run.spec.model == "mock/b" && scenario.run.spec.baseURL.isEmpty)
        try scenario.modelAnswers("Done.")
        try scenario.send("more")
        #expect(scenario.run.spec.model == "mock/d" && scenario.run.spec.baseURL == "http://d")
    }

    @Test(arguments: ["REFUSED", "JOURNAL_UNREADABLE", "DESCRIPTORS"])
    func whatIsNoFaultOfTheModelsIsNoReason(_ kind: String) throws {
        var scenario = try scenario()
        #expect(try scenario.modelFails(kind: kind) == ["modelFailed"])
        #expect(scenario.run.status == .failed && scenario.run.spec.model == "mock/x")
    }

    /// Under a hold nothing is asked before it lifts.
    @Test func underAHold() throws {
        var scenario = try scenario()
        try scenario.command(.pause())
        #expect(try scenario.modelFails() == ["modelFailed", "modelSet"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/b")
    }

    // MARK: - Patience

    private static let hour: UInt64 = 3_600_000

    /// A run whose provider wants an hour, and whose patience is ten minutes.
    private func waiting(_ fallbacks: [String] = []) throws -> Scenario {
        var scenario = try scenario(fallbacks, attempts: 3, patienceMs: 600_000)
        let events = try scenario.modelFails(retryable: true, retryAfterMs: Self.hour)
        #expect(
            events == (fallbacks.isEmpty ? ["modelFailed", "askOpened"] : ["modelFailed", "modelSet", "modelCalled"]))
        return scenario
    }

    @Test func aLongWaitIsAskedAboutAndGoesOn() throws {
        var scenario = try waiting()
        let ask = try #require(scenario.last.last?.askOpened)
        #expect(ask.kind == .limit && ask.call == 0 && ask.question.contains("1 h") && ask.question.contains("10 min"))
        #expect(scenario.run.status == .waiting && scenario.run.summary.nextAttemptAt == ask.deadlineAt)
        // Nobody answers.
        scenario.now += Int64(Self.hour) * 1000
        #expect(scenario.run.due == scenario.now)
        #expect(try scenario.decide(.timePassed) == ["askAnswered", "modelCalled"])
        #expect(scenario.last[0].askAnswered.via == .viaDeadline && scenario.last[0].askAnswered.verdict == .goOn)
        try scenario.modelAnswers("Done.")
        #expect(scenario.run.status == .finished)
    }

    @Test func whoIsPatientWaits() throws {
        var scenario = try scenario([], attempts: 3, patienceMs: 3_600_000)
        #expect(try scenario.modelFails(retryable: true, retryAfterMs: Self.hour) == ["modelFailed"])
        #expect(scenario.run.status == .running)
        var old = try self.scenario([], attempts: 3)
        #expect(try old.modelFails(retryable: true, retryAfterMs: 24 * Self.hour) == ["modelFailed"])
    }

    @Test func aFallbackModelNeedNotBeAskedFor() throws {
        let scenario = try waiting(["mock/b"])
        #expect(scenario.run.spec.model == "mock/b" && scenario.run.status == .running)
    }

    @Test func anAnswerDecides() throws {
        var scenario = try waiting()
        for verdict in [.unspecified, .raise, .guide, .approve] as [FermataVerdict] {
            #expect(refusal { try scenario.answer(1, verdict, "x") } == .invalidAnswer)
        }
        #expect(refusal { try scenario.answer(1, .useModel) } == .invalidAnswer)
        #expect(try scenario.answer(1, .useModel, "mock/b") == ["askAnswered", "modelSet", "modelCalled"])
        #expect(scenario.run.spec.model == "mock/b" && scenario.last[1].by == "ann")

        scenario = try waiting()
        #expect(try scenario.answer(1, .goOn) == ["askAnswered"])
        #expect(scenario.run.status == .running && scenario.run.summary.nextAttemptAt > 0)
        scenario.now += Int64(Self.hour) * 1000
        #expect(try scenario.decide(.timePassed) == ["modelCalled"])

        scenario = try waiting()
        #expect(try scenario.answer(1, .endTurn) == ["askAnswered"])
        #expect(scenario.run.status == .failed && scenario.run.summary.failure.kind == "RATE_LIMITED")
        #expect(scenario.run.due == nil)
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
    }

    /// Whatever ends the wait closes the ask: nobody is asked about what is over.
    @Test func theAskEndsWithItsWait() throws {
        var scenario = try waiting()
        #expect(try scenario.send("now", .now) == ["messageQueued", "askClosed", "modelCalled"])
        scenario = try waiting()
        try scenario.command(.pause())
        #expect(scenario.run.summary.openAsks == [1] && scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "askClosed", "modelCalled"])
        scenario = try waiting()
        let set = FermataModelSet.with { $0.model = "mock/b" }
        #expect(try scenario.command(.resume(ResumeTerms(model: set))) == ["modelSet", "askClosed", "modelCalled"])
        scenario = try waiting()
        #expect(try scenario.command(.stop) == ["askClosed", "stopped"])
        scenario = try waiting()
        #expect(refusal { try scenario.command(.handOff) } == .inFlight)
    }

    @Test func itOutlivesACrash() throws {
        var scenario = try waiting()
        try scenario.crash()
        #expect(scenario.last.isEmpty && scenario.run.status == .waiting)
        scenario.now += Int64(Self.hour) * 1000
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["askAnswered", "modelCalled"])
    }

    // MARK: - Reasoning that is not taken back

    /// What was their maker's own is left out from then on; the next request is another one, and no attempt is used up.
    @Test func reasoningThatIsRefusedIsLeftOut() throws {
        var scenario = try scenario([])
        let blocks: [FermataBlock] = [
            .with {
                $0.reasoning = "why"
                $0.json = #"{"type":"thinking","thinking":"why","signature":"s"}"#
            }, .with { $0.call = 1 },
        ]
        func answer(_ scenario: inout Scenario) throws {
            let (step, attempt) = try #require(scenario.modelInFlight)
            let origin = FermataOrigin.with { $0.api = "messages" }
            try scenario.decide(
                .modelAnswered(
                    step: step, attempt: attempt,
                    ModelReply(text: "", calls: [.terminal("a")], blocks: blocks, origin: origin)))
        }
        try answer(&scenario)
        try scenario.toolEnds(1)
        #expect(try scenario.modelFails(kind: "REASONING_REFUSED") == ["modelFailed", "modelCalled"])
        let failed = scenario.last[0]
        #expect(failed.modelFailed.dropsReasoning && scenario.run.turn.reasoningFrom == failed.seq)
        func shown(_ from: UInt64) -> [Int] {
            var transcript = Transcript(reasoningFrom: from)
            for event in scenario.events { transcript.append(event) }
            return transcript.items.compactMap {
                if case .assistant(let answer) = $0 { answer.blocks.count } else { nil }
            }
        }
        #expect(shown(0) == [2] && shown(scenario.run.turn.reasoningFrom) == [0])
        // What comes after it is shown again.
        try answer(&scenario)
        #expect(shown(scenario.run.turn.reasoningFrom) == [0, 2])
        try scenario.toolEnds(2)
        try scenario.modelFails(retryable: false)
        #expect(scenario.run.status == .failed)
    }

    /// Of the model that refuses them, once; another one is shown them.
    @Test func imagesThatAreRefusedAreSaidInWords() throws {
        var scenario = try scenario(["mock/b"])
        #expect(scenario.run.showsImages)
        #expect(try scenario.modelFails(kind: "IMAGES_REFUSED") == ["modelFailed", "modelCalled"])
        #expect(scenario.last[0].modelFailed.dropsImages && !scenario.run.showsImages)
        let copy = try #require(Run(id: scenario.run.id, snapshot: scenario.run.snapshot))
        #expect(copy == scenario.run && !copy.showsImages)
        // Said again it is a failure like any other.
        #expect(try scenario.modelFails(kind: "IMAGES_REFUSED") == ["modelFailed", "modelSet", "modelCalled"])
        #expect(!scenario.last[0].modelFailed.dropsImages)
        #expect(scenario.run.spec.model == "mock/b" && scenario.run.showsImages)
    }
}
