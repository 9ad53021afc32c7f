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
    public private(set) var hold = false
    public private(set) var isStopped = false
    public private(set) var modelInFlight: Effect?
    public private(set) var calls: [UInt32: Call] = [:]
    public private(set) var asks: [UInt32: Ask] = [:]
    public private(set) var messages: [UInt32: Message] = [:]
    public private(set) var transcript = Transcript()

    private var seq: UInt64 = 0
    private var at: Int64 = Int64.min
    private var step: UInt32 = 0
    private var attempt: UInt32 = 0
    private var turn = Turn.none
    /// The last model call failed or was lost: the next one is another attempt of the same step.
    private var isTriedAgain = false
    /// Calls of the current step, in order.
    private var current: [UInt32] = []
    private var killing: Set<Effect> = []
    private let tools: [String: FermataToolSpec]

    public struct Call {
        public let isParallel: Bool
        public let isIdempotent: Bool
        public internal(set) var starts: UInt32 = 0
        public internal(set) var isExecuting = false
        public internal(set) var ends = 0
        public internal(set) var outcome = FermataCallOutcome.unspecified
        public internal(set) var ask: UInt32?
        public var isOpen: Bool { ends == 0 }
    }

    public struct Ask {
        public let call: UInt32
        public internal(set) var answers = 0
        public internal(set) var isClosed = false
        public var isOpen: Bool { answers == 0 && !isClosed }
    }

    public struct Message {
        public let delivery: FermataDelivery
        public internal(set) var deliveries = 0
        public internal(set) var isWithdrawn = false
        public var isWaiting: Bool { deliveries == 0 && !isWithdrawn }
    }

    private enum Turn { case none, active, ended, failed }

    public init(tools: [FermataToolSpec]) {
        self.tools = Dictionary(uniqueKeysWithValues: tools.map { ($0.name, $0) })
    }

    // MARK: - What it believes

    public var executing: Set<Effect> {
        Set(calls.lazy.filter { $0.value.isExecuting }.map { .tool(call: $0.key, attempt: $0.value.starts) })
    }

    public var wanted: Set<Effect> { modelInFlight.map { executing.union([$0]) } ?? executing }
    public var begun: Set<Effect> { wanted.union(killing) }
    public var openAsks: [UInt32] { asks.filter { $0.value.isOpen }.keys.sorted() }
    public var waitingMessages: [UInt32] { messages.filter { $0.value.isWaiting }.keys.sorted() }

    /// DESIGN, "The life of a run": the first that applies.
    public func status(due: Int64?) -> FermataStatus {
        if isStopped { return .stopped }
        if hold { return begun.isEmpty ? .paused : .pausing }
        if turn == .failed { return .failed }
        if !begun.isEmpty || due != nil { return .running }
        if !openAsks.isEmpty, !current.contains(where: canStart) { return .waiting }
        if turn == .active { return .running }
        if !waitingMessages.isEmpty { return .running }
        return turn == .none ? .idle : .finished
    }

    private func canStart(_ number: UInt32) -> Bool {
        guard let call = calls[number], call.isOpen, !call.isExecuting, call.ask == nil else { return false }
        return current.prefix { $0 != number }.allSatisfy { before in
            calls[before]!.ends > 0 || (call.isParallel && calls[before]!.isParallel)
        }
    }

    // MARK: - Reading

    public mutating func read(_ event: FermataEvent) throws {
        try require(event.seq == seq + 1, "seq \(event.seq) comes after \(seq)")
        try require(event.at >= at, "at decreases")
        try require(!isStopped || event.name == "callGone", "\(event.name) after the run was stopped")
        seq = event.seq
        at = event.at
        transcript.append(event)
        switch event.kind {
        case .launched: try require(seq == 1, "launched twice")
        case .messageQueued(let message):
            try require(message.number == UInt32(messages.count + 1), "message \(message.number) is out of order")
            messages[message.number] = Message(delivery: message.delivery)
        case .messageWithdrawn(let message):
            try require(messages[message.number]?.isWaiting == true, "withdrawn, and it did not wait")
            messages[message.number]!.isWithdrawn = true
        case .modelCalled(let called): try read(called)
        case .modelAnswered(let answer): try read(answer)
        case .modelCut(let cut):
            try endModel(cut.step, cut.attempt)
            turn = .active
            isTriedAgain = cut.cause == .byCrash
        case .modelFailed(let failed):
            try endModel(failed.step, failed.attempt)
            turn = failed.nextAttemptAt == 0 ? .failed : .active
            isTriedAgain = true
        case .callStarted(let started): try read(started)
        case .callLost(let lost):
            try require(executing.contains(.tool(call: lost.number, attempt: lost.attempt)), "lost, and not executing")
            try require(calls[lost.number]!.isIdempotent, "call \(lost.number) would run again, and it must not")
            calls[lost.number]!.isExecuting = false
        case .callEnded(let ended): try read(ended)
        case .callGone(let gone):
            try require(
                killing.remove(.tool(call: gone.number, attempt: gone.attempt)) != nil, "gone, and it was not killed")
        case .askOpened(let ask):
            try mayBegin("an ask")
            try require(!isOvertaken, "an ask opens, and a message for now waits")
            try require(ask.number == UInt32(asks.count + 1), "ask \(ask.number) is out of order")
            try require(canStart(ask.call), "an ask of a call whose turn it is not")
            asks[ask.number] = Ask(call: ask.call)
            calls[ask.call]!.ask = ask.number
        case .askAnswered(let answer):
            try require(asks[answer.number]?.isOpen == true, "ask \(answer.number) is answered, and it is not open")
            asks[answer.number]!.answers += 1
        case .askClosed(let closed):
            try require(asks[closed.number]?.isOpen == true, "ask \(closed.number) is closed, and it is not open")
            asks[closed.number]!.isClosed = true
        case .held: hold = true
        case .holdLifted:
            try require(hold, "lifted, and there was no hold")
            hold = false
        case .limitReached:
            try mayBegin("a model call that a limit forbids")
            try require(wanted.isEmpty && openAsks.isEmpty, "a limit, in the middle of a step")
            turn = .failed
        case .retried:
            try require(turn == .failed, "retried, and it had not failed")
            turn = .active
        case .stopped:
            isStopped = true
            hold = false
            try require(wanted.isEmpty, "stopped, with something in flight")
            try require(calls.values.allSatisfy { $0.ends == 1 }, "stopped, and a call has no result")
            try require(openAsks.isEmpty, "stopped, with an open ask")
        case .callEdited, .policySet, .limitsSet, .modelSet, .holdAtSet, .handedOff, .forked, .imported: break
        case nil: throw Broken("an event without a kind")
        }
    }

    private mutating func read(_ called: FermataModelCalled) throws {
        try mayBegin("a model call")
        try require(modelInFlight == nil, "two model calls at once")
        try require(turn != .failed, "a model call after a failure that nobody asked to try again")
        try require(current.allSatisfy { calls[$0]!.ends == 1 }, "a model call before every call has its result")
        try require(
            (called.step, called.attempt) == (isTriedAgain ? (step, attempt + 1) : (step + 1, 1)),
            "step \(called.step).\(called.attempt) comes after \(step).\(attempt)")
        try read(delivered: called.delivered)
        if let problem = brokenTranscript(transcript) { throw Broken("the transcript: \(problem)") }
        (step, attempt) = (called.step, called.attempt)
        modelInFlight = .model(step: step, attempt: attempt)
        turn = .active
        current = []
    }

    private mutating func read(delivered: [UInt32]) throws {
        let startsTurn = turn != .active
        try require(!startsTurn || !delivered.isEmpty, "a turn begins with nothing to answer")
        try require(delivered == delivered.sorted(), "messages are delivered out of order")
        for number in delivered {
            try require(messages[number]?.isWaiting == true, "message \(number) is delivered, and it does not wait")
            messages[number]!.deliveries += 1
            try require(
                messages[number]!.delivery != .whenIdle || startsTurn && delivered.count == 1,
                "message \(number) has not got a turn of its own")
        }
        for (number, message) in messages where message.isWaiting {
            try require(
                message.delivery == .whenIdle, "message \(number) waits, and a model call begins without it")
        }
    }

    private mutating func read(_ answer: FermataModelAnswered) throws {
        try endModel(answer.step, answer.attempt)
        isTriedAgain = false
        turn = answer.calls.isEmpty ? .ended : .active
        for call in answer.calls {
            try require(call.number == UInt32(calls.count + 1), "call \(call.number) is out of order")
            let tool = tools[call.tool]
            calls[call.number] = Call(
                isParallel: tool?.parallel ?? false, isIdempotent: tool?.idempotent ?? false)
        }
        current = answer.calls.map(\.number)
    }

    private mutating func endModel(_ step: UInt32, _ attempt: UInt32) throws {
        try require(modelInFlight == .model(step: step, attempt: attempt), "an end of a model call not in flight")
        modelInFlight = nil
    }

    private mutating func read(_ started: FermataCallStarted) throws {
        try mayBegin("a tool")
        // One that executed when the message came goes on, over a crash as well.
        try require(started.attempt > 1 || !isOvertaken, "call \(started.number) starts, and a message for now waits")
        try require(killing.isEmpty, "a tool starts beside one that is being killed")
        try require(canStart(started.number), "call \(started.number) starts, and it is not its turn")
        try require(started.attempt == calls[started.number]!.starts + 1, "attempts have a gap")
        calls[started.number]!.starts += 1
        calls[started.number]!.isExecuting = true
    }

    private mutating func read(_ ended: FermataCallEnded) throws {
        guard var call = calls[ended.number] else { throw Broken("the end of a call that was never chosen") }
        try require(call.ends == 0, "call \(ended.number) has two results")
        try require(ended.outcome != .unspecified, "call \(ended.number) has no outcome")
        try require(ended.attempt == call.starts, "call \(ended.number) ends as attempt \(ended.attempt)")
        switch ended.outcome {
        case .callSuperseded, .callCancelled:
            try require(call.starts == 0, "call \(ended.number) was started, and is said not to have been executed")
        case .callInterrupted:
            try require(call.isExecuting && ended.killing, "call \(ended.number) is interrupted, and did not execute")
        case .callUnknown:
            try require(call.starts > 0, "the outcome of call \(ended.number) is unknown, and it never started")
            try require(call.isExecuting != call.isIdempotent, "call \(ended.number) could have run again")
        default: break
        }
        if let ask = call.ask {
            try require(!asks[ask]!.isOpen, "call \(ended.number) has a result, and its ask is open")
        }
        if ended.killing { killing.insert(.tool(call: ended.number, attempt: ended.attempt)) }
        call.ends += 1
        call.outcome = ended.outcome
        call.isExecuting = false
        calls[ended.number] = call
    }

    /// A message supersedes every call not started, those of an answer that a hold spared for it as well.
    private var isOvertaken: Bool { messages.values.contains { $0.isWaiting && $0.delivery == .now } }

    private func mayBegin(_ what: String) throws {
        try require(!hold, "\(what) begins under a hold")
        try require(!isStopped, "\(what) begins after a stop")
    }

    private func require(_ isKept: Bool, _ promise: @autoclosure () -> String) throws {
        guard isKept else { throw Broken("seq \(seq): \(promise())") }
    }
}
