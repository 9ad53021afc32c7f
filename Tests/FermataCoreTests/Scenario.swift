import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// One run, driven input by input. Every decision is checked for what must hold of all of them: the same input on
/// the same state gives the same events, the events fold to the state that was decided, `seq` has no gap and `at`
/// never decreases.
struct Scenario {
    private(set) var run = Run(id: Scenario.id)
    private(set) var events: [FermataEvent] = []
    private(set) var transcript = Transcript()
    /// The events of the last input.
    private(set) var last: [FermataEvent] = []
    /// The number of the message that the last input queued; 0: none.
    private(set) var message: UInt32 = 0

    var now: Int64 = 1_000_000
    /// How far people's clock is ahead of that.
    var lead: Int64 = 0
    /// For how long the service stood still.
    var patience: Int64 = 0
    /// False while the service ends.
    var mayStart = true
    /// What a model call in flight has sent so far, and what a tool has written so far.
    var partialText = ""
    var partialOutput = ""
    /// What such a call has used; nil: nobody knows.
    var partialUsage: FermataUsage?

    static let id = RunID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)

    /// A run without a message, or with one whose first model call is in flight.
    init(
        task: String = "", attempts: UInt32 = 1, tools: [FermataToolSpec] = Scenario.tools,
        limits: FermataLimits = FermataLimits(), policy: FermataPolicy = FermataPolicy(),
        holdAt: FermataHoldPoint.At = .none, fallbacks: [String] = [], patienceMs: UInt32 = 0
    ) throws {
        let launched = FermataLaunched.with {
            $0.agent = "default"
            $0.model = "mock/x"
            $0.tools = tools
            $0.modelAttempts = attempts
            $0.limits = limits
            $0.policy = policy
            $0.holdAt = holdAt
            $0.fallbackModels = fallbacks
            $0.patienceMs = patienceMs
        }
        try command(.launch(launched, task: Content(task)))
    }

    static let tools: [FermataToolSpec] = [
        tool("terminal", requires: "command"),
        tool("read", requires: "path", idempotent: true),
        tool("search", requires: "text", parallel: true),
        tool("look", requires: "text", idempotent: true, parallel: true),
        tool("deploy", requires: "target", byWorker: true),
        tool("fetch", requires: "url", idempotent: true, parallel: true, byWorker: true),
        tool(CoreTool.askHuman.name, requires: "question"),
    ]

    static func tool(
        _ name: String, requires field: String, idempotent: Bool = false, idempotentWhen: FermataCondition...,
        parallel: Bool = false, byWorker: Bool = false
    ) -> FermataToolSpec {
        .with {
            $0.name = name
            $0.byWorker = byWorker
            $0.parameters = #"{"type":"object","properties":{"\#(field)":{"type":"string"}},"required":["\#(field)"]}"#
            $0.idempotent = idempotent
            $0.idempotentWhen = idempotentWhen
            $0.parallel = parallel
        }
    }

    // MARK: - Inputs

    @discardableResult
    mutating func decide(_ input: Input, sourceLocation: SourceLocation = #_sourceLocation) throws -> [String] {
        let (text, output, usage) = (partialText, partialOutput, partialUsage)
        let context = Context(
            now: now, lead: lead, mayStart: mayStart, patience: patience,
            answerSoFar: { _ in AnswerSoFar(text, usage: usage) },
            outputSoFar: { _ in ToolReply(outcome: .callInterrupted, output: output) })
        let decision = try run.decide(input, context)
        let again = try run.decide(input, context)
        #expect(decision.events == again.events, "decide is pure", sourceLocation: sourceLocation)
        var folded = run
        for event in decision.events {
            #expect(event.seq == folded.seq + 1, "seq has no gap", sourceLocation: sourceLocation)
            #expect(event.at >= folded.updatedAt, "at never decreases", sourceLocation: sourceLocation)
            folded.apply(event)
        }
        #expect(folded == decision.run, "the events fold to the state", sourceLocation: sourceLocation)
        run = decision.run
        last = decision.events
        message = decision.message
        events += last
        for event in last { transcript.append(event) }
        return last.map(\.name)
    }

    @discardableResult
    mutating func command(
        _ request: RunRequest, by: String = "ann", reason: String = "", ifSeq: UInt64? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String] {
        try decide(
            .command(request, Provenance(by: by, reason: reason, ifSeq: ifSeq)), sourceLocation: sourceLocation)
    }

    @discardableResult
    mutating func send(_ text: String, _ delivery: FermataDelivery = .nextStep) throws -> [String] {
        try command(.send(Content(text), delivery))
    }

    /// The model call in flight answers.
    @discardableResult
    mutating func modelAnswers(
        _ text: String, calls: [ModelReply.Call] = [], costNanoUSD: Int64 = 0, isCostTold: Bool = true
    ) throws -> [String] {
        let (step, attempt) = try #require(modelInFlight)
        let usage = FermataUsage.with {
            $0.modelCalls = 1
            $0.costNanoUsd = costNanoUSD
            if !isCostTold { $0.callsOfUnknownCost = 1 }
        }
        return try decide(
            .modelAnswered(step: step, attempt: attempt, ModelReply(text: text, calls: calls, usage: usage)))
    }

    @discardableResult
    mutating func modelFails(
        kind: String = "SILENCE", retryable: Bool = false, retryAfterMs: UInt64 = 0
    ) throws -> [String] {
        let (step, attempt) = try #require(modelInFlight)
        let failure = FermataFailure.with {
            $0.kind = kind
            $0.retryable = retryable
            $0.retryAfterMs = retryAfterMs
        }
        return try decide(
            .modelFailed(step: step, attempt: attempt, failure, soFar: AnswerSoFar(partialText, usage: partialUsage)))
    }

    /// The executing call ends by itself, or the news comes that no process of a killed one is left.
    @discardableResult
    mutating func toolEnds(_ call: UInt32, attempt: UInt32 = 1, _ output: String = "done") throws -> [String] {
        try decide(.toolEnded(call: call, attempt: attempt, ToolReply(outcome: .callFinished, output: output)))
    }

    /// A person's answer to an approval, or to another ask with a verdict.
    @discardableResult
    mutating func answer(
        _ ask: UInt32, _ verdict: FermataVerdict, _ text: String = "", arguments: String = "",
        sticky: [FermataCondition]? = nil, limits: FermataLimits = .init()
    ) throws -> [String] {
        let call = run.asks.first { $0.number == ask }.flatMap { run.calls[number: $0.call] }
        return try command(
            .answer(
                AskAnswer(
                    ask: ask, text: text, verdict: verdict, arguments: arguments,
                    argumentsDigest: call?.argumentsDigest ?? "", sticky: sticky, limits: limits)))
    }

    @discardableResult
    mutating func start(_ call: UInt32, attempt: UInt32 = 1, by worker: String = "w") throws -> [String] {
        try command(.startCall(call: call, attempt: attempt, worker: worker))
    }

    @discardableResult
    mutating func complete(
        _ call: UInt32, _ result: WorkerResult = .result("done"), attempt: UInt32 = 1, by worker: String = "w"
    ) throws -> [String] {
        try command(.completeCall(call: call, attempt: attempt, worker: worker, result))
    }

    /// The process dies and starts again: what was begun is lost, as the server tells it.
    mutating func crash() throws {
        mayStart = true
        run = events.reduce(into: Run(id: run.id)) { $0.apply($1) }
        guard run.isActive || run.due.map({ $0 <= now }) ?? false else {
            last = []
            return
        }
        var all: [FermataEvent] = []
        for effect in run.begun.sorted(by: { "\($0)" < "\($1)" }) {
            try decide(.lost(effect))
            all += last
        }
        try decide(.timePassed)
        last = all + last
    }

    // MARK: - Views

    var modelInFlight: (step: UInt32, attempt: UInt32)? {
        for case .model(let step, let attempt) in run.wanted { return (step, attempt) }
        return nil
    }

    func outcome(_ call: UInt32) -> FermataCallOutcome? { run.calls[number: call]?.outcome }

    func count(_ name: String) -> Int { events.count { $0.name == name } }

    /// What the model was shown, one line for each item.
    var shown: [String] {
        transcript.items.map { item in
            switch item {
            case .user(let content): "user: \(content.text)"
            case .assistant(let answer):
                (["assistant: \(answer.text)"] + answer.calls.map { "#\($0.number)" }).joined(separator: " ")
            case .result(let call, let output): "#\(call.number): \(output.text)"
            }
        }
    }
}

