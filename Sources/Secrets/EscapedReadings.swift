/// What a stream of bytes ends with where at least one of its escapes is read.
///
/// Each escape forks the reading: its bytes may stand for another character, or for themselves, as `%41` does in a JSON
/// string with a key that has `%41` in it. All readings are followed side by side. There are few of them: a reading
/// lives only as long as it is the beginning of a value.
struct EscapedReadings: Sendable {
    /// The beginning of a value, exactly, in one of the readings.
    private struct Beginning {
        /// Not 0.
        var state: SecretAutomaton.State
        /// Where its first byte is in the stream.
        var start: Int
    }

    /// The same, which ends before a byte with which the open escape may begin.
    private struct Ahead {
        var beginning: Beginning
        /// Where that byte is.
        var end: Int
    }

    /// What the bytes so far end with: no two of the same state, and each can go on to become a value.
    private var beginnings: [Beginning] = []
    /// Room for those after the next byte.
    private var next: [Beginning] = []
    /// The escape that is not complete. There is one at most: the first byte of another would end it, except that of a
    /// run of backslashes each may be the first.
    private var escape: Escape?
    /// What was there before that.
    private var ahead: [Ahead] = []
    /// Where the longest value begins that ends with the last byte.
    private var found: Int?

    /// Whether there is nothing to follow.
    var isEmpty: Bool { escape == nil && beginnings.isEmpty }

    mutating func end() {
        escape = nil
        // The room is kept for the next ones.
        beginnings.removeAll(keepingCapacity: true)
        ahead.removeAll(keepingCapacity: true)
    }

    /// Where that begins which may become a value; nil: nowhere.
    var start: Int? {
        var start = escape?.earliestStart
        for beginning in beginnings { start = min(start ?? .max, beginning.start) }
        for ahead in ahead { start = min(start ?? .max, ahead.beginning.start) }
        return start
    }

    /// Where the first beginning of a value begins that is at least this long; nil: there is none.
    func start(ofAtLeast length: Int, _ automaton: SecretAutomaton) -> Int? {
        var start: Int?
        for beginning in beginnings + ahead.map(\.beginning) where automaton.depth(beginning.state) >= length {
            start = min(start ?? .max, beginning.start)
        }
        return start
    }

    /// - Parameter raw: what the stream as it is ended with before this byte.
    /// - Returns: where the longest value begins that ends with this byte.
    mutating func take(
        _ byte: UInt8, at place: Int, after raw: SecretAutomaton.State, _ automaton: SecretAutomaton
    ) -> Int? {
        found = nil
        next.removeAll(keepingCapacity: true)
        for beginning in beginnings { step(beginning.state, from: beginning.start, byte, automaton) }
        if var open = escape {
            let isRun = byte == UInt8(ascii: "\\")
            let (read, goesOn) = open.take(byte)
            if let read { take(read, backslashEnd: goesOn && isRun ? place + 1 : nil, open, automaton) }
            escape = goesOn ? open : nil
            if !goesOn { ahead.removeAll(keepingCapacity: true) }
        }
        if Escape.canBegin(with: byte) {
            if escape == nil { escape = Escape(byte, at: place) }
            remember(raw, before: place, automaton)
        }
        swap(&beginnings, &next)
        return found
    }

    /// Goes on with what the open escape stands for.
    ///
    /// - Parameter backslashEnd: the place after it, if it is a run of backslashes that stands for one.
    private mutating func take(
        _ read: Escape.Read, backslashEnd: Int?, _ escape: Escape, _ automaton: SecretAutomaton
    ) {
        let start = escape.earliestStart(ofBackslashEndingAt: backslashEnd)
        step(0, from: start, read, automaton)
        for ahead in ahead {
            if let backslashEnd, !Escape.isBackslash(backslashEnd - ahead.end) { continue }
            step(ahead.beginning.state, from: ahead.beginning.start, read, automaton)
        }
    }

    /// Keeps what the stream, in all its readings, ends with before a byte with which an escape may begin.
    private mutating func remember(_ raw: SecretAutomaton.State, before place: Int, _ automaton: SecretAutomaton) {
        // Only a run of backslashes has several: its last ones count.
        ahead.removeAll { $0.end + Escape.longestRun <= place }
        for beginning in beginnings { ahead.append(Ahead(beginning: beginning, end: place)) }
        automaton.forEachBeginning(raw) { state, depth in
            ahead.append(Ahead(beginning: Beginning(state: state, start: place - depth), end: place))
        }
    }

    private mutating func step(
        _ state: SecretAutomaton.State, from start: Int, _ read: Escape.Read, _ automaton: SecretAutomaton
    ) {
        switch read {
        case .byte(let byte): step(state, from: start, byte, automaton)
        case .scalar(let scalar):
            var state = state
            let bytes = scalar.utf8
            for index in 0..<bytes.count - 1 {
                state = automaton.child(of: state, bytes[index])
                if state == 0 { return }
            }
            step(state, from: start, bytes[bytes.count - 1], automaton)
        }
    }

    private mutating func step(
        _ state: SecretAutomaton.State, from start: Int, _ byte: UInt8, _ automaton: SecretAutomaton
    ) {
        let state = automaton.child(of: state, byte)
        if state == 0 { return }
        if automaton.isValue(state) { found = min(found ?? .max, start) }
        guard automaton.canGoOn(state) else { return }
        if let index = next.firstIndex(where: { $0.state == state }) {
            next[index].start = min(next[index].start, start)
        } else {
            next.append(Beginning(state: state, start: start))
        }
    }
}
