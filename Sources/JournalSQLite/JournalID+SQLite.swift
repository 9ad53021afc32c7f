internal import Journal
internal import SQLite

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
