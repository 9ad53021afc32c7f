public import FermataProtocol
internal import OpenSSL
internal import SwiftProtobuf

/// One agent at work on one conversation, as a value: the fold of its journal.
///
///     state   = events.reduce(Run(id), apply)
///     events  = try state.decide(input, context)
///     effects = state.wanted
///
/// It does no I/O, reads no clock and draws no random number. It holds control facts, the arguments of calls that
/// have no result yet, and the model's last text (the summary carries it); the transcript stays in the journal.
public struct Run: Sendable, Equatable {
    public let id: RunID
    /// The number of the last event; 0 before the first.
    public internal(set) var seq: UInt64 = 0
    /// The time of the last event, µs since 1970.
    public internal(set) var updatedAt: Int64 = 0
    public internal(set) var createdAt: Int64 = 0

    public internal(set) var agent = ""
    public internal(set) var model = ""
    public internal(set) var systemPrompt = ""
    public internal(set) var workspace = ""
    public internal(set) var tools: [FermataToolSpec] = []
    public internal(set) var labels: [FermataLabelEntry] = []
    public internal(set) var modelOptions = FermataModelOptions()
    /// Of the model's server; empty: the one that the server's own settings name.
    public internal(set) var baseURL = ""
    /// The workspace was made for this run.
    public internal(set) var ownsWorkspace = false
    /// When calls may start.
    public internal(set) var policy = FermataPolicy()
    /// Where the run holds by itself.
    public internal(set) var holdAt = FermataHoldPoint.At.none
    var modelAttempts: UInt32 = 1
    public internal(set) var limits = FermataLimits()

    public internal(set) var hold: FermataHold?
    /// How far the clock that `hold` has its times of was ahead of the steady clock, µs.
    var holdLead: Int64 = 0
    /// SHA-256 of the token that lifts the hold; empty if there is none.
    var holdTokenDigest: [UInt8] = []
    public internal(set) var isStopped = false
    /// It is stopped here because it goes on elsewhere.
    public internal(set) var isHandedOff = false
    /// The run that it is a fork of; empty: none.
    public internal(set) var source = ""
    var turn = Turn.idle
    /// The turn has failed before its first model call: whoever was asked about a limit ended it.
    var failedBeforeFirstStep = false
    var modelCall = ModelCallState.none
    /// How far the clock that the next attempt's time was told by was ahead of the steady clock, µs.
    var attemptLead: Int64 = 0
    public internal(set) var step: UInt32 = 0
    var attempt: UInt32 = 0
    /// The step's model call has ended without an answer and will be made again as the next attempt of the step.
    var stepIsUnanswered = false
    /// Failures of the step's model call since it was first made, or since someone asked for another try.
    var failedAttempts: UInt32 = 0

    /// The calls of the current step, in the order in which the model chose them.
    public internal(set) var calls: [Call] = []
    /// Calls that have their result, but whose processes are still being killed.
    var killing: [Effect] = []
    var openAsks: [OpenAsk] = []
    /// Numbers of asks that were closed without an answer; the others below `askCount` that are not open were answered.
    var unansweredAsks: [UInt32] = []
    /// Numbers of asks whose deadline came.
    var expiredAsks: [UInt32] = []
    var queue: [QueuedMessage] = []
    var withdrawn: [UInt32] = []
    var messageCount: UInt32 = 0
    /// Calls that the model has chosen so far: they are numbered from 1.
    public internal(set) var callCount: UInt32 = 0
    var askCount: UInt32 = 0

    var usage = FermataUsage()
    /// Steps since the turn began, or since someone had it go on after a limit.
    var stepsOfTurn: UInt32 = 0
    /// What the run had cost when someone last let it cost more.
    var grantedCost: Int64 = 0
    /// Answers of models since someone last let the run cost more, of which nobody can tell what they cost.
    var untoldCosts: UInt32 = 0
    /// Part of `usage`: what it had cost when it came from elsewhere.
    var inherited = FermataUsage()
    /// Of what the current step chose and got, and of the step before it; 0: nothing was chosen.
    var fingerprint: UInt64 = 0
    var lastFingerprint: UInt64 = 0
    /// Steps in a row with the fingerprint of the step before the current one.
    var repeats: UInt32 = 0
    var lastMessage = ""
    var task = ""
    /// Of the model's last answer.
    public internal(set) var ending = FermataEnding.unspecified
    /// It was truncated and chose no call: the next one goes on with its text.
    var goesOn = false
    /// How often in this turn the model was asked to go on with a truncated answer that chose no call.
    var goOns: UInt32 = 0
    /// Answers before the next one that were truncated, without one between them that was not.
    var truncatedInARow: UInt32 = 0

