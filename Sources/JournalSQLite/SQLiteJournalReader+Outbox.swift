public import Journal
internal import SQLite

extension SQLiteJournalReader {
    public func dueMessages(
        to endpoint: String, through time: Int64, limit: Int
    ) throws(JournalError) -> [OutboxRow] {
        let sql = """
            SELECT \(Statement.outboxColumns) FROM outbox INDEXED BY outbox_due \
            WHERE next_at IS NOT NULL AND endpoint = ?1 AND next_at <= ?2 ORDER BY next_at LIMIT ?3
            """
        return try rows(
            sql,
            { statement in
                try statement.bind(endpoint, at: 1)
                try statement.bind(time, at: 2)
                try statement.bind(Int64(max(0, limit)), at: 3)
            }
        ) { try $0.outboxRow() }
    }

    public func nextMessageDue(to endpoint: String, after time: Int64) throws(JournalError) -> Int64? {
        let sql = """
            SELECT next_at FROM outbox INDEXED BY outbox_due \
            WHERE next_at IS NOT NULL AND endpoint = ?1 AND next_at > ?2 ORDER BY next_at LIMIT 1
            """
        return try rows(
            sql,
            { statement in
                try statement.bind(endpoint, at: 1)
                try statement.bind(time, at: 2)
            }
        ) { $0.int64(at: 0) }.first
    }

    public func outboxCounts() throws(JournalError) -> [String: OutboxCounts] {
        var counts: [String: OutboxCounts] = [:]
        // From the indexes alone: bodies may be large.
        for (dead, index) in [(0, "outbox_live"), (1, "outbox_dead")] {
            let sql = "SELECT endpoint, count(*) FROM outbox INDEXED BY \(index) WHERE dead = \(dead) GROUP BY endpoint"
            for (endpoint, count) in try rows(sql, { _ in }, { ($0.text(at: 0), Int($0.int64(at: 1))) }) {
                var known = counts[endpoint] ?? OutboxCounts(pending: 0, dead: 0)
                if dead == 0 { known.pending = count } else { known.dead = count }
                counts[endpoint] = known
            }
        }
        return counts
    }
}

extension Statement {
    static var outboxColumns: String { "endpoint, run, seq, kind, at, attempts, body" }

    /// Columns: `outboxColumns`.
    func outboxRow() throws(DamagedRow) -> OutboxRow {
        guard let run = runID(at: 1) else { throw DamagedRow(table: "outbox") }
        return OutboxRow(
            key: OutboxKey(endpoint: text(at: 0), run: run, seq: uint64(at: 2), kind: int32(at: 3)), at: int64(at: 4),
            attempts: UInt32(clamping: int64(at: 5)), body: blob(at: 6))
    }
}