extension ModelReply.Call {
    static func terminal(_ command: String) -> Self { .init("terminal", #"{"command":"\#(command)"}"#) }
    static func read(_ path: String) -> Self { .init("read", #"{"path":"\#(path)"}"#) }
    static func search(_ text: String) -> Self { .init("search", #"{"text":"\#(text)"}"#) }
    static func look(_ text: String) -> Self { .init("look", #"{"text":"\#(text)"}"#) }
    static func ask(_ question: String) -> Self { .init(CoreTool.askHuman.name, #"{"question":"\#(question)"}"#) }
    static func deploy(_ target: String) -> Self { .init("deploy", #"{"target":"\#(target)"}"#) }
    static func fetch(_ url: String) -> Self { .init("fetch", #"{"url":"\#(url)"}"#) }

    init(_ tool: String, _ arguments: String) {
        self.init(modelID: "call_\(tool)", tool: tool, arguments: arguments)
    }
}

extension FermataPolicy {
    /// Every call of these tools needs an approval, or is denied.
    static func asking(_ tools: String..., denying: [String] = []) -> FermataPolicy {
        .with {
            $0.tools = tools.map { .of($0, .ask) } + denying.map { .of($0, .deny) }
        }
    }
}

extension FermataToolPolicy {
    static func of(_ tool: String, _ gate: FermataGate, _ rules: FermataRule...) -> FermataToolPolicy {
        .with {
            $0.tool = tool
            $0.gate = gate
            $0.rules = rules
        }
    }
}

extension FermataRule {
    static func when(_ gate: FermataGate, _ conditions: FermataCondition...) -> FermataRule {
        .with {
            $0.gate = gate
            $0.when = conditions
        }
    }
}

extension FermataCondition {
    static func at(_ pointer: String, _ test: OneOf_Test) -> FermataCondition {
        .with {
            $0.pointer = pointer
            $0.test = test
        }
    }
}

/// The code of the refusal that the body ends in; nil if it is accepted.
func refusal(_ body: () throws -> Void) -> ErrorCode? {
    do {
        try body()
        return nil
    } catch let refusal as Refusal {
        return refusal.code
    } catch {
        Issue.record(error)
        return nil
    }
}