    public init(id: RunID) {
        self.id = id
    }

    enum Turn: Sendable, Equatable {
        /// No message yet.
        case idle
        /// The model has something to see: a message, a result, a partial answer.
        case active
        /// The model answered without choosing a call.
        case ended
        case failed(FermataFailure)
    }

    enum ModelCallState: Sendable, Equatable {
        case none
        case inFlight
        /// Between two attempts; the next is made at this time, µs of the steady clock.
        case waiting(until: Int64)
    }

    /// One tool call of the current step.
    public struct Call: Sendable, Equatable {
        public let number: UInt32
        public let tool: String
        public let modelID: String
        /// The model's exact JSON text; empty once the call has its result.
        public internal(set) var arguments: String
        public internal(set) var state: FermataCallState = .selected
        public internal(set) var outcome: FermataCallOutcome = .unspecified
        /// Counts its starts.
        public internal(set) var attempt: UInt32 = 0
        public internal(set) var ask: UInt32 = 0
        /// The worker that has it, or had it last; empty: none.
        public internal(set) var worker = ""
        /// What the policy says of it.
        public internal(set) var gate = FermataGate.allow
        /// A person let exactly these arguments run.
        public internal(set) var isApproved = false
        /// A person was asked about it: only a person's answer lets it run, whatever the policy says since.
        public internal(set) var isGated = false
        /// The arguments are not the model's.
        public internal(set) var isEdited = false
        /// It may execute beside its neighbours that may as well.
        let isParallel: Bool
        /// Workers execute it.
        public let isByWorker: Bool

        /// Nothing but its turn and a hold keep it from starting.
        var isFree: Bool { state == .selected && gate != .deny && (isApproved || gate == .allow && !isGated) }

        /// SHA-256 of the arguments, in hexadecimal: what an approval names.
        public var argumentsDigest: String { arguments.sha256Hexadecimal }
    }

    /// An ask that has no answer. Its question and context stay in the journal.
    struct OpenAsk: Sendable, Equatable {
        let opened: FermataAskOpened
        /// How far the clock that the deadline was told by was ahead of the steady clock, µs.
        var lead: Int64

        init(_ opened: FermataAskOpened, lead: Int64 = 0) {
            self.lead = lead
            var opened = opened
            opened.question = ""
            opened.context = ""
            opened.arguments = ""
            self.opened = opened
        }

        var number: UInt32 { opened.number }
        var call: UInt32 { opened.call }
        var kind: FermataAskKind { opened.kind }
        /// µs of the steady clock; nil: none.
        var deadline: Int64? { opened.deadlineAt > 0 ? min(opened.deadlineAt, Run.latestTime) &- lead : nil }
    }

    struct QueuedMessage: Sendable, Equatable {
        let number: UInt32
        let delivery: FermataDelivery
    }

    public static let askHuman = "ask_human"
}

/// Outside work that a run's state calls for.
public enum Effect: Hashable, Sendable {
    case model(step: UInt32, attempt: UInt32)
    case tool(call: UInt32, attempt: UInt32)
    /// A worker has the call; what is to be going on here is the lease.
    case lease(call: UInt32, attempt: UInt32)
}

extension Run {
    /// Everything that is to be going on outside now.
    public var wanted: Set<Effect> {
        var effects: Set<Effect> = []
        if modelCall == .inFlight { effects.insert(.model(step: step, attempt: attempt)) }
        for call in calls where call.state == .started { effects.insert(call.effect) }
        return effects
    }

    /// Whether the effect is one of `wanted`. It is asked for every end that comes in: no set is built, however many
    /// calls a model chooses.
    func wants(_ effect: Effect) -> Bool {
        switch effect {
        case .model(let step, let attempt): modelCall == .inFlight && step == self.step && attempt == self.attempt
        case .tool(let number, _), .lease(let number, _):
            calls.contains { $0.number == number && $0.state == .started && $0.effect == effect }
        }
    }

    /// Whether there is anything in `begun`.
    private var isBusy: Bool {
        modelCall == .inFlight || !killing.isEmpty || calls.contains { $0.state == .started }
    }

