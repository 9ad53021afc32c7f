internal import CSQLite

/// What a checkpoint found and did. See <https://sqlite.org/c3ref/wal_checkpoint_v2.html>.
public struct WALCheckpoint: Sendable, Hashable {
    /// Pages in the write-ahead log.
    public var walPages: Int
    /// How many of these are in the database file by now.
    public var movedPages: Int

    public init(walPages: Int, movedPages: Int) {
        self.walPages = walPages
        self.movedPages = movedPages
    }

    /// Whether the next writer begins the WAL anew (unless a reader still reads from it).
    public var isComplete: Bool { walPages == movedPages }
}

extension Database {
    /// Moves what can be moved without waiting for anyone from the write-ahead log into the database file, and syncs
    /// both. Neither readers nor a writer on other connections are held up.
    ///
    /// - Throws: `busy` if another connection is at it already.
    public func passiveCheckpoint() throws(SQLiteError) -> WALCheckpoint {
        if let checkpoint = try checkpointOnce() { return checkpoint }
        // A connection that has read nothing yet does not know of the log.
        try execute("SELECT count(*) FROM sqlite_schema")
        return try checkpointOnce() ?? WALCheckpoint(walPages: 0, movedPages: 0)
    }

    /// Moves all of the write-ahead log into the database file, syncs both and cuts the WAL to nothing. It waits for
    /// others as long as the connection's busy time-out says, and holds up writers meanwhile.
    ///
    /// - Throws: `busy` if another connection still reads from the WAL, or is at it.
    public func truncatingCheckpoint() throws(SQLiteError) {
        // A connection that has read nothing yet does not know of the log.
        try execute("SELECT count(*) FROM sqlite_schema")
        let handle = try open()
        let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        guard result == SQLITE_OK else { throw SQLiteError(connection: handle, result: result) }
        walPages?.pointee = 0
    }

    /// nil if, as far as the connection knows, there is no log.
    private func checkpointOnce() throws(SQLiteError) -> WALCheckpoint? {
        let handle = try open()
        var pages: Int32 = 0
        var moved: Int32 = 0
        let result = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved)
        guard result == SQLITE_OK else { throw SQLiteError(connection: handle, result: result) }
        return pages < 0 ? nil : WALCheckpoint(walPages: Int(pages), movedPages: Int(moved))
    }

    /// Counts the WAL's pages from now on; SQLite's automatic checkpoints of this connection end with that, because
    /// they use the same hook. See <https://sqlite.org/c3ref/wal_hook.html>.
    public func observeLog() throws(SQLiteError) {
        let handle = try open()
        guard walPages == nil else { return }
        let pages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        pages.initialize(to: 0)
        walPages = pages
        // The context outlives the connection (`close`), and the hook runs on the thread that commits.
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                context?.assumingMemoryBound(to: Int32.self).pointee = pages
                return SQLITE_OK
            }, pages)
    }

    /// Pages in the write-ahead log after this connection's last commit; 0 before that, and without
    /// ``observeLog()``.
    public var observedWALPages: Int { walPages.map { Int($0.pointee) } ?? 0 }
}
