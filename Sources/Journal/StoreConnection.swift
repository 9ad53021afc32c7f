internal import SQLite

/// What every connection to a store is set to.
enum StoreConnection {
    /// Milliseconds. Readers and the writer of a store do not wait for each other; only a foreign program, or another
    /// connection that recovers the log, makes them wait.
    static let busyTimeout: Int32 = 5000
    /// The log is cut to this size when it begins anew. Writing over an old log costs less than making it longer.
    static let logSizeLimit = 64 << 20

    static func writer(path: String, options: JournalOptions) throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readWrite, busyTimeout: busyTimeout)
        try database.harden()
        try database.pragma("synchronous = \(options.durability == .full ? "FULL" : "NORMAL")")
        try database.pragma("foreign_keys = OFF")
        try database.pragma("cache_size = -4096")
        try database.pragma("journal_size_limit = \(logSizeLimit)")
        // Checkpoints are the checkpointer's: the hook that counts the log's pages takes the automatic ones' place.
        try database.pragma("wal_autocheckpoint = 0")
        try database.observeLog()
        if let limit = options.pageLimit { try database.pragma("max_page_count = \(limit)") }
        return database
    }

    static func reader(path: String) throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readOnly, busyTimeout: busyTimeout)
        try database.harden()
        try database.pragma("cache_size = -1024")
        return database
    }

    static func checkpointer(path: String, options: JournalOptions) throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readWrite, busyTimeout: busyTimeout)
        try database.harden()
        // Of the log and the file, before and after pages are moved.
        try database.pragma("synchronous = \(options.durability == .full ? "FULL" : "NORMAL")")
        try database.pragma("wal_autocheckpoint = 0")
        try database.pragma("cache_size = -256")
        return database
    }
}
