public import FermataProtocol
internal import SwiftProtobuf

/// Everything that can happen to a run.
public enum Input: Sendable {
    /// A command from outside, with who sent it and why.
    case command(RunRequest, Provenance)
    /// A model call's end. Ends of attempts that are not current change nothing.
    case modelAnswered(step: UInt32, attempt: UInt32, ModelReply)
    case modelFailed(step: UInt32, attempt: UInt32, FermataFailure, soFar: AnswerSoFar)
    /// A tool's end: its result, or for a call that was cut the news that nothing of it goes on here. The outcome
    /// `callUnknown`: what executed it was lost before it could say how the call ended; then it is decided as after a
    /// crash what becomes of the call.
    case toolEnded(call: UInt32, attempt: UInt32, ToolReply)
    /// The service died while this effect was in flight; or it was cancelled for a command that was then not written.
    /// `soFar`: what a model had sent by then, as far as anyone knows.
    case lost(Effect, soFar: AnswerSoFar = "")
    /// The lease of a worker's call has ended without a word from the worker; before it had sent this output.
    case leaseEnded(call: UInt32, attempt: UInt32, output: String = "")
    /// Time has passed: `Run.due` may be reached, and what waits may go on.
    case timePassed
    /// The service ends: what is in flight is cut as by an interrupt, without a hold.
    case shutdown
    /// A run that this one descends from is held, held no more or stopped, with who wanted that and why.
    case ancestor(AncestorNews, Provenance)
}

/// What happens to a run and to all that descend from it.
public enum AncestorNews: Sendable {
    /// `cuts`: it was interrupted.
    case held(by: RunID, cuts: Bool)
    case lifted(by: RunID)
    /// It was handed off: whom it has held, people hold in its place.
    case left(by: RunID)
    case stopped
}

/// What a command wants of a run.
public enum RunRequest: Sendable {
    /// `heldBy`: the ancestors that are held.
    case launch(FermataLaunched, task: Content, heldBy: [String] = [])
    /// To the run that is to be its parent.
    case launchChild(RunID, FermataLaunched, task: Content)
    case send(Content, FermataDelivery)
    case withdraw(message: UInt32)
    case pause(HoldTerms = HoldTerms())
    case interrupt(HoldTerms = HoldTerms())
    case resume(ResumeTerms)
    case stop
    case answer(AskAnswer)
    /// Edits or rejects a selected call under a hold.
    case decideCall(CallDecision)
    case setPolicy(FermataPolicy)
    case setLimits(FermataLimits)
    /// Ends the run here for good, to go on elsewhere.
    case handOff
    /// A worker takes a call.
    case startCall(call: UInt32, attempt: UInt32, worker: String)
    case completeCall(call: UInt32, attempt: UInt32, worker: String, WorkerResult)
    /// To a run that is the fold of the copied beginning of another's journal.
    case fork(FermataForked, ForkTerms)
    /// To a run that is the fold of a checkpoint's journal.
    case `import`(FermataImported, start: Bool, AskAnswer?)

    public static func resume(text: String, tokenDigest: [UInt8] = []) -> RunRequest {
        .resume(ResumeTerms(text: text, tokenDigest: tokenDigest))
    }

    /// The answer to a question.
    public static func answer(ask: UInt32, text: String) -> RunRequest { .answer(AskAnswer(ask: ask, text: text)) }
}

public struct ResumeTerms: Sendable, Equatable {
    /// A message to send along; empty: none.
    public var text = ""
    /// SHA-256 of a token: only the hold that it was given for is lifted; empty: whichever hold there is.
    public var tokenDigest: [UInt8] = []
    public var holdAt: FermataHoldPoint.At = .unspecified
    /// The model for all calls from now on; nil: as it was.
    public var model: FermataModelSet?

    public init(
        text: String = "", tokenDigest: [UInt8] = [], holdAt: FermataHoldPoint.At = .unspecified,
        model: FermataModelSet? = nil
    ) {
        self.text = text
        self.tokenDigest = tokenDigest
        self.holdAt = holdAt
        self.model = model
    }
}

