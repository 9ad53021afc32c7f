public import FermataCore
public import FermataProtocol
internal import SwiftProtobuf

/// A promise that a run broke.
public struct Broken: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Reads a run's journal as someone from outside does and holds it to the promises, event by event. It knows
/// nothing of `Run` but its public face: what it believes comes from the events alone.
public struct Auditor {
    /// Whose holds there are; an operator's has an empty owner.
    public internal(set) var holds: Set<String> = []
    public var hold: Bool { !holds.isEmpty }
    public internal(set) var isStopped = false
    public internal(set) var isHandedOff = false
    public internal(set) var modelInFlight: Effect?
    public internal(set) var calls: [UInt32: Call] = [:]
    public internal(set) var asks: [UInt32: Ask] = [:]
    public internal(set) var messages: [UInt32: Message] = [:]
    public internal(set) var policy = FermataPolicy()
    public internal(set) var limits = FermataLimits()
    public private(set) var transcript = Transcript()

    var seq: UInt64 = 0
    var at: Int64 = Int64.min
    var step: UInt32 = 0
    var attempt: UInt32 = 0
    var turn = Turn.none
    /// The turn was ended when people were asked about a limit, before its first model call.
    var failedBeforeFirstStep = false
    /// The last model call failed or was lost: the next one is another attempt of the same step.
    var isTriedAgain = false
    /// When the next attempt is made, while the run waits for it, µs of the steady clock.
    var nextAttemptAt: Int64?
    /// As it was launched, and its own model as it was set since.
    var patienceMs: Int64 = 0
    var fallbackModels: [String] = []
    var ownModel = ""
    /// The open ask about a wait.
    var askAboutWait: UInt32? { openAsks.first { asks[$0]!.kind == .limit } }
    /// When the hold lifts itself, µs of the steady clock; 0: never.
    var resumeAt: Int64 = 0
    /// How far the clock of the last event, of the last attempt's and of the hold's was ahead of the steady clock.
    var lead: Int64 = 0
    var attemptLead: Int64 = 0
    var holdLead: Int64 = 0
    /// The last event has the time of the one before it, which may be later than its own.
    var isStampedLate = false
    /// Not before the last event, µs of the steady clock.
    var steady: Int64 { at - lead }
    /// Calls of the current step, in order.
    var current: [UInt32] = []
    var killing: Set<Effect> = []
    /// What the very next event is to say of this call.
    var owed: UInt32?
    /// The run has come from elsewhere with this event or those just before.
    var isArriving = false
    /// Where it was told to hold by itself, and whether it is to hold before anything begins.
    var holdAt = FermataHoldPoint.At.none
    var isToHold = false
    let tools: [String: FermataToolSpec]

    public struct Call {
        public let tool: String
        public let isParallel: Bool
        let spec: FermataToolSpec
        /// It was lost when that did no harm: it may start again, also with arguments that were edited since.
        var mayStartAgain = false
        public let origin: FermataToolOrigin
        public internal(set) var arguments: String
        /// The arguments that a person let run.
        public internal(set) var approved: String?
        /// A person was asked about it: the policy alone lets it run no more.
        public internal(set) var isGated = false
        /// The worker that took it last; empty: none did.
        public internal(set) var worker = ""
        public internal(set) var starts: UInt32 = 0
        public internal(set) var isExecuting = false
        public internal(set) var ends = 0
        public internal(set) var outcome = FermataCallOutcome.unspecified
        public internal(set) var ask: UInt32?
        public var isOpen: Bool { ends == 0 }

        /// If it is lost: it may, and was not started so often already that it is left.
        var mustRunAgain: Bool { isIdempotent && starts < 3 }

        /// By its tool or its arguments.
        var isIdempotent: Bool {
            if spec.idempotent || spec.idempotentWhen.isEmpty { return spec.idempotent }
            // As a policy is sure of what it denies.
            let policy = FermataPolicy.with {
                $0.tools = [
                    .with {
                        $0.tool = tool
                        $0.rules = [.with { ($0.when, $0.gate) = (spec.idempotentWhen, .deny) }]
                        $0.gate = .allow
                    }
                ]
            }
            return policy.gate(tool: tool, arguments: arguments) == .deny
        }
    }

    public struct Ask {
        public let call: UInt32
        public let kind: FermataAskKind
        public let arguments: String
        /// µs since 1970, as it was shown; 0: none.
        let shown: Int64
        /// How far the clock that it was shown by was ahead of the steady one.
        var lead: Int64
        /// µs of the steady clock; 0: none.
        public var deadline: Int64 { shown == 0 ? 0 : shown - lead }
        public internal(set) var answers = 0
        public internal(set) var verdict = FermataVerdict.unspecified
        public internal(set) var isClosed = false
        public internal(set) var isExpired = false
        public var isOpen: Bool { answers == 0 && !isClosed }
    }

    public struct Message {
        public let delivery: FermataDelivery
        public internal(set) var deliveries = 0
        public internal(set) var isWithdrawn = false
        public var isWaiting: Bool { deliveries == 0 && !isWithdrawn }
    }

