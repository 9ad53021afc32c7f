internal import Journal
internal import SQLite

/// What every connection to a store is set to.
///
/// Pages of 4,096 bytes: the same commits (see `StoreSchema`), synced, took 0.15 ms at the median with these, 0.14 ms
/// with 1,024, 0.20 ms with 8,192 and 0.19 ms with 16,384 bytes. `fdatasync` of as many bytes written over an existing
/// file took 0.11 to 0.13 ms, at the end of a growing file 0.22 to 0.28 ms, all on ext4 and one disk: hence a WAL that
/// is not cut at every turn. Medians of variants that write the same pages differed by 0.03 ms.
///
/// No memory mapping: with a million events it made reading runs, and all events, no faster beyond the noise (32 to
/// 40 µs a run of ten events both ways), and it would turn a disk's error into a signal.
enum StoreConnection {
    /// Milliseconds. Readers and the writer of a store do not wait for each other; only a foreign program, or another
    /// connection that recovers the WAL, makes them wait.
    static let busyTimeout: Int32 = 1000
    /// The WAL is cut to this size when it begins anew. Writing over an old WAL costs less than making it longer.
    static let walSizeLimit = 64 << 20

    static func writer(path: String, options: JournalOptions) throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readWrite, busyTimeout: busyTimeout, pages: .sealed)
        try database.harden()
        // A start that is refused leaves all as it was, the WAL above all; an orderly end moves it by itself.
        try database.setCheckpointsOnClose(false)
        try database.pragma("synchronous = \(options.durability == .full ? "FULL" : "NORMAL")")
        try database.pragma("foreign_keys = OFF")
        try database.pragma("cache_size = -4096")
        try database.pragma("journal_size_limit = \(walSizeLimit)")
        // Checkpoints are the checkpointer's: the hook that counts the WAL's pages takes the automatic ones' place.
        try database.pragma("wal_autocheckpoint = 0")
        try database.observeLog()
        if let limit = options.pageLimit { try database.pragma("max_page_count = \(limit)") }
        return database
    }

    static func reader(path: String) throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readOnly, busyTimeout: busyTimeout, pages: .sealed)
        try database.harden()
        try database.pragma("cache_size = -1024")
        return database
    }

    static func checkpointer(path: String, options: JournalOptions) throws(SQLiteError) -> Database {
        let database = try Database(path: path, access: .readWrite, busyTimeout: busyTimeout, pages: .sealed)
        try database.harden()
        try database.setCheckpointsOnClose(false)
        // Of the WAL and the file, before and after pages are moved.
        try database.pragma("synchronous = \(options.durability == .full ? "FULL" : "NORMAL")")
        try database.pragma("wal_autocheckpoint = 0")
        try database.pragma("cache_size = -256")
        return database
    }
}
