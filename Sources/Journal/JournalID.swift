internal import SQLite

/// The id of a run as the journal keeps it: 16 bytes, big-endian. Ids in order are bytes in order; of version 7 UUIDs
/// that is the order of time.
public struct JournalRunID: Hashable, Sendable, Comparable {
    /// The first and the last eight bytes, big-endian.
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// The id that a client gave to a request: 16 bytes, any of them.
public struct JournalRequestID: Hashable, Sendable {
    /// The first and the last eight bytes, big-endian.
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension JournalRunID {
    static let least = JournalRunID(high: 0, low: 0)
    static let greatest = JournalRunID(high: .max, low: .max)

    /// As the store has them.
    var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
    }
}

extension Statement {
    func bind(_ id: JournalRunID, at index: Int) throws(SQLiteError) {
        try bind(high: id.high, low: id.low, at: index)
    }

    /// Binds NULL for nil.
    func bind(_ id: JournalRunID?, at index: Int) throws(SQLiteError) {
        if let id { try bind(id, at: index) } else { try bindNull(at: index) }
    }

    func bind(_ id: JournalRequestID, at index: Int) throws(SQLiteError) {
        try bind(high: id.high, low: id.low, at: index)
    }

    private func bind(high: UInt64, low: UInt64, at index: Int) throws(SQLiteError) {
        let words: [2 of UInt64] = [high.bigEndian, low.bigEndian]
        try bind(words.span.bytes, at: index)
    }

    /// nil unless the column holds 16 bytes; the schema lets nothing else in.
    func runID(at index: Int) -> JournalRunID? {
        withBlob(at: index) { bytes in
            guard bytes.byteCount == 16 else { return nil }
            return JournalRunID(
                high: UInt64(bigEndian: bytes.unsafeLoadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}

extension JournalRunID: CustomStringConvertible {
    /// As a UUID: lowercase, 8-4-4-4-12.
    public var description: String {
        let digits = hexadecimal(high) + hexadecimal(low)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
