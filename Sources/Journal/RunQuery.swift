internal import SQLite

/// A filter as SQL that reads one index in the order of the list.
///
/// The index is named in the SQL, so that a query never falls back on a scan of the table unnoticed: SQLite refuses
/// what it cannot do with that index. Of several conditions the narrowest has the index, in this order: parent, agent,
/// statuses, active. The rest is checked row by row on the way, which is slow only for conditions that hardly ever
/// hold together.
struct RunQuery {
    static let columns =
        "run, summary, status, active, due, parent, agent, created_at, updated_at, last_seq"

    /// One statement for each index range: statuses have one each, merged by the caller.
    let sql: String
    /// Bound to `?6` one after the other; empty if the statement has no such place.
    let statuses: [Int32]
    private let filter: RunFilter
    /// Exclusive bounds, as the cursor and the filter's times give them together.
    private let lower: RunCursor
    private let upper: RunCursor

    init(_ filter: RunFilter, order: RunOrder, after cursor: RunCursor?) {
        var index = "runs_created"
        var conditions: [String] = []
        var oneByOne: [Int32] = []
        if let statuses = filter.statuses {
            if filter.parent == nil, filter.agent == nil {
                index = "runs_status"
                conditions.append("status = ?6")
                oneByOne = statuses.sorted()
            } else {
                conditions.append("status IN (\(statuses.sorted().map(String.init).joined(separator: ",")))")
            }
        } else if filter.active == true, filter.parent == nil, filter.agent == nil {
            index = "runs_active"
        }
        if let active = filter.active { conditions.append("active = \(active ? 1 : 0)") }
        if filter.agent != nil {
            index = "runs_agent"
            conditions.append("agent = ?7")
        }
        if filter.parent != nil {
            index = "runs_parent"
            conditions.append("parent = ?8")
        }
        conditions.append("(created_at, run) > (?1, ?2) AND (created_at, run) < (?3, ?4)")
        let direction = order == .oldestFirst ? "" : " DESC"
        sql = """
            SELECT \(RunQuery.columns) FROM runs INDEXED BY \(index) WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY created_at\(direction), run\(direction) LIMIT ?5
            """
        statuses = oneByOne
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

    /// Whether no row can fit.
    var isEmpty: Bool { filter.statuses?.isEmpty == true }

    func bind(to statement: Statement, status: Int32?, limit: Int) throws(SQLiteError) {
        try statement.bind(lower.createdAt, at: 1)
        try statement.bind(lower.run, at: 2)
        try statement.bind(upper.createdAt, at: 3)
        try statement.bind(upper.run, at: 4)
        try statement.bind(Int64(limit), at: 5)
        if let status { try statement.bind(Int64(status), at: 6) }
        if let agent = filter.agent { try statement.bind(agent, at: 7) }
        if let parent = filter.parent { try statement.bind(parent, at: 8) }
    }
}
