/// A stream of bytes as it reads with its escapes read, beside the stream as it is: from an escape on until nothing of
/// it can be part of a value any more.
struct Unescaped: Sendable {
    /// Whether it is looked at; else all of it is as the stream is.
    private(set) var isActive = false
    /// What the bytes read so end with.
    private var state: SecretAutomaton.State = 0
    /// Where each of the last bytes began in the stream, as many as the state is deep.
    private(set) var origins: [Int] = []
    private var open: Escape?
    /// Where the last escape ended that was read; before the first, where the bytes of `state` began.
    private var escapeEnd = 0

    /// - Parameters:
    ///   - state: of the bytes before the escape, which had none.
    ///   - escape: with its first byte.
    mutating func begin(_ state: SecretAutomaton.State, depth: Int, _ escape: Escape) {
        isActive = true
        self.state = state
        escapeEnd = escape.start - depth
        origins.append(contentsOf: escapeEnd..<escape.start)
        open = escape
    }

    mutating func end() {
        isActive = false
        open = nil
        // The room is kept for the next one.
        origins.removeAll(keepingCapacity: true)
    }

    /// Where that begins which may become a value; nil: nowhere.
    func start(_ automaton: SecretAutomaton) -> Int? {
        let count = automaton.open(state)
        return count > 0 ? origins[origins.count - count] : open?.start
    }

    /// Whether the stream ends with no other bytes than it does as it is, of which `depth` may become a value.
    func isSame(as depth: Int, at end: Int) -> Bool { open == nil && end - escapeEnd >= max(depth, origins.count) }

    /// - Returns: where a value was found; of several that overlap, all of them.
    mutating func take(_ byte: UInt8, at place: Int, _ automaton: SecretAutomaton) -> Range<Int>? {
        guard var escape = open else { return begin(byte, at: place, automaton) }
        var found: Range<Int>?
        switch escape.take(byte) {
        case .open: open = escape
        case .byte(let read):
            close(at: place)
            found = step(read, escape.start..<place + 1, automaton)
        case .scalar(let scalar):
            close(at: place)
            for byte in String(scalar).utf8 { found = step(byte, escape.start..<place + 1, automaton) ?? found }
        case .none:
            open = nil
            escape.forEachByte { byte, place in
                found = union(found, step(byte, place..<place + 1, automaton))
            }
            // The byte may begin another.
            found = union(found, begin(byte, at: place, automaton))
        }
        return found
    }

    private mutating func close(at place: Int) {
        open = nil
        escapeEnd = place + 1
    }

    private mutating func begin(_ byte: UInt8, at place: Int, _ automaton: SecretAutomaton) -> Range<Int>? {
        open = Escape(byte, at: place)
        return open == nil ? step(byte, place..<place + 1, automaton) : nil
    }

    /// - Parameter source: the bytes of the stream that stand for this one.
    private mutating func step(_ byte: UInt8, _ source: Range<Int>, _ automaton: SecretAutomaton) -> Range<Int>? {
        state = automaton.next(state, byte)
        let depth = automaton.depth(state)
        if depth > 0 { origins.append(source.lowerBound) }
        if origins.count > depth { origins.removeFirst(origins.count - depth) }
        let length = automaton.length(state)
        return length == 0 ? nil : origins[depth - length]..<source.upperBound
    }

    /// Those that one byte makes lie at most five bytes apart, and are longer: they overlap.
    private func union(_ left: Range<Int>?, _ right: Range<Int>?) -> Range<Int>? {
        guard let left, let right else { return left ?? right }
        return min(left.lowerBound, right.lowerBound)..<max(left.upperBound, right.upperBound)
    }
}
