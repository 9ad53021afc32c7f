internal import Journal
internal import SQLite

/// A filter as SQL that reads one index in the order of the list.
///
/// The index is named in the SQL, so that a query never falls back on a scan of the table unnoticed: SQLite refuses
/// what it cannot do with that index. Parents and active runs come first, because there are few under each; what else
/// is asked of them is checked row by row. Agents and statuses have an index range for each status.
struct RunQuery {
    static let columns =
        "run, summary, status, active, due, parent, agent, created_at, updated_at, last_seq"

    /// The index ranges that the statement is to be run on, to be merged by the caller.
    enum Ranges {
        case one
        /// One for each status.
        case statuses([Int32])
        /// One for each status that runs of the agent have.
        case allStatuses(agent: String)
    }

    let sql: String
    let ranges: Ranges
    private let filter: RunFilter
    /// Exclusive bounds, as the cursor and the filter's times give them together.
    private let lower: RunCursor
    private let upper: RunCursor

    init(_ filter: RunFilter, order: RunOrder, after cursor: RunCursor?) {
        var conditions: [String] = []
        if let active = filter.active { conditions.append("active = \(active ? 1 : 0)") }
        if filter.agent != nil { conditions.append("agent = ?7") }
        if filter.parent != nil { conditions.append("parent = ?8") }
        let statuses = filter.statuses?.sorted()
        let index: String
        if filter.parent != nil || filter.active == true {
            index = filter.parent != nil ? "runs_parent" : "runs_active"
            ranges = .one
            if let statuses {
                conditions.append("status IN (\(statuses.map(String.init).joined(separator: ",")))")
            }
        } else if let agent = filter.agent {
            index = "runs_agent"
            ranges = statuses.map { .statuses($0) } ?? .allStatuses(agent: agent)
            conditions.append("status = ?6")
        } else if let statuses {
            index = "runs_status"
            ranges = .statuses(statuses)
            conditions.append("status = ?6")
        } else {
            index = "runs_created"
            ranges = .one
        }
        conditions.append("(created_at, run) > (?1, ?2) AND (created_at, run) < (?3, ?4)")
        let direction = order == .oldestFirst ? "" : " DESC"
        sql = """
            SELECT \(RunQuery.columns) FROM runs INDEXED BY \(index) WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY created_at\(direction), run\(direction) LIMIT ?5
            """
        self.filter = filter

        var lower = RunCursor(createdAt: .min, run: .least)
        var upper = RunCursor(createdAt: .max, run: .greatest)
        if let time = filter.createdAfter { lower = RunCursor(createdAt: time, run: .greatest) }
        if let time = filter.createdBefore { upper = RunCursor(createdAt: time, run: .least) }
        if let cursor {
            switch order {
            case .oldestFirst: lower = max(lower, cursor)
            case .newestFirst: upper = min(upper, cursor)
            }
        }
        self.lower = lower
        self.upper = upper
    }

    func bind(to statement: Statement, status: Int32?, limit: Int) throws(SQLiteError) {
        try statement.bind(lower.createdAt, at: 1)
        try statement.bind(lower.run, at: 2)
        try statement.bind(upper.createdAt, at: 3)
        try statement.bind(upper.run, at: 4)
        try statement.bind(Int64(max(0, limit)), at: 5)
        if let status { try statement.bind(Int64(status), at: 6) }
        if let agent = filter.agent { try statement.bind(agent, at: 7) }
        if let parent = filter.parent { try statement.bind(parent, at: 8) }
    }
}
