public import Journal
internal import SQLite

extension SQLiteJournalReader {
    public func events(
        of run: JournalRunID, after: UInt64, through last: UInt64, maxBytes: Int, maxCount: Int
    ) throws(JournalError) -> [EventRow] {
        let sql = """
            SELECT \(Statement.eventColumns) FROM events \
            WHERE run = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4
            """
        var expected = after
        return try events(sql, maxBytes: maxBytes) { statement in
            try statement.bind(run, at: 1)
            try statement.bind(Int64(clamping: after), at: 2)
            try statement.bind(Int64(clamping: last), at: 3)
            try statement.bind(Int64(max(0, maxCount)), at: 4)
        } check: { event throws(JournalError) in
            expected += 1
            guard event.seq == expected else { throw damaged("event \(expected) of run \(run) is missing") }
        }
    }

    public func events(afterOffset: UInt64, maxBytes: Int, maxCount: Int) throws(JournalError) -> [EventRow] {
        let sql = "SELECT \(Statement.eventColumns) FROM events WHERE offset > ?1 ORDER BY offset LIMIT ?2"
        var expected = afterOffset
        return try events(sql, maxBytes: maxBytes) { statement in
            try statement.bind(Int64(clamping: afterOffset), at: 1)
            try statement.bind(Int64(max(0, maxCount)), at: 2)
        } check: { event throws(JournalError) in
            expected += 1
            guard event.offset == expected else { throw damaged("the event at offset \(expected) is missing") }
        }
    }

    public func events(
        ofKinds kinds: [Int32], of run: JournalRunID?, after: UInt64, through last: UInt64, maxBytes: Int, maxCount: Int
    ) throws(JournalError) -> [EventRow] {
        let list = kinds.map(String.init).joined(separator: ", ")
        let number = run == nil ? "offset" : "seq"
        let sql = """
            SELECT \(Statement.eventColumns) FROM events \
            WHERE \(run == nil ? "" : "run = ?4 AND ")\(number) > ?1 AND \(number) <= ?2 AND kind IN (\(list)) \
            ORDER BY \(number) LIMIT ?3
            """
        return try events(sql, maxBytes: maxBytes) { statement in
            try statement.bind(Int64(clamping: after), at: 1)
            try statement.bind(Int64(clamping: last), at: 2)
            try statement.bind(Int64(max(0, maxCount)), at: 3)
            if let run { try statement.bind(run, at: 4) }
        } check: { _ in
        }
    }

    private func events(
        _ sql: String, maxBytes: Int, bind: (Statement) throws -> Void,
        check: (EventRow) throws(JournalError) -> Void
    ) throws(JournalError) -> [EventRow] {
        var events: [EventRow] = []
        var bytes = 0
        try forEachRow(sql, bind) { statement in
            bytes += statement.byteCount(at: 5)
            guard events.isEmpty || bytes <= maxBytes else { return false }
            let event = try statement.eventRow()
            try check(event)
            events.append(event)
            return true
        }
        return events
    }
}
