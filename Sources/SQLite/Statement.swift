internal import CSQLite

/// A prepared statement: bind its values, step through its rows, reset it, use it again.
///
/// Threads: those of its database. Ownership: keeps its database open; finalizes itself. Values are copied when they
/// are bound and stay bound over a reset. See <https://sqlite.org/c3ref/stmt.html>.
public final class Statement {
    public let sql: String

    let database: Database
    var handle: OpaquePointer?

    init(database: Database, handle connection: OpaquePointer, sql: String) throws(SQLiteError) {
        self.sql = sql
        self.database = database
        var handle: OpaquePointer?
        // Kept for long, as a rule: SQLite then allocates it outside its small fast pool.
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        var text = sql
        var rest = 0
        let result = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { bytes in
                var tail: UnsafePointer<CChar>?
                let result = sqlite3_prepare_v3(
                    connection, bytes.baseAddress, Int32(bytes.count), flags, &handle, &tail)
                if let tail, let start = bytes.baseAddress {
                    rest = bytes[(tail - start)...].count { $0 > 0x20 && $0 != 0x3B }
                }
                return result
            }
        }
        guard result == SQLITE_OK else { throw SQLiteError(connection: connection, result: result, sql: sql) }
        guard let handle, rest == 0 else {
            sqlite3_finalize(handle)
            throw .misuse("exactly one statement is expected", sql: sql)
        }
        self.handle = handle
    }

    deinit {
        database.forget(self)
        finalize()
    }

    func finalize() {
        // Its result is that of the last step, which was reported then.
        sqlite3_finalize(handle)
        handle = nil
    }

    /// Goes to the next row; false at the end. After the end, and after an error, the statement is reset.
    public func step() throws(SQLiteError) -> Bool {
        let handle = try open()
        let result = sqlite3_step(handle)
        if result == SQLITE_ROW { return true }
        if result == SQLITE_DONE {
            sqlite3_reset(handle)
            return false
        }
        let error = SQLiteError(connection: database.handle, result: result, sql: sql)
        sqlite3_reset(handle)
        throw error
    }

    /// Steps to the end and takes no rows.
    public func run() throws(SQLiteError) {
        while try step() {}
    }

    /// Ends a read before its last row; the read transaction that came with it ends, too.
    public func reset() {
        // Its result is that of the last step, which was reported then.
        sqlite3_reset(handle)
    }

    /// Forgets all values: each is NULL from now on.
    public func clearBindings() {
        sqlite3_clear_bindings(handle)
    }

    func open() throws(SQLiteError) -> OpaquePointer {
        guard let handle else { throw .misuse("the database is closed", sql: sql) }
        return handle
    }
}

@available(*, unavailable)
extension Statement: Sendable {}
