internal import CStoreSeals
internal import Journal
internal import SQLite

/// Whether a database is a store that this version can use, and where it ends.
struct StoreCheck {
    let database: Database
    let path: String

    /// What a file is.
    enum Finding {
        /// A new file, or one whose maker was killed before its tables were there.
        case empty
        case store(version: Int64)
    }

    /// Looks at a file and changes nothing.
    func find() throws -> Finding {
        try damage {
            let application = Int64(try database.pragma("application_id") ?? "0") ?? 0
            let version = Int64(try database.pragma("user_version") ?? "0") ?? 0
            if application == 0, version == 0, try isEmpty() { return .empty }
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
            return .store(version: version)
        }
    }

    /// Of a file that is a store.
    func version() throws(SQLiteError) -> Int64 { Int64(try database.pragma("user_version") ?? "0") ?? 0 }

    /// Makes the tables in an empty file.
    func create() throws {
        try damage {
            try database.reserveSeals()
            try database.pragma("page_size = 4096")
            try useLog()
            try database.transaction { try StoreSchema.create(in: database) }
        }
    }

    func useLog() throws {
        let mode = try database.pragma("journal_mode = WAL") ?? "none"
        guard mode == "wal" else {
            throw failure(.notWritable, "the file system does not allow a write-ahead log (journal mode \(mode))")
        }
    }

    /// Looks at the end of the store, where a file that was cut or overwritten shows it first: the last event must be
    /// found by its run and number as well, be the last one of its run's row, have its checksum and follow the one before
    /// it. A few pages, whatever the size: what is wrong further back is found when it is read, and keeps the other runs
    /// from nothing.
    ///
    /// - Returns: where the store ends.
    func verifyTail(version: Int64) throws -> StoreMark.Point {
        try damage {
            let tail = try database.prepare(
                """
                SELECT e.offset, (SELECT offset FROM events WHERE run = e.run AND seq = e.seq),
                    (SELECT last_seq FROM runs WHERE run = e.run), e.seq
                FROM events AS e ORDER BY e.offset DESC LIMIT 1
                """)
            let eventless = try eventless(version: version)
            guard try tail.step() else { return StoreMark.Point(eventless: eventless) }
            let offset = tail.int64(at: 0)
            guard offset > 0, tail.int64(at: 1) == offset, tail.int64(at: 2) == tail.int64(at: 3) else {
                throw failure(
                    .corrupt,
                    "the store is damaged: the last event (offset \(offset)) does not fit its run\(integrityHint())")
            }
            tail.reset()
            guard version >= StoreSchema.firstSealed else { return StoreMark.Point(offset: UInt64(offset)) }
            var end = try verifyLast(UInt64(offset))
            end.eventless = eventless
            return end
        }
    }

    private func verifyLast(_ offset: UInt64) throws -> StoreMark.Point {
        let row = try database.prepare("SELECT \(Statement.eventColumns), chain FROM events WHERE offset = ?1")
        try row.bind(Int64(offset), at: 1)
        guard try row.step() else { throw failure(.corrupt, "the store is damaged: the last event is missing") }
        let event: EventRow
        do { event = try row.eventRow() } catch { throw failure(.corrupt, "the store is damaged: \(error)") }
        let point = StoreMark.Point(offset: offset, chain: row.uint64(bitPatternAt: 7))
        if let before = try chain(at: offset - 1), store_seal_chain(before, event.sum) != point.chain {
            throw failure(
                .corrupt, "the store is damaged: the event at offset \(offset) does not follow the one before it")
        }
        return point
    }

    /// The chain after an event; 0 of offset 0, nil if there is no such event.
    func chain(at offset: UInt64) throws(SQLiteError) -> UInt64? {
        if offset == 0 { return 0 }
        let row = try database.prepare("SELECT chain FROM events WHERE offset = ?1")
        try row.bind(Int64(clamping: offset), at: 1)
        return try row.step() ? row.uint64(bitPatternAt: 0) : nil
    }

    /// How many commits had no event; 0 of a store whose version does not count them.
    func eventless(version: Int64) throws -> UInt64 {
        guard version >= StoreSchema.firstCounting else { return 0 }
        return try damage {
            let row = try database.prepare("SELECT without_events FROM commits")
            guard try row.step(), row.int64(at: 0) >= 0 else {
                throw failure(.corrupt, "the store is damaged: it does not say how many commits had no event")
            }
            return row.uint64(at: 0)
        }
    }

    /// Makes a sealed store of an older version one of this version: it gets the tables that it has not.
    func extend(from version: Int64) throws {
        try damage { try database.transaction { try StoreSchema.extend(in: database, from: version) } }
    }

    /// Who the store is, and whether a server has it or did not end in an orderly way.
    func identity() throws -> (id: JournalRunID, isInUse: Bool) {
        try damage {
            let row = try database.prepare("SELECT id, in_use FROM store")
            guard try row.step(), let id = row.runID(at: 0) else {
                throw failure(.corrupt, "the store is damaged: it does not say which one it is")
            }
            return (id, row.int64(at: 1) != 0)
        }
    }

    /// Holds the store to what its mark says.
    ///
    /// - Parameters:
    ///   - mark: what is at its place.
    ///   - end: where the store ends.
    func compare(with mark: StoreMark.Found, end: StoreMark.Point) throws {
        try mark.verifyIsUsable()
        let (id, isInUse) = try identity()
        let file = StoreMark.path(ofStore: path)
        guard let content = mark.content else {
            var state: String?
            if case .useless(let what) = mark { state = what }
            // A copy of a store that was ended has none, and needs none.
            guard isInUse || state != nil else { return }
            let why =
                isInUse
                ? "the store was copied while a server had it, or its server was killed, and its" : "the store's"
            throw failure(
                .behindMark,
                "\(why) mark \(file) \(state ?? "is missing"): nobody can tell whether it is whole. It ends at event "
                    + "\(end.offset); `fermata accept \(end.offset)` goes on with that")
        }
        guard content.store == id else {
            throw failure(
                .behindMark,
                "the mark \(file) is another store's: if this one was put in its place on purpose, "
                    + "`fermata accept \(end.offset)` goes on with its \(end.offset) events")
        }
        let floor = content.floor(boot: Boot.id)
        let isThere = floor.offset <= end.offset
        let isSame = try isThere && chain(at: floor.offset) == floor.chain
        guard isSame, floor.eventless <= end.eventless else {
            let what =
                if !isThere {
                    "it ends at event \(end.offset), and was known to reach event \(floor.offset) (\(file))"
                } else if !isSame {
                    "event \(floor.offset) is another one than its mark \(file) says"
                } else {
                    "its commits without events (of tokens, agents, tools, files, replies) are \(end.eventless), and were known "
                        + "to be \(floor.eventless) (\(file))"
                }
            throw failure(
                .behindMark,
                "the store has lost something: \(what). Its write-ahead log was lost or damaged, or it is an older copy. "
                    + "Put back the whole store, or `fermata accept \(end.offset)` goes on without what is missing")
        }
    }

    private func isEmpty() throws -> Bool {
        let tables = try database.prepare("SELECT count(*) FROM sqlite_schema")
        return try tables.step() && tables.int64(at: 0) == 0
    }

    /// Says SQLite's errors about a damaged file as such.
    private func damage<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as SQLiteError where error.code == .corrupt || error.code == .error {
            // `error`: a table is missing or another one than it should be.
            throw JournalError(
                code: .corrupt, path: path, message: "the store is damaged: \(error)\(integrityHint())",
                libraryCode: error.extendedCode)
        }
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
