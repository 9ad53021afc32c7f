/// One answer being given: says what to do next, and leaves doing and waiting to its owner. Pure: time is passed in,
/// as nanoseconds of any monotonic clock.
public struct ScriptPlayback: Sendable {
    public enum Step: Sendable, Equatable {
        /// Nothing to do before this time.
        case wait(until: UInt64)
        /// Nothing to do before this gate opens; then call `gateOpened`.
        case gate(String)
        /// These pieces of the turn are due.
        case send(Range<Int>)
        /// The turn's fault happens now. There is no further step.
        case fault(ScriptFault)
        /// The answer is complete. There is no further step.
        case end
    }

    private let turn: ScriptTurn
    private let last: Int
    /// The number of tokens sent.
    public private(set) var sent = 0
    private var gate: ScriptGate?
    /// The token `paceIndex` is due at `paceTime`, and the others follow from it.
    private var paceTime: UInt64?
    private var paceIndex = 0

    public init(_ turn: ScriptTurn) {
        self.turn = turn
        last = turn.tokensSent
        gate = turn.gate
    }

    /// The next step. A step `send` counts as done.
    public mutating func next(at now: UInt64) -> Step {
        let stop = gate.map { min($0.afterTokens, last) } ?? last
        if let gate, sent >= stop { return .gate(gate.name) }
        let start = paceTime ?? now + turn.firstTokenDelayMilliseconds * 1_000_000
        paceTime = start
        if now < start { return .wait(until: start) }

        if sent < stop {
            let due = min(stop, dueCount(at: now, from: start))
            guard due > sent else { return .wait(until: dueTime(sent, from: start)) }
            defer { sent = due }
            return .send(sent..<due)
        }
        return if let fault = turn.fault { .fault(fault) } else { .end }
    }

    /// The gate that the last step named has opened.
    public mutating func gateOpened(at now: UInt64) {
        gate = nil
        // Tokens do not pile up behind a gate.
        guard paceTime != nil else { return }
        paceTime = now
        paceIndex = sent
    }

    private var isAtOnce: Bool { turn.tokensPerSecond == 0 }

    private func dueCount(at now: UInt64, from start: UInt64) -> Int {
        if isAtOnce { return Int.max }
        let passed = Double(now - start) * turn.tokensPerSecond / 1e9
        // A token is due at `dueTime` exactly, whichever way the division was rounded.
        return paceIndex + 1 + Int(min(passed + 1e-6, 1e15))
    }

    private func dueTime(_ token: Int, from start: UInt64) -> UInt64 {
        start + UInt64((Double(token - paceIndex) * 1e9 / turn.tokensPerSecond).rounded(.up))
    }
}