/// The answer to an ask.
public struct AskAnswer: Sendable, Equatable {
    /// 0, for an import: the one that is open.
    public var ask: UInt32
    public var text: String
    public var verdict: FermataVerdict
    /// Of an edit.
    public var arguments: String
    /// SHA-256 of the arguments that were shown, in hexadecimal; nil: whoever answers was shown those of this ask and
    /// no others.
    public var argumentsDigest: String?
    /// Decide such calls so from now on: those to which all these conditions apply.
    public var sticky: [FermataCondition]?
    /// Of a raise.
    public var limits: FermataLimits
    public var via: FermataAnswerVia

    public init(
        ask: UInt32, text: String = "", verdict: FermataVerdict = .unspecified, arguments: String = "",
        argumentsDigest: String? = "", sticky: [FermataCondition]? = nil, limits: FermataLimits = .init(),
        via: FermataAnswerVia = .viaCommand
    ) {
        self.ask = ask
        self.text = text
        self.verdict = verdict
        self.arguments = arguments
        self.argumentsDigest = argumentsDigest
        self.sticky = sticky
        self.limits = limits
        self.via = via
    }
}

/// What is to become of a selected call.
public struct CallDecision: Sendable, Equatable {
    public var call: UInt32
    /// Edit or reject.
    public var verdict: FermataVerdict
    /// Of a rejection: what the model is told.
    public var text: String
    /// Of an edit.
    public var arguments: String
    /// SHA-256 of the arguments that were shown, in hexadecimal; empty: whatever they are.
    public var argumentsDigest: String

    public init(
        call: UInt32, verdict: FermataVerdict, text: String = "", arguments: String = "", argumentsDigest: String = ""
    ) {
        self.call = call
        self.verdict = verdict
        self.text = text
        self.arguments = arguments
        self.argumentsDigest = argumentsDigest
    }
}

/// What a worker's call came to.
public enum WorkerResult: Sendable, Equatable {
    case result(Content)
    case failure(Content)
    /// The answer to this question is the call's result; the tool is not executed again.
    case pause(FermataQuestion)
}

/// How a fork differs from the beginning that it is a copy of.
public struct ForkTerms: Sendable, Equatable {
    public var start: Bool
    /// A message to queue; empty: none.
    public var text: String
    /// Other arguments for a selected call.
    public var edit: CallEdit?

    public struct CallEdit: Sendable, Equatable {
        public var call: UInt32
        public var arguments: String

        public init(call: UInt32, arguments: String) {
            self.call = call
            self.arguments = arguments
        }
    }

    public init(start: Bool, text: String = "", edit: CallEdit? = nil) {
        self.start = start
        self.text = text
        self.edit = edit
    }
}

/// How a hold may lift other than by a command on its run.
public struct HoldTerms: Sendable, Equatable {
    /// µs since 1970, as the clock is now; nil: never by itself. The hold lasts as long as it is until then: whoever sets
    /// the clock makes it neither longer nor shorter.
    public var resumeAt: Int64?
    /// In place of it: after so many µs.
    public var resumeAfter: Int64?
    /// SHA-256 of the token that lifts it; empty: none does.
    public var tokenDigest: [UInt8]