    enum Turn { case none, active, ended, failed }

    public init(tools: [FermataToolSpec]) {
        self.tools = Dictionary(uniqueKeysWithValues: tools.map { ($0.name, $0) })
    }

    // MARK: - What it believes

    public var executing: Set<Effect> {
        Set(
            calls.lazy.filter { $0.value.isExecuting }.map {
                $0.value.origin == .worker
                    ? .lease(call: $0.key, attempt: $0.value.starts) : .tool(call: $0.key, attempt: $0.value.starts)
            })
    }

    public var wanted: Set<Effect> { modelInFlight.map { executing.union([$0]) } ?? executing }
    public var begun: Set<Effect> { wanted.union(killing) }
    public var openAsks: [UInt32] { asks.filter { $0.value.isOpen }.keys.sorted() }
    public var waitingMessages: [UInt32] { messages.filter { $0.value.isWaiting }.keys.sorted() }

    /// Calls that a worker may take.
    public var ready: [UInt32] {
        hold || isStopped || !killing.isEmpty ? [] : current.filter { calls[$0]!.origin == .worker && canStart($0) }
    }

    /// When the run wants to be told that time has passed.
    public var due: Int64? {
        if isStopped { return nil }
        let deadlines = asks.values.filter { $0.isOpen && $0.shown > 0 }.map(\.deadline)
        return (deadlines + (holds.contains("") && resumeAt > 0 ? [resumeAt] : []) + (nextAttemptAt.map { [$0] } ?? []))
            .min()
    }

    /// DESIGN, "The life of a run": the first that applies.
    public var status: FermataStatus {
        if isStopped { return .stopped }
        if hold { return begun.isEmpty ? .paused : .pausing }
        if turn == .failed { return .failed }
        if !begun.isEmpty { return .running }
        if nextAttemptAt != nil { return askAboutWait == nil ? .running : .waiting }
        let isWaiting = !openAsks.isEmpty || !ready.isEmpty
        if isWaiting, !current.contains(where: { calls[$0]!.origin != .worker && canStart($0) }) { return .waiting }
        if turn == .active { return .running }
        if !waitingMessages.isEmpty { return .running }
        return turn == .none ? .idle : .finished
    }

    /// Whether nothing but its turn and a hold keep the call from starting.
    func isFree(_ call: Call) -> Bool {
        guard call.isOpen, !call.isExecuting, !(call.ask.map { asks[$0]!.isOpen } ?? false) else { return false }
        switch gate(call) {
        case .allow: return !call.isGated || call.approved == call.arguments
        case .ask: return call.approved == call.arguments
        default: return false
        }
    }

    func gate(_ call: Call) -> FermataGate { policy.gate(tool: call.tool, arguments: call.arguments) }

    func canStart(_ number: UInt32) -> Bool {
        guard let call = calls[number], isFree(call) else { return false }
        return current.prefix { $0 != number }.allSatisfy { before in
            calls[before]!.ends > 0 || (call.isParallel && calls[before]!.isParallel)
        }
    }

    /// A message supersedes every call not started, those of an answer that a hold spared for it as well.
    var isOvertaken: Bool { messages.values.contains { $0.isWaiting && $0.delivery == .now } }

    // MARK: - Reading

