/// Statements of one database by their SQL, prepared at their first use: for SQL that is put together.
///
/// Threads: those of its database. Ownership: keeps its statements, and with them the database, open. A statement
/// that is got a second time while its rows are still read is the same one.
public final class StatementCache {
    private let database: Database
    private let capacity: Int
    private var statements: [String: Statement] = [:]

    /// - Parameter capacity: when so many are kept, all are dropped and it begins anew.
    public init(_ database: Database, capacity: Int = 64) {
        self.database = database
        self.capacity = capacity
    }

    /// The statement, reset.
    public func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let statement = statements[sql] {
            statement.reset()
            return statement
        }
        if statements.count >= capacity { statements.removeAll(keepingCapacity: true) }
        let statement = try database.prepare(sql)
        statements[sql] = statement
        return statement
    }

    public func removeAll() {
        statements = [:]
    }
}

@available(*, unavailable)
extension StatementCache: Sendable {}
