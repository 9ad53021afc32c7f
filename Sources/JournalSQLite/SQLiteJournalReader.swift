public import Journal
internal import SQLite

/// Reads a store through a connection of its own.
///
/// Threads: used by one at a time. Ownership: closes itself; keeps the store locked for its process.
public final class SQLiteJournalReader: JournalReading {
    /// Kept for its lock.
    private let journal: SQLiteJournal
    private let database: Database
    private let statements: StatementCache

    init(_ journal: SQLiteJournal) throws(JournalError) {
        self.journal = journal
        database = try reading(journal.path) { () throws(SQLiteError) in
            try StoreConnection.reader(path: journal.path)
        }
        statements = StatementCache(database)
    }

    public var isOpen: Bool { database.isOpen }

    public func close() {
        statements.removeAll()
        database.close()
    }

    /// Reads all rows of a statement.
    func rows<Row>(
        _ sql: String, _ bind: (Statement) throws -> Void = { _ in }, _ row: (Statement) throws -> Row
    ) throws(JournalError) -> [Row] {
        var rows: [Row] = []
        try forEachRow(sql, bind) { statement in
            rows.append(try row(statement))
            return true
        }
        return rows
    }

    /// Steps through a statement while `body` says so; the read transaction ends with the call.
    func forEachRow(
        _ sql: String, _ bind: (Statement) throws -> Void = { _ in }, _ body: (Statement) throws -> Bool
    ) throws(JournalError) {
        do {
            let statement = try statements.statement(sql)
            defer { statement.reset() }
            try bind(statement)
            while try statement.step() {
                guard try body(statement) else { return }
            }
        } catch let error as JournalError {
            throw error
        } catch let error as SQLiteError {
            throw JournalError(error, path: journal.path)
        } catch {
            throw damaged("\(error)")
        }
    }

    /// Several reads of one state of the store.
    func transaction<Result>(_ body: () throws(JournalError) -> Result) throws(JournalError) -> Result {
        try reading(journal.path) { () throws(SQLiteError) in try database.begin(.deferred) }
        defer { database.rollback() }
        return try body()
    }

    func damaged(_ what: String) -> JournalError {
        JournalError(code: .corrupt, path: journal.path, message: "the store is damaged: \(what)")
    }

    public func lastOffset() throws(JournalError) -> UInt64 {
        try rows("SELECT max(offset) FROM events") { $0.uint64(at: 0) }.first ?? 0
    }

    public func lastSeq(of run: JournalRunID) throws(JournalError) -> UInt64 {
        let sql = "SELECT last_seq FROM runs WHERE run = ?1"
        return try rows(sql, { try $0.bind(run, at: 1) }) { $0.uint64(at: 0) }.first ?? 0
    }

    public func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow? {
        try reading(journal.path) { () throws(SQLiteError) in
            try statements.statement(Statement.requestSQL).request(id)
        }
    }

    public func agent(_ name: String) throws(JournalError) -> AgentRow? {
        try reading(journal.path) { () throws(SQLiteError) in
            try statements.statement(Statement.agentSQL).agent(name)
        }
    }

    public func agents(after name: String?, limit: Int) throws(JournalError) -> [AgentRow] {
        let condition = name == nil ? "" : "WHERE name > ?2"
        let sql = "SELECT name, version, at, body FROM agents \(condition) ORDER BY name LIMIT ?1"
        return try rows(
            sql,
            { statement in
                try statement.bind(Int64(max(0, limit)), at: 1)
                if let name { try statement.bind(name, at: 2) }
            }
        ) { $0.agentRow() }
    }

    public func tokens(after id: String?, limit: Int) throws(JournalError) -> [TokenRow] {
        let condition = id == nil ? "" : "WHERE id > ?2"
        let sql = "SELECT \(Statement.tokenColumns) FROM tokens \(condition) ORDER BY id LIMIT ?1"
        return try rows(
            sql,
            { statement in
                try statement.bind(Int64(max(0, limit)), at: 1)
                if let id { try statement.bind(id, at: 2) }
            }
        ) { $0.tokenRow() }
    }

    public func snapshot(of run: JournalRunID) throws(JournalError) -> SnapshotRow? {
        let sql = "SELECT run, seq, format, body FROM snapshots WHERE run = ?1"
        return try rows(sql, { try $0.bind(run, at: 1) }) { try $0.snapshotRow() }.first
    }

    public func openAsks(
        of run: JournalRunID?, after cursor: AskCursor?, limit: Int
    ) throws(JournalError) -> [AskRow] {
        let ofRun = run == nil ? "" : "run = ?5 AND "
        // The asks of one run are few: they are found by their key and sorted.
        let index = run == nil ? "INDEXED BY asks_open" : ""
        let sql = """
            SELECT \(Statement.askColumns) FROM asks \(index) \
            WHERE \(ofRun)open = 1 AND (opened_at, run, number) > (?1, ?2, ?3) \
            ORDER BY opened_at, run, number LIMIT ?4
            """
        return try rows(
            sql,
            { statement in
                try statement.bind(cursor?.openedAt ?? .min, at: 1)
                try statement.bind(cursor?.run ?? .least, at: 2)
                try statement.bind(Int64(cursor?.number ?? 0), at: 3)
                try statement.bind(Int64(max(0, limit)), at: 4)
                if let run { try statement.bind(run, at: 5) }
            }
        ) { try $0.askRow() }
    }

    public func ask(_ number: UInt32, of run: JournalRunID) throws(JournalError) -> AskRow? {
        let sql = "SELECT \(Statement.askColumns) FROM asks WHERE run = ?1 AND number = ?2"
        return try rows(
            sql,
            { statement in
                try statement.bind(run, at: 1)
                try statement.bind(Int64(number), at: 2)
            }
        ) { try $0.askRow() }.first
    }
}

@available(*, unavailable)
extension SQLiteJournalReader: Sendable {}
