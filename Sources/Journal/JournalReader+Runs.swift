internal import SQLite

extension JournalReader {
    public func run(_ id: JournalRunID) throws(JournalError) -> RunRow? {
        try rows("SELECT \(RunQuery.columns) FROM runs WHERE run = ?1", { try $0.bind(id, at: 1) }) {
            try $0.runRow()
        }.first
    }

    public func runs(from first: JournalRunID, through last: JournalRunID, limit: Int) throws(JournalError) -> [RunRow] {
        let sql = "SELECT \(RunQuery.columns) FROM runs WHERE run >= ?1 AND run <= ?2 ORDER BY run LIMIT ?3"
        return try rows(
            sql,
            { statement in
                try statement.bind(first, at: 1)
                try statement.bind(last, at: 2)
                try statement.bind(Int64(limit), at: 3)
            }
        ) { try $0.runRow() }
    }

    public func runs(
        _ filter: RunFilter, order: RunOrder, after cursor: RunCursor?, limit: Int
    ) throws(JournalError) -> [RunRow] {
        let query = RunQuery(filter, order: order, after: cursor)
        guard !query.isEmpty, limit > 0 else { return [] }
        guard !query.statuses.isEmpty else {
            return try rows(query.sql, { try query.bind(to: $0, status: nil, limit: limit) }) { try $0.runRow() }
        }
        guard query.statuses.count > 1 else {
            return try rows(query.sql, { try query.bind(to: $0, status: query.statuses[0], limit: limit) }) {
                try $0.runRow()
            }
        }
        // In one read transaction: a run that changes its status meanwhile is found once.
        return try transaction { () throws(JournalError) in try merged(query, order: order, limit: limit) }
    }

    private func merged(_ query: RunQuery, order: RunOrder, limit: Int) throws(JournalError) -> [RunRow] {
        var found: [RunRow] = []
        for status in query.statuses {
            found += try rows(query.sql, { try query.bind(to: $0, status: status, limit: limit) }) { try $0.runRow() }
        }
        found.sort { left, right in
            order == .oldestFirst
                ? RunCursor(left) < RunCursor(right) : RunCursor(right) < RunCursor(left)
        }
        return Array(found.prefix(limit))
    }

    public func activeRuns() throws(JournalError) -> [RunRow] {
        let sql = """
            SELECT \(RunQuery.columns) FROM runs INDEXED BY runs_active WHERE active = 1 ORDER BY created_at, run
            """
        return try rows(sql) { try $0.runRow() }
    }

    public func dueRuns(through time: Int64, limit: Int) throws(JournalError) -> [RunRow] {
        let sql = """
            SELECT \(RunQuery.columns) FROM runs INDEXED BY runs_due WHERE due <= ?1 ORDER BY due, run LIMIT ?2
            """
        return try rows(
            sql,
            { statement in
                try statement.bind(time, at: 1)
                try statement.bind(Int64(limit), at: 2)
            }
        ) { try $0.runRow() }
    }

    public func nextDue() throws(JournalError) -> Int64? {
        try rows("SELECT due FROM runs INDEXED BY runs_due WHERE due IS NOT NULL ORDER BY due LIMIT 1") {
            $0.int64(at: 0)
        }.first
    }
}