    /// Effects that were begun and whose end has not come in: what is wanted, and what is being killed.
    public var begun: Set<Effect> { wanted.union(killing) }

    /// Calls that a worker may take now, in order.
    public var ready: [Call] {
        // A tool that is being killed may still write where the next one will read.
        guard hold == nil, !isStopped, killing.isEmpty else { return [] }
        var ready: [Call] = []
        forEachStartable { call in
            if call.isByWorker { ready.append(call) }
            return true
        }
        return ready
    }

    /// Whether a copy of the run that ends here is valid: nothing is in flight, no call waits for what the next event
    /// says of it, and no stop has begun.
    public var isCut: Bool {
        seq > 0 && !isStopped && isWhole && !isBusy && !calls.contains { $0.outcome == .callCancelled }
    }

    /// Whether every call that waits for an answer has its open ask: between the events of one decision it may not.
    var isWhole: Bool { calls.count { $0.state == .asking } == openAsks.count { $0.call > 0 } }

    /// When the run wants to be told that time has passed, µs of the steady clock.
    public var due: Int64? {
        if isStopped { return nil }
        var times = openAsks.compactMap(\.deadline)
        if let holdEnd { times.append(holdEnd) }
        if let nextAttemptAt { times.append(nextAttemptAt) }
        return times.min()
    }

    /// When the hold lifts itself, µs of the steady clock; nil: never.
    var holdEnd: Int64? { hold.flatMap { $0.resumeAt > 0 ? min($0.resumeAt, Run.latestTime) &- holdLead : nil } }

    /// While it waits between two attempts of a model call, µs of the steady clock.
    var nextAttemptAt: Int64? { if case .waiting(let until) = modelCall { until } else { nil } }

    /// The status is derived: the first that applies.
    public var status: FermataStatus {
        if isStopped { return .stopped }
        let isBusy = self.isBusy
        if hold != nil { return isBusy ? .pausing : .paused }
        if case .failed = turn { return .failed }
        if isBusy || nextAttemptAt != nil { return .running }
        if !openAsks.isEmpty || !ready.isEmpty, nextToStart == nil { return .waiting }
        switch turn {
        case .idle: return queue.isEmpty ? .idle : .running
        case .active: return .running
        case .ended: return queue.isEmpty ? .finished : .running
        case .failed: return .failed
        }
    }

    /// Whether the service has to look at the run when it starts: something of it is in flight or being killed, a
    /// timer runs, or the service ended before what can start was started, or what is to be asked was asked.
    public var isActive: Bool {
        isBusy || status == .running || !isStopped && calls.contains(where: isUnjudged)
    }

    /// What the policy says of the call was not acted upon: it is to be asked about or denied, or is denied, and
    /// people are asked still.
    private func isUnjudged(_ call: Call) -> Bool {
        switch call.state {
        case .selected: !call.isFree
        case .asking: call.gate == .deny && openAsks.contains { $0.call == call.number && $0.kind == .approval }
        default: false
        }
    }

    public func call(_ number: UInt32) -> Call? { calls.first { $0.number == number } }

    var hasOpenCalls: Bool { calls.contains { $0.state != .ended } }

    /// The first call that nothing holds back and that no worker is to take.
    var nextToStart: Call? {
        var next: Call?
        forEachStartable { call in
            if !call.isByWorker { next = call }
            return next == nil
        }
        return next
    }

    /// Calls whose turn it is: a call starts when all before it have results; parallel ones do not wait for each other.
    /// One pass, however many calls a model chooses.
    ///
    /// - Parameter body: false ends it.
    private func forEachStartable(_ body: (Call) -> Bool) {
        var isFirst = true
        for call in calls where call.state != .ended {
            if call.isFree, isFirst || call.isParallel, !body(call) { return }
            guard call.isParallel else { return }
            isFirst = false
        }
    }
}

extension Run.Call {
    /// What is to be going on while it is started.
    public var effect: Effect {
        isByWorker ? .lease(call: number, attempt: attempt) : .tool(call: number, attempt: attempt)
    }
}

extension Run.OpenAsk {
    /// Nothing of the run goes on before it is answered, though no call waits for it.
    var isAboutTheTurn: Bool { kind == .budget || kind == .stuck }
}

extension String {
    /// SHA-256 of the text's UTF-8. frozen: approvals name arguments by it.
    var sha256Hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: sha256(Array(utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