    public mutating func read(_ event: FermataEvent) throws {
        try require(event.seq == seq + 1, "seq \(event.seq) comes after \(seq)")
        try require(event.at >= at, "at decreases")
        try require(
            !isStopped || event.name == "callGone" || event.name == "imported",
            "\(event.name) after the run was stopped")
        seq = event.seq
        isStampedLate = event.at == at
        at = event.at
        lead = event.clockLead
        transcript.append(event)
        try pay(event)
        if isArriving, !["modelCut", "held", "holdLifted", "callGone", "callEnded", "askOpened"].contains(event.name) {
            isArriving = false
        }
        switch event.kind {
        case .launched(let launched):
            try require(seq == 1, "launched twice")
            policy = launched.policy
            limits = launched.limits
            holdAt = launched.holdAt
            patienceMs = Int64(launched.patienceMs)
            fallbackModels = launched.fallbackModels
            ownModel = launched.model
        case .messageQueued(let message):
            try require(message.number == UInt32(messages.count + 1), "message \(message.number) is out of order")
            messages[message.number] = Message(delivery: message.delivery)
            if message.delivery == .now { nextAttemptAt = nil }
        case .messageWithdrawn(let message):
            try require(messages[message.number]?.isWaiting == true, "withdrawn, and it did not wait")
            messages[message.number]!.isWithdrawn = true
        case .modelCalled(let called): try read(called)
        case .modelAnswered(let answer): try read(answer)
        case .modelCut(let cut):
            try endModel(cut.step, cut.attempt)
            turn = .active
            isTriedAgain = cut.cause == .byCrash || cut.cause == .byMove
        case .modelFailed(let failed):
            try endModel(failed.step, failed.attempt)
            turn = failed.nextAttemptAt == 0 ? .failed : .active
            nextAttemptAt = failed.nextAttemptAt > 0 && !hold ? failed.nextAttemptAt - lead : nil
            attemptLead = lead
            isTriedAgain = true
        case .callStarted(let started): try read(started)
        case .callLost(let lost):
            try require(calls[lost.number]?.isExecuting == true, "lost, and not executing")
            try require(calls[lost.number]!.starts == lost.attempt, "lost as another attempt")
            try require(calls[lost.number]!.isIdempotent, "call \(lost.number) would run again, and it must not")
            calls[lost.number]!.isExecuting = false
            calls[lost.number]!.mayStartAgain = true
        case .callEnded(let ended): try read(ended)
        case .callGone(let gone):
            try require(
                killing.remove(.tool(call: gone.number, attempt: gone.attempt)) != nil, "gone, and it was not killed")
        case .askOpened(let ask): try read(ask)
        case .askAnswered(let answer): try read(answer)
        case .askClosed(let closed): try read(closed)
        case .callEdited(let edited): try read(edited)
        case .held(let held):
            try require(
                held.owner.isEmpty == (held.cause != .byParent), "another's hold that is not its, or the reverse")
            try require(held.owner.isEmpty || !holds.contains(held.owner), "an ancestor holds it twice")
            holds.insert(held.owner)
            if held.owner.isEmpty {
                resumeAt = held.resumeAt == 0 ? 0 : held.resumeAt - lead
                holdLead = lead
            }
            nextAttemptAt = nil
            isToHold = false
        case .holdLifted(let lifted):
            try require(holds.contains(lifted.owner), "lifted, and there was no hold")
            try require(lifted.cause != .byTime || resumeAt > 0 && resumeAt <= steady, "lifted before its time")
            holds.remove(lifted.owner)
        case .limitReached: throw Broken("a limit that nobody was asked about")
        case .retried:
            try require(turn == .failed, "retried, and it had not failed")
            turn = failedBeforeFirstStep ? .ended : .active
            failedBeforeFirstStep = false
        case .stopped:
            isStopped = true
            holds = []
            nextAttemptAt = nil
            try require(wanted.isEmpty, "stopped, with something in flight")
            try require(calls.values.allSatisfy { $0.ends == 1 }, "stopped, and a call has no result")
            try require(openAsks.isEmpty, "stopped, with an open ask")
        case .policySet(let set): policy = set.policy
        case .limitsSet(let set): limits = set.limits
        case .holdAtSet(let set): holdAt = set.holdAt
        case .modelSet(let set):
            if set.hasFallback {
                let wanted = set.fallback == 0 ? ownModel : fallbackModels.element(Int(set.fallback) - 1)
                try require(set.model == wanted, "it is not the fallback model of this number")
            } else {
                ownModel = set.model
            }
            if askAboutWait != nil { nextAttemptAt = nil }
        case .childLaunched: break
        case .handedOff:
            try require(begun.isEmpty && nextAttemptAt == nil, "handed off, with something in flight")
            isStopped = true
            isHandedOff = true
        case .forked:
            try require(seq > 1 && begun.isEmpty && owed == nil, "a fork of a moment that is none")
            // A fork waits for its own approvals.
            for number in calls.keys { calls[number]!.approved = nil }
            isToHold = false
            holds.formIntersection([""])
        case .imported:
            holds.formIntersection([""])
            // Measured by this server's clock from now on.
            if resumeAt != 0 { resumeAt += holdLead - lead }
            if let next = nextAttemptAt { nextAttemptAt = next + attemptLead - lead }
            (holdLead, attemptLead) = (lead, lead)
            for number in asks.keys { asks[number]!.lead = lead }
            if isHandedOff { isStopped = false }
            isHandedOff = false
            isArriving = true
        case nil: throw Broken("an event without a kind")
        }
    }

    /// After the answer to its ask, or the end of it, the next event says what becomes of a call.
    private mutating func pay(_ event: FermataEvent) throws {
        guard let owed else { return }
        self.owed = nil
        let paid: UInt32? =
            switch event.kind {
            case .callEnded(let ended): ended.number
            case .askOpened(let ask): ask.call
            case .callEdited(let edited): edited.number
            // The copy ended before a call that was not approved was told so: it asks again.
            case .forked where asks[calls[owed]!.ask!]!.kind == .approval: owed
            default: nil
            }
        try require(paid == owed, "\(event.name), and call \(owed) was to have its result")
    }

    func mayBegin(_ what: String) throws {
        try require(!hold, "\(what) begins under a hold")
        try require(!isStopped, "\(what) begins after a stop")
        try require(!isToHold, "\(what) begins, and the run was to hold after the selection")
    }

    func require(_ isKept: Bool, _ promise: @autoclosure () -> String) throws {
        guard isKept else { throw Broken("seq \(seq): \(promise())") }
    }
}

extension Array {
    fileprivate func element(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