    public init(resumeAt: Int64? = nil, resumeAfter: Int64? = nil, tokenDigest: [UInt8] = []) {
        self.resumeAt = resumeAt
        self.resumeAfter = resumeAfter
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

/// What of a model's answer has come.
public struct AnswerSoFar: Sendable, Equatable, ExpressibleByStringLiteral {
    public var text: String
    /// Of text and reasoning, in their order; none: there is only text.
    public var blocks: [FermataBlock]
    /// What the call has used by then, as far as can be told; nil: nobody knows.
    public var usage: FermataUsage?
    /// By which its provider knows the call; empty: it has not said.
    public var providerRequestID: String

    public init(
        _ text: String, blocks: [FermataBlock] = [], usage: FermataUsage? = nil, providerRequestID: String = ""
    ) {
        self.text = text
        self.blocks = blocks
        self.usage = usage
        self.providerRequestID = providerRequestID
    }

    /// In the event.
    var usageOrUnknown: FermataUsage { usage ?? .ofUnknownCost }

    public init(stringLiteral text: String) { self.init(text) }

    /// Bytes of all that was written.
    public var byteCount: Int { blocks.reduce(text.utf8.count) { $0 + $1.byteCount } }
}

extension FermataBlock {
    /// Bytes beside the answer's text and its calls.
    public var byteCount: Int { reasoning.utf8.count + opaque.utf8.count + json.utf8.count }
}

/// A model's complete answer. `usage` counts this one call.
public struct ModelReply: Sendable, Equatable {
    public var text: String
    public var calls: [Call]
    public var finishReason: String
    public var ending: FermataEnding
    public var usage: FermataUsage
    /// What it is made of, in order; a call is named by its place in `calls`, from 1. None: its text and then its calls.
    public var blocks: [FermataBlock]
    /// Who made the blocks.
    public var origin: FermataOrigin
    /// By which its provider knows the call; empty: it has not said.
    public var providerRequestID: String

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

    public init(
        text: String, calls: [Call] = [], finishReason: String = "", ending: FermataEnding = .complete,
        usage: FermataUsage = .init(), blocks: [FermataBlock] = [], origin: FermataOrigin = .init(),
        providerRequestID: String = ""
    ) {
        self.text = text
        self.calls = calls
        self.finishReason = finishReason
        self.ending = ending
        self.usage = usage
        self.blocks = blocks
        self.origin = origin
        self.providerRequestID = providerRequestID
    }
}

/// A tool's result, or its output so far.
public struct ToolReply: Sendable, Equatable {
    public var outcome: FermataCallOutcome
    public var output: String
    public var exitCode: Int32?
    public var omittedBytes: UInt64
    public var repaired: Bool
    /// As of `Content`.
    public var blocks: [FermataBlock]
    /// Of a call that is cut: what executes it lives on, and nobody can say that it stops.
    public var mayGoOn = false

    public init(
        outcome: FermataCallOutcome, output: String, exitCode: Int32? = nil, omittedBytes: UInt64 = 0,
        repaired: Bool = false, blocks: [FermataBlock] = []
    ) {
        self.outcome = outcome
        self.output = output
        self.exitCode = exitCode
        self.omittedBytes = omittedBytes
        self.repaired = repaired
        self.blocks = blocks
    }

    /// As of `Content.replacingText`.
    mutating func replaceOutput(_ text: String) {
        let content = Content(output, blocks: blocks).replacingText(text)
        (output, blocks) = (content.text, content.blocks)
    }
}

/// What is known where a run is decided about, and is not part of it. It decides what is refused at the door, and
/// nothing that follows from an event.
public protocol RunSurroundings: AnyObject {
    /// Whether a run could have a tool of this name.
    func isTool(_ name: String) -> Bool
    /// Whether it is known what a model costs.
    func hasPrice(_ model: String) -> Bool
}

/// What a decision may know besides the run and the input.
public struct Context {
    /// µs of the steady clock, which is never set: what waits are measured by. It is near the time since 1970.
    public var now: Int64
    /// How far the clock that people have is ahead of the steady clock, µs; 0 unless somebody has set it.
    public var lead: Int64
    /// False while the service ends: results are journaled, nothing starts.
    public var mayStart: Bool
    /// µs: for how long the service has just stood still. What was sent meanwhile is decided now, so a deadline that
    /// passed meanwhile refuses no answer yet.
    public var patience: Int64
    /// What a model call in flight has sent so far. Asked for by a decision that cuts the call, and by no other: nothing
    /// that comes later is published any more.
    public var answerSoFar: (Effect) -> AnswerSoFar
    /// What an executing tool has written so far; taken as the text is.
    public var outputSoFar: (Effect) -> ToolReply
    /// What whoever decides knows besides; nil: of no other tool, and of every model what it costs.
    public var surroundings: (any RunSurroundings)?

    public init(
        now: Int64, lead: Int64 = 0, mayStart: Bool = true, patience: Int64 = 0,
        answerSoFar: @escaping (Effect) -> AnswerSoFar = { _ in "" },
        outputSoFar: @escaping (Effect) -> ToolReply = { _ in ToolReply(outcome: .callInterrupted, output: "") }
    ) {
        self.now = now
        self.lead = lead
        self.mayStart = mayStart
        self.patience = patience
        self.answerSoFar = answerSoFar
        self.outputSoFar = outputSoFar
    }
}
