import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// How answers end: only a complete one has its calls executed.
@Suite struct EndingTests {
    private func answer(
        _ scenario: inout Scenario, _ text: String, _ ending: FermataEnding, calls: [ModelReply.Call] = []
    ) throws -> [String] {
        let (step, attempt) = try #require(scenario.modelInFlight)
        let reply = ModelReply(text: text, calls: calls, finishReason: "length", ending: ending)
        return try scenario.decide(.modelAnswered(step: step, attempt: attempt, reply))
    }

    @Test func callsOfATruncatedAnswerAreNotExecuted() throws {
        var scenario = try Scenario(task: "go", policy: .asking("terminal"))
        let events = try answer(
            &scenario, "I will", .truncated, calls: [.terminal("rm"), .deploy("x"), .ask("May I?")])
        #expect(events == ["modelAnswered", "callEnded", "callEnded", "callEnded", "modelCalled"])
        #expect(scenario.run.asks.isEmpty && scenario.outcome(1) == nil)
        #expect(scenario.shown[1] == "assistant: I will #1 #2 #3")
        #expect(scenario.shown[2] == "#1: [Error] \(Marker.truncatedCall)")
        #expect(brokenTranscript(scenario.transcript) == nil)
    }

    @Test func aTruncatedAnswerGoesOnThreeTimesInATurn() throws {
        var scenario = try Scenario(task: "go")
        for part in ["One ", "two ", "three "] {
            #expect(try answer(&scenario, part, .truncated) == ["modelAnswered", "modelCalled"])
            #expect(scenario.shown.suffix(2) == ["assistant: \(part)", "user: \(Marker.truncated)"])
        }
        #expect(scenario.run.summary.ending == .truncated)
        #expect(try answer(&scenario, "four", .truncated) == ["modelAnswered"])
        #expect(scenario.run.status == .failed && scenario.run.summary.failure.kind == "TRUNCATED")
        #expect(scenario.run.summary.lastMessage == "One two three four")
        // Whoever resumes it lets it go on, three times again.
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
        for _ in 1...3 { #expect(try answer(&scenario, "x", .truncated) == ["modelAnswered", "modelCalled"]) }
        try scenario.modelAnswers("end")
        #expect(scenario.run.status == .finished && scenario.run.summary.lastMessage == "xxxend")
        #expect(scenario.run.summary.ending == .complete)
        // A new turn has three of its own.
        try scenario.send("again")
        for _ in 1...3 { #expect(try answer(&scenario, "x", .truncated) == ["modelAnswered", "modelCalled"]) }
        #expect(brokenTranscript(scenario.transcript) == nil)
    }

    @Test func callsThatAreTruncatedAgainAndAgainEnd() throws {
        var scenario = try Scenario(task: "go")
        for _ in 1...3 {
            #expect(
                try answer(&scenario, "", .truncated, calls: [.read("a")]) == [
                    "modelAnswered", "callEnded", "modelCalled",
                ])
        }
        // One that is complete begins the count anew.
        try scenario.modelAnswers("", calls: [.read("b")])
        try scenario.toolEnds(4)
        for _ in 1...3 {
            #expect(
                try answer(&scenario, "", .truncated, calls: [.read("a")]) == [
                    "modelAnswered", "callEnded", "modelCalled",
                ])
        }
        #expect(try answer(&scenario, "", .truncated, calls: [.read("a")]) == ["modelAnswered", "callEnded"])
        #expect(scenario.run.summary.failure.kind == "TRUNCATED")
        #expect(brokenTranscript(scenario.transcript) == nil)
    }

