internal import CSQLite
internal import CStoreSeals
internal import Glibc

/// A connection to an SQLite database.
///
/// Threads: used by one thread at a time; it may be sent to another one, never shared. Opened without SQLite's own
/// mutexes. Only ``interrupter`` is for other threads.
///
/// Ownership: closes itself when it and its statements are released, or at ``close()``.
///
/// Errors: ``SQLiteError``; a connection that was closed answers `misuse`.
/// See <https://sqlite.org/c3ref/open.html>.
public final class Database {
    /// How a database is opened.
    public struct Access: Sendable, Hashable {
        let flags: Int32

        /// The file must exist; nothing is written.
        public static let readOnly = Access(flags: SQLITE_OPEN_READONLY)
        /// The file must exist, and nobody else may use it: what it has without its write-ahead log, of which nothing is
        /// read and nothing made. <https://sqlite.org/uri.html#uriimmutable>
        public static let readOnlyWithoutLog = Access(flags: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI)
        /// The file must exist.
        public static let readWrite = Access(flags: SQLITE_OPEN_READWRITE)
        /// The file is made if it is missing, with the process's umask.
        public static let create = Access(flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
    }

    /// What is known of a database's pages.
    public enum Pages: Sendable, Hashable {
        /// They are as SQLite writes them.
        case plain
        /// They are read and written through the VFS of CStoreSeals. A file that is empty when it is opened has sealed
        /// pages of 4,096 bytes from its first one on; call ``reserveSeals()`` before anything is written. In a sealed
        /// file, and in every write-ahead log, a page that does not have its checksum is an error with the code
        /// ``SQLiteError/damagedPage``. A file that was made without seals is read and written as it is.
        case sealed
    }

    private static let seals: Int32 = store_seals_register()

    /// As given to the initializer.
    public let path: String
    /// Stops statements of this connection from any thread.
    public let interrupter: Interrupter

    var handle: OpaquePointer?
    /// Statements that are not finalized yet; each takes itself out in its `deinit`.
    private var statements: [ObjectIdentifier: Unmanaged<Statement>] = [:]
    /// BEGIN, COMMIT and ROLLBACK as bare handles: a `Statement` would keep its database, and so itself, alive.
    private var transactionHandles: [OpaquePointer?] = Array(repeating: nil, count: TransactionVerb.allCases.count)
    /// Pages in the write-ahead log; SQLite's hook writes here. Allocated when first observed, freed after the close.
    var walPages: UnsafeMutablePointer<Int32>?

    /// Opens a connection.
    ///
    /// - Parameters:
    ///   - path: a file, or `:memory:`. Not read as a URI.
    ///   - busyTimeout: milliseconds for which a statement waits, blocking its thread, while others hold a lock.
    ///   - pages: whether damage is to be found when it is read.
    public init(
        path: String, access: Access = .create, busyTimeout: Int32 = 0, pages: Pages = .plain
    ) throws(SQLiteError) {
        self.path = path
        var handle: OpaquePointer?
        let flags = access.flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        var result = pages == .sealed ? Database.seals : SQLITE_OK
        guard result == SQLITE_OK else { throw SQLiteError(connection: nil, result: result) }
        let name = access == .readOnlyWithoutLog ? Database.immutableURI(of: path) : path
        result = sqlite3_open_v2(name, &handle, flags, pages == .sealed ? STORE_SEALS_VFS : nil)
        guard result == SQLITE_OK, let handle else {
            let error = SQLiteError(connection: handle, result: result)
            sqlite3_close_v2(handle)
            throw error
        }
        self.handle = handle
        interrupter = Interrupter(handle)
        sqlite3_busy_timeout(handle, busyTimeout)
    }

    private static func immutableURI(of path: String) -> String {
        let escaped = path.utf8.map { byte in
            let isPlain =
                byte == 47 || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "file:" + escaped.joined() + "?immutable=1"
    }

    deinit {
        close()
    }

    public var isOpen: Bool { handle != nil }

    /// Finalizes all statements, which are unusable from then on, and closes. A transaction that is open is rolled
    /// back. Does nothing the second time.
    public func close() {
        guard let handle else { return }
        self.handle = nil
        interrupter.invalidate()
        for statement in statements.values { statement.takeUnretainedValue().finalize() }
        statements = [:]
        for statement in transactionHandles { sqlite3_finalize(statement) }
        transactionHandles = []
        // With every statement finalized this cannot be refused, and the handle is gone in any case.
        sqlite3_close_v2(handle)
        walPages?.deallocate()
        walPages = nil
    }

    /// Runs one or several statements that give no rows and take no values.
    public func execute(_ sql: String) throws(SQLiteError) {
        let handle = try open()
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw SQLiteError(connection: handle, result: result, sql: sql) }
    }

