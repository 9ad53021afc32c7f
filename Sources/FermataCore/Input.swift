public import FermataProtocol

/// Everything that can happen to a run.
public enum Input: Sendable {
    /// A command from outside, with who sent it and why.
    case command(RunRequest, Provenance)
    /// A model call's end. Ends of attempts that are not current change nothing.
    case modelAnswered(step: UInt32, attempt: UInt32, ModelReply)
    case modelFailed(step: UInt32, attempt: UInt32, FermataFailure, text: String)
    /// A tool's end: its result, or for a call that was cut the news that no process of it is left.
    case toolEnded(call: UInt32, attempt: UInt32, ToolReply)
    /// The service died while this effect was in flight.
    case lost(Effect)
    /// Time has passed: `Run.due` may be reached, and what waits may go on.
    case timePassed
    /// The service ends: what is in flight is cut as by an interrupt, without a hold.
    case shutdown
}

/// What a command wants of a run.
public enum RunRequest: Sendable {
    case launch(FermataLaunched, task: String)
    case send(text: String, FermataDelivery)
    case withdraw(message: UInt32)
    case pause(HoldTerms = HoldTerms())
    case interrupt(HoldTerms = HoldTerms())
    /// With the SHA-256 of a token: only the hold that it was given for is lifted.
    case resume(text: String, tokenDigest: [UInt8] = [])
    case stop
    case answer(ask: UInt32, text: String)
}

/// How a hold may lift other than by a command on its run.
public struct HoldTerms: Sendable, Equatable {
    /// µs since 1970; nil: never by itself.
    public var resumeAt: Int64?
    /// SHA-256 of the token that lifts it; empty: none does.
    public var tokenDigest: [UInt8]

    public init(resumeAt: Int64? = nil, tokenDigest: [UInt8] = []) {
        self.resumeAt = resumeAt
        self.tokenDigest = tokenDigest
    }
}

public struct Provenance: Sendable, Equatable {
    public var by: String
    public var reason: String
    /// Refuse the command as stale unless this is the run's last seq.
    public var ifSeq: UInt64?

    public init(by: String, reason: String = "", ifSeq: UInt64? = nil) {
        self.by = by
        self.reason = reason
        self.ifSeq = ifSeq
    }
}

/// A model's complete answer. `usage` counts this one call.
public struct ModelReply: Sendable, Equatable {
    public var text: String
    public var calls: [Call]
    public var finishReason: String
    public var usage: FermataUsage

    public struct Call: Sendable, Equatable {
        public var modelID: String
        public var tool: String
        public var arguments: String

        public init(modelID: String, tool: String, arguments: String) {
            self.modelID = modelID
            self.tool = tool
            self.arguments = arguments
        }
    }

    public init(text: String, calls: [Call] = [], finishReason: String = "", usage: FermataUsage = .init()) {
        self.text = text
        self.calls = calls
        self.finishReason = finishReason
        self.usage = usage
    }
}

/// A tool's result, or its output so far.
public struct ToolReply: Sendable, Equatable {
    public var outcome: FermataCallOutcome
    public var output: String
    public var exitCode: Int32?
    public var omittedBytes: UInt64
    public var repaired: Bool

    public init(
        outcome: FermataCallOutcome, output: String, exitCode: Int32? = nil, omittedBytes: UInt64 = 0,
        repaired: Bool = false
    ) {
        self.outcome = outcome
        self.output = output
        self.exitCode = exitCode
        self.omittedBytes = omittedBytes
        self.repaired = repaired
    }
}

/// What a decision may know besides the run and the input.
public struct Context {
    /// µs since 1970.
    public var now: Int64
    /// False while the service ends: results are journaled, nothing starts.
    public var mayStart: Bool
    /// What a model call in flight has sent so far.
    public var textSoFar: (Effect) -> String
    /// What an executing tool has written so far.
    public var outputSoFar: (Effect) -> ToolReply

    public init(
        now: Int64, mayStart: Bool = true,
        textSoFar: @escaping (Effect) -> String = { _ in "" },
        outputSoFar: @escaping (Effect) -> ToolReply = { _ in ToolReply(outcome: .callInterrupted, output: "") }
    ) {
        self.now = now
        self.mayStart = mayStart
        self.textSoFar = textSoFar
        self.outputSoFar = outputSoFar
    }
}
