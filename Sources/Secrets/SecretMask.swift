/// Replaces the values of a table by `****` in one stream of bytes, wherever the stream was cut into pieces.
///
/// Bytes at the end of a piece that may be the beginning of a value are held back until the next piece, or the end,
/// decides: what has gone out never has to be taken back. The stream as a whole comes out the same however it was cut.
/// Of values that overlap nothing is left. Pieces of whole characters come out as pieces of whole characters.
///
/// Linear in the bytes. Threads: one at a time.
public struct SecretMask: Sendable {
    private static let replacement: [UInt8] = Array("****".utf8)

    /// Nil: there is nothing to find.
    private let automaton: SecretAutomaton?
    /// What came and has not gone out.
    private var held: [UInt8] = []
    /// How many bytes went out before `held`, or were replaced. All places are counted from the stream's beginning.
    private var base = 0
    /// How many bytes came.
    private var end = 0
    /// What the bytes as they are end with.
    private var raw: SecretAutomaton.State = 0
    /// What they end with where escapes are read.
    private var readings = EscapedReadings()
    /// What is to be replaced, in order, apart from each other.
    private var regions: [Range<Int>] = []

    /// Told of a replacement: where it is in what goes out, how long it is there, and how many bytes it stands for.
    public typealias Replaced = (_ offset: Int, _ count: Int, _ originalCount: Int) -> Void

    public init(_ table: SecretTable) {
        automaton = table.automaton
    }

    /// What can go out after this piece; possibly nothing.
    public mutating func mask(
        _ piece: UnsafeRawBufferPointer, replaced: Replaced = { _, _, _ in }
    ) -> [UInt8] { take(piece, replaced) ?? Array(piece) }

    /// What can go out after this piece; possibly nothing.
    public mutating func mask(_ piece: String) -> String {
        if automaton == nil { return piece }
        var piece = piece
        guard let passed = piece.withUTF8({ take(UnsafeRawBufferPointer($0)) { _, _, _ in } }) else { return piece }
        return String(decoding: passed, as: UTF8.self)
    }

    /// What was held back, at the end of the stream. A beginning of a value that is long enough to be one is masked.
    public mutating func finish(replaced: Replaced = { _, _, _ in }) -> [UInt8] {
        guard let automaton else { return [] }
        defer {
            raw = 0
            readings.end()
        }
        if held.isEmpty { return [] }
        // How it reads as it is, and with escapes read.
        let depth = automaton.open(raw)
        if depth >= SecretTable.minimumLength { cover(end - depth..<end) }
        if let start = readings.start(ofAtLeast: SecretTable.minimumLength, automaton) { cover(start..<end) }
        return emit(upTo: end, replaced)
    }

    /// What was held back, at the end of the stream.
    public mutating func finish() -> String { String(decoding: finish() as [UInt8], as: UTF8.self) }

    // MARK: - Looking

    /// - Returns: what can go out after this piece; nil: the piece as it is.
    private mutating func take(_ piece: UnsafeRawBufferPointer, _ replaced: Replaced) -> [UInt8]? {
        guard let automaton else { return nil }
        let first = end
        var position = 0
        while position < piece.count {
            if readings.isEmpty {
                // Up to the next escape; nearly always all of it.
                var state = raw
                position = automaton.scan(piece, from: position, &state) { place, length in
                    cover(first + place - length..<first + place)
                }
                raw = state
                end = first + position
                if position == piece.count { break }
                // Most escapes are of no use to any value.
                if state == 0, let passed = automaton.pass(piece, from: position) {
                    position = passed
                    end = first + position
                    continue
                }
            }
            take(piece[position], automaton)
            position += 1
        }
        // What begins now may become a value.
        let limit = min(end - automaton.open(raw), readings.start ?? end)
        if held.isEmpty, regions.isEmpty, limit == end {
            base = end
            return nil
        }
        held.append(contentsOf: piece)
        return emit(upTo: limit, replaced)
    }

    private mutating func take(_ byte: UInt8, _ automaton: SecretAutomaton) {
        let place = end
        end += 1
        let before = raw
        raw = automaton.next(before, byte)
        let length = automaton.length(raw)
        if length > 0 { cover(end - length..<end) }
        if let start = readings.take(byte, at: place, after: before, automaton) { cover(start..<end) }
    }

    /// - Parameter range: it ends with the last byte that came, as no other does that goes on after it.
    private mutating func cover(_ range: Range<Int>) {
        var new = range
        while let last = regions.last, last.overlaps(new) {
            new = min(last.lowerBound, new.lowerBound)..<max(last.upperBound, new.upperBound)
            regions.removeLast()
        }
        regions.append(new)
    }

    // MARK: - Going out

    /// What is to be replaced and may still become longer stays with what comes after it.
    private mutating func emit(upTo limit: Int, _ replaced: Replaced) -> [UInt8] {
        var passed: [UInt8] = []
        var (position, limit) = (base, limit)
        var done = 0
        for region in regions where region.lowerBound < limit {
            if region.upperBound > limit {
                limit = region.lowerBound
                break
            }
            passed += held[(position - base)..<(region.lowerBound - base)]
            replaced(passed.count, SecretMask.replacement.count, region.count)
            passed += SecretMask.replacement
            position = region.upperBound
            done += 1
        }
        regions.removeFirst(done)
        passed += held[(position - base)..<(limit - base)]
        held.removeFirst(limit - base)
        base = limit
        return passed
    }
}
