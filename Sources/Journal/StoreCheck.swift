internal import SQLite

/// Whether a database is a store that this version can use.
struct StoreCheck {
    let database: Database
    let path: String

    /// Makes the tables in an empty file, and adds those that a store of an older version has not.
    func openOrCreate() throws {
        do {
            let application = Int64(try database.pragma("application_id") ?? "0") ?? 0
            let version = Int64(try database.pragma("user_version") ?? "0") ?? 0
            if application == 0, version == 0, try isEmpty() {
                try create()
                return
            }
            guard application == StoreSchema.applicationID else {
                throw failure(.notAStore, "not a Fermata store: an SQLite database of another program")
            }
            guard version <= StoreSchema.version else {
                throw failure(
                    .newerSchema,
                    "the store was made by a newer Fermata: its schema is \(version), this one reads up to "
                        + "\(StoreSchema.version)")
            }
            // The number is written with the tables, or not at all.
            guard version >= 1 else {
                throw failure(.corrupt, "the store is damaged: its schema is \(version)\(integrityHint())")
            }
            try checkTail()
            try useLog()
            if version < StoreSchema.version { try StoreSchema.upgrade(database, from: version) }
        } catch let error as SQLiteError where error.code == .corrupt || error.code == .error {
            // `error`: a table is missing or another one than it should be.
            throw JournalError(
                code: .corrupt, path: path, message: "the store is damaged: \(error)\(integrityHint())",
                sqliteCode: error.extendedCode)
        }
    }

    /// A new file, or one whose maker was killed before its tables were there.
    private func isEmpty() throws -> Bool {
        let tables = try database.prepare("SELECT count(*) FROM sqlite_schema")
        return try tables.step() && tables.int64(at: 0) == 0
    }

    private func create() throws {
        try database.pragma("page_size = 4096")
        try useLog()
        try StoreSchema.upgrade(database, from: 0)
    }

    private func useLog() throws {
        let mode = try database.pragma("journal_mode = WAL") ?? "none"
        guard mode == "wal" else {
            throw failure(.notWritable, "the file system does not allow a write-ahead log (journal mode \(mode))")
        }
    }

    /// Looks at the end of the store, where a file that was cut or overwritten shows it first: the last event must be
    /// found by its run and number as well, and be the last one of its run's row. A few pages, whatever the size.
    private func checkTail() throws {
        let tail = try database.prepare(
            """
            SELECT e.offset, (SELECT offset FROM events WHERE run = e.run AND seq = e.seq),
                (SELECT last_seq FROM runs WHERE run = e.run), e.seq
            FROM events AS e ORDER BY e.offset DESC LIMIT 1
            """)
        guard try tail.step() else { return }
        let offset = tail.int64(at: 0)
        guard tail.int64(at: 1) == offset, tail.int64(at: 2) == tail.int64(at: 3) else {
            throw failure(
                .corrupt,
                "the store is damaged: the last event (offset \(offset)) does not fit its run\(integrityHint())")
        }
        tail.reset()
    }

    /// What SQLite's own check says first.
    private func integrityHint() -> String {
        guard let line = try? database.pragma("quick_check(1)"), line != "ok" else { return "" }
        return "; SQLite's check says: " + line.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private func failure(_ code: JournalError.Code, _ message: String) -> JournalError {
        JournalError(code: code, path: path, message: message)
    }
}
