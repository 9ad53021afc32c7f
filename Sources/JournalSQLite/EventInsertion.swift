internal import CStoreSeals
internal import Journal
internal import SQLite

/// Writes events with their checksums.
struct EventInsertion {
    private let statement: Statement

    init(_ database: Database) throws(SQLiteError) {
        statement = try database.prepare(
            """
            INSERT INTO main.events(offset, run, seq, at, kind, sum, chain, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """)
    }

    /// - Parameters:
    ///   - offset: of the event.
    ///   - chain: of the event before it; 0 before the first.
    /// - Returns: the chain after it.
    func insert(_ event: NewEvent, at offset: UInt64, after chain: UInt64) throws(SQLiteError) -> UInt64 {
        let sum = event.sum(at: offset)
        let next = store_seal_chain(chain, sum)
        try statement.bind(Int64(offset), at: 1)
        try statement.bind(event.run, at: 2)
        try statement.bind(Int64(event.seq), at: 3)
        try statement.bind(event.at, at: 4)
        try statement.bind(Int64(event.kind), at: 5)
        try statement.bind(Int64(bitPattern: sum), at: 6)
        try statement.bind(Int64(bitPattern: next), at: 7)
        try statement.bind(event.body, at: 8)
        try statement.run()
        return next
    }
}

extension NewEvent {
    /// The checksum of all that the event's row has once it is at an offset.
    func sum(at offset: UInt64) -> UInt64 {
        body.withUnsafeBytes { bytes in
            store_seal_event(offset, run.high, run.low, seq, at, Int64(kind), bytes.baseAddress, bytes.count)
        }
    }
}

extension EventRow {
    /// The checksum of all that the row has.
    var sum: UInt64 { NewEvent(self).sum(at: offset) }
}
