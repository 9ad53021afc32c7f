public import Journal
internal import SQLite

extension SQLiteJournalReader {
    public func run(_ id: JournalRunID) throws(JournalError) -> RunRow? {
        try rows("SELECT \(RunQuery.columns) FROM runs WHERE run = ?1", { try $0.bind(id, at: 1) }) {
            try $0.runRow()
        }.first
    }

    public func runs(
        from first: JournalRunID, through last: JournalRunID, limit: Int
    ) throws(JournalError) -> [RunRow] {
        let sql = "SELECT \(RunQuery.columns) FROM runs WHERE run >= ?1 AND run <= ?2 ORDER BY run LIMIT ?3"
        return try rows(
            sql,
            { statement in
                try statement.bind(first, at: 1)
                try statement.bind(last, at: 2)
                try statement.bind(Int64(max(0, limit)), at: 3)
            }
        ) { try $0.runRow() }
    }

    public func runs(
        _ filter: RunFilter, order: RunOrder, after cursor: RunCursor?, limit: Int
    ) throws(JournalError) -> [RunRow] {
        guard limit > 0 else { return [] }
        let query = RunQuery(filter, order: order, after: cursor)
        // In one read transaction: a run that changes its status meanwhile is found once.
        return try transaction { () throws(JournalError) in
            switch query.ranges {
            case .one: return try rows(of: query, status: nil, limit: limit)
            case .statuses(let statuses): return try merged(query, statuses, order: order, limit: limit)
            case .allStatuses(let agent):
                return try merged(query, try statuses(of: agent), order: order, limit: limit)
            }
        }
    }

    private func rows(of query: RunQuery, status: Int32?, limit: Int) throws(JournalError) -> [RunRow] {
        try rows(query.sql, { try query.bind(to: $0, status: status, limit: limit) }) { try $0.runRow() }
    }

    private func merged(
        _ query: RunQuery, _ statuses: [Int32], order: RunOrder, limit: Int
    ) throws(JournalError) -> [RunRow] {
        var found: [RunRow] = []
        for status in statuses { found += try rows(of: query, status: status, limit: limit) }
        guard statuses.count > 1 else { return found }
        found.sort { left, right in
            order == .oldestFirst ? RunCursor(left) < RunCursor(right) : RunCursor(right) < RunCursor(left)
        }
        return Array(found.prefix(limit))
    }

    /// The statuses that an agent's runs have: a jump through the index for each.
    private func statuses(of agent: String) throws(JournalError) -> [Int32] {
        var statuses: [Int32] = []
        while true {
            let sql = """
                SELECT status FROM runs INDEXED BY runs_agent WHERE agent = ?1 AND status > ?2 ORDER BY status LIMIT 1
                """
            let next = try rows(
                sql,
                { statement in
                    try statement.bind(agent, at: 1)
                    try statement.bind(statuses.last.map { Int64($0) } ?? .min, at: 2)
                }
            ) { $0.int32(at: 0) }
            guard let next = next.first else { return statuses }
            // A number beyond a status's range would be found again and again.
            guard statuses.last.map({ $0 < next }) ?? true else {
                throw damaged("a run of agent \(agent) has no status")
            }
            statuses.append(next)
        }
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
                try statement.bind(Int64(max(0, limit)), at: 2)
            }
        ) { try $0.runRow() }
    }

    public func nextDue() throws(JournalError) -> Int64? {
        try rows("SELECT due FROM runs INDEXED BY runs_due WHERE due IS NOT NULL ORDER BY due LIMIT 1") {
            $0.int64(at: 0)
        }.first
    }
}