    @Test func whatWasRefusedIsNotShownAgain() throws {
        var scenario = try Scenario(task: "go")
        #expect(
            try answer(&scenario, "How to", .refused, calls: [.read("a")]) == ["modelAnswered", "callEnded"])
        #expect(scenario.run.status == .failed && scenario.run.summary.failure.kind == "REFUSED")
        #expect(scenario.run.summary.lastMessage.isEmpty)
        #expect(try scenario.command(.resume(text: "Something else.")).last == "modelCalled")
        #expect(scenario.shown == ["user: go", "user: Something else."])
        #expect(brokenTranscript(scenario.transcript) == nil)
    }

    @Test func aTruncatedAnswerUnderAHold() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        #expect(try answer(&scenario, "Half", .truncated) == ["modelAnswered"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "Go on.")).last == "modelCalled")
        #expect(scenario.shown.suffix(2) == ["user: \(Marker.truncated)", "user: Go on."])
    }

    // MARK: - Arguments

    /// A server that parses the history would refuse every later request.
    @Test(arguments: [#"{"path":"#, #"["a"]"#, #""text""#, "7", "nonsense", #"{"a":1,"a":2}"#])
    func malformedArgumentsGoBackAsAnObject(_ arguments: String) throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.init("read", arguments)])
        guard case .assistant(let answer) = scenario.transcript.items[1] else {
            throw Refusal(.internalError, "no answer")
        }
        let calls = answer.calls
        #expect(calls[0].arguments == "{}")
        // The model's exact text is in the journal and in the result.
        #expect(scenario.shown[2].contains(arguments))
        let answered = scenario.events.compactMap {
            if case .modelAnswered(let answer) = $0.kind { answer } else { nil }
        }
        #expect(answered[0].calls[0].arguments == arguments)
    }

    @Test(arguments: ["", "  \n", "null", " null "]) func absentArgumentsAreNone(_ arguments: String) throws {
        let tool = FermataToolSpec.with {
            $0.name = "list"
            $0.parameters = #"{"type":"object","properties":{}}"#
        }
        var scenario = try Scenario(task: "go", tools: [tool])
        #expect(try scenario.modelAnswers("", calls: [.init("list", arguments)]) == ["modelAnswered", "callStarted"])
        #expect(scenario.run.calls[number: 1]?.arguments == "{}")
    }

    @Test func anExactObjectGoesBackAsItWas() throws {
        var scenario = try Scenario(task: "go")
        let arguments = #"{ "path" : "\u00e9", "n": 1.50 }"#
        try scenario.modelAnswers("", calls: [.init("read", arguments)])
        guard case .assistant(let answer) = scenario.transcript.items[1] else {
            throw Refusal(.internalError, "no answer")
        }
        let calls = answer.calls
        #expect(calls[0].arguments == arguments)
    }

    // MARK: - Verdicts

    /// Folding asks no rule: what the policy said is in the events.
    @Test func theEventsHaveWhatThePolicySaid() throws {
        var scenario = try Scenario(task: "go", policy: .asking("terminal", denying: ["read"]), holdAt: .selection)
        try scenario.modelAnswers("", calls: [.terminal("a"), .read("b"), .search("c")])
        let answer = try #require(scenario.last.first?.modelAnswered)
        #expect(answer.calls.map(\.gate) == [.ask, .deny, .allow])
        try scenario.command(.setPolicy(.asking("search")))
        let set = try #require(scenario.last.first?.policySet)
        #expect(set.gates.map { "\($0.number) \($0.gate)" } == ["1 allow", "3 ask"])
        try scenario.command(.decideCall(CallDecision(call: 3, verdict: .edit, arguments: #"{"text":"d"}"#)))
        #expect(
            scenario.last.contains { if case .callEdited(let edited) = $0.kind { edited.gate == .ask } else { false } })
        // The verdict counts, whatever the policy would say by now.
        var run = Run(id: Scenario.id)
        for event in scenario.events {
            var event = event
            if case .modelAnswered(var answer) = event.kind {
                answer.calls[2].gate = .deny
                event.kind = .modelAnswered(answer)
            }
            run.apply(event)
            if case .modelAnswered = event.kind { #expect(run.calls[number: 3]?.gate == .deny) }
        }
    }

    /// Events of before say nothing, and are judged as they were then.
    @Test func anEventWithoutAVerdict() throws {
        let condition = FermataCondition.at("/command", .matches("^a"))
        let policy = FermataPolicy.with { $0.tools = [.of("terminal", .ask, .when(.allow, condition))] }
        let text = #"{"command":"a\u0000b"}"#
        #expect(policy.gate(tool: "terminal", arguments: text) == .ask)
        #expect(policy.gateOfOldEvent(tool: "terminal", arguments: text) == .allow)
    }
}