    /// Prepares one statement. Prepare once, run often: the caller keeps it.
    public func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        let statement = try Statement(database: self, handle: try open(), sql: sql)
        statements[ObjectIdentifier(statement)] = .passUnretained(statement)
        return statement
    }

    /// Runs `PRAGMA <text>` and gives the first column of its first row as text, nil without a row.
    @discardableResult
    public func pragma(_ text: String) throws(SQLiteError) -> String? {
        let statement = try prepare("PRAGMA \(text)")
        guard try statement.step() else { return nil }
        return statement.text(at: 0)
    }

    /// Milliseconds for which a statement waits, blocking its thread, while others hold a lock.
    public func setBusyTimeout(_ milliseconds: Int32) {
        if let handle { sqlite3_busy_timeout(handle, milliseconds) }
    }

    /// Rows inserted, updated or deleted by the statement that ended last.
    public var changes: Int64 { handle.map { sqlite3_changes64($0) } ?? 0 }

    /// Whether no transaction is open. SQLite ends one by itself after some errors.
    public var isInAutocommit: Bool { handle.map { sqlite3_get_autocommit($0) != 0 } ?? true }

    /// Distrusts the file: its schema may call no function with side effects, and SQL cannot damage the file's
    /// structure. See <https://sqlite.org/security.html>.
    public func harden() throws(SQLiteError) {
        try configure(SQLITE_DBCONFIG_DEFENSIVE, true)
        try configure(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
    }

    /// Whether closing the last connection moves the write-ahead log into the database (SQLite's default) or leaves
    /// all as it is.
    public func setCheckpointsOnClose(_ isOn: Bool) throws(SQLiteError) {
        try configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !isOn)
    }

    /// Of databases that this connection makes, new or by `VACUUM INTO`, pages have room for their seals.
    /// See <https://sqlite.org/c3ref/c_fcntl_begin_atomic_write.html>.
    public func reserveSeals() throws(SQLiteError) {
        var bytes = STORE_SEALS_RESERVED
        let result = sqlite3_file_control(try open(), "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes)
        guard result == SQLITE_OK else { throw SQLiteError(connection: handle, result: result) }
    }

    private func configure(_ option: Int32, _ isOn: Bool) throws(SQLiteError) {
        let handle = try open()
        let result = csqlite_configure(handle, option, isOn ? 1 : 0)
        guard result == SQLITE_OK else { throw SQLiteError(connection: handle, result: result) }
    }

    func open() throws(SQLiteError) -> OpaquePointer {
        guard let handle else { throw .misuse("the database is closed") }
        return handle
    }

    /// Runs one of the statements about transactions, prepared at its first use.
    func run(_ verb: TransactionVerb) throws(SQLiteError) {
        let handle = try open()
        var statement = transactionHandles[verb.rawValue]
        if statement == nil {
            let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
            let result = sqlite3_prepare_v3(handle, verb.sql, -1, flags, &statement, nil)
            guard result == SQLITE_OK else { throw SQLiteError(connection: handle, result: result, sql: verb.sql) }
            transactionHandles[verb.rawValue] = statement
        }
        // A commit that fails is rolled back within the call, and `sqlite3_system_errno` is 0 after that.
        errno = 0
        let result = sqlite3_step(statement)
        let systemError = errno
        guard result == SQLITE_DONE else {
            let error = SQLiteError(connection: handle, result: result, sql: verb.sql)
            sqlite3_reset(statement)
            throw error.code == .inputOutput && error.systemError == 0 ? error.with(systemError: systemError) : error
        }
        sqlite3_reset(statement)
    }

    func forget(_ statement: Statement) {
        statements[ObjectIdentifier(statement)] = nil
    }
}

@available(*, unavailable)
extension Database: Sendable {}

extension Database {
    /// The version of the library that is linked, as in "3.40.1".
    public static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// Of the headers that this module was compiled with.
    public static var headerVersion: String { SQLITE_VERSION }
}
