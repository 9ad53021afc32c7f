internal import CStoreSeals
internal import Glibc
public import Journal
internal import SQLite

/// A store as it is at one moment, to be looked at from end to end: read-only, in one read transaction, beside a
/// server or without one. It takes no lock that a server would wait for, and changes nothing; while it is open, the
/// server's WAL cannot begin anew and grows.
///
/// Threads: used by one at a time. Ownership: closes itself.
public final class StoreInspection {
    /// Of its file, absolute and without symbolic links.
    public let path: String
    /// Of the store's tables. A store of an older version has no rows of what came later.
    public let schema: Int64
    let database: Database
    /// As it was before the store was looked at: a server that has the store is further by now.
    private let mark: StoreMark.Found
    /// nil as well if a server has the store, whose WAL may begin anew at any time.
    private let alone: StoreAlone?

    /// - Throws: `missingDirectory`, `notAFile`, `notWritable` (also: not readable), `notADatabase`, `notAStore`,
    ///   `newerSchema`, `corrupt`.
    public init(path: String) throws(JournalError) {
        let path = StoreFile.realPath(path) ?? path
        self.path = path
        mark = StoreMark.find(ofStore: path)
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw JournalError(
                code: errno == ENOENT ? .missingDirectory : .notWritable, path: path,
                message: "the store cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw JournalError(code: .notAFile, path: path, message: "the store must be a file, and this is none")
        }
        try StoreFile.refuseOtherKinds(beside: path)
        try StoreFile.refuseIfEmptied(path)
        try StoreFile.refuseIfItsStartIsDamaged(path)
        // Before there is a connection: closing a descriptor of the file would drop its locks.
        alone = StoreGlance.holder(ofStoreAt: path) == nil ? StoreAlone(path: path) : nil
        do {
            database = try Database(
                path: path, access: .readOnly, busyTimeout: StoreConnection.busyTimeout, pages: .sealed)
            try database.harden()
            try database.setCheckpointsOnClose(false)
            try database.pragma("cache_size = -8192")
            try database.begin(.deferred)
            let application = Int64(try database.pragma("application_id") ?? "0") ?? 0
            schema = Int64(try database.pragma("user_version") ?? "0") ?? 0
            guard application == StoreSchema.applicationID else {
                throw JournalError(
                    code: .notAStore, path: path,
                    message: "not a Fermata store: an SQLite database that is empty or of another program")
            }
            guard (1...StoreSchema.version).contains(schema) else {
                let isNewer = schema > StoreSchema.version
                throw JournalError(
                    code: isNewer ? .newerSchema : .corrupt, path: path,
                    message: "the store's schema is \(schema), this Fermata reads 1 to \(StoreSchema.version)")
            }
        } catch let error as JournalError {
            throw error
        } catch let error as SQLiteError {
            throw JournalError(error, path: path)
        } catch {
            throw JournalError(code: .unreadable, path: path, message: "\(error)")
        }
    }

    /// What SQLite's own check says: pages, indexes, and rows that their table would not let in. None if all is well.
    public func integrityProblems(limit: Int) throws(JournalError) -> [String] {
        let lines = try rows("PRAGMA integrity_check(\(max(1, limit)))") { $0.text(at: 0) }
        var found: [String] = []
        while let line = try lines.next() { found += line.split(whereSeparator: \.isNewline).map(String.init) }
        return found == ["ok"] ? [] : found
    }

    /// Offsets of the events in order, each with its checksum and the chain after it; nil of a store whose version has
    /// none.
    public func seals() throws(JournalError) -> RowCursor<(offset: UInt64, seal: EventSeal?)> {
        guard hasSeals else {
            return try rows("SELECT offset FROM events ORDER BY offset") { ($0.uint64(at: 0), nil) }
        }
        return try rows("SELECT offset, sum, chain FROM events ORDER BY offset") {
            ($0.uint64(at: 0), EventSeal(sum: $0.uint64(bitPatternAt: 1), chain: $0.uint64(bitPatternAt: 2)))
        }
    }

    /// By run, then by seq; each with whether it has its checksum, if the store's version has any.
    public func events() throws(JournalError) -> RowCursor<(event: EventRow, hasItsSum: Bool)> {
        guard hasSeals else {
            return try rows("SELECT offset, run, seq, at, kind, body FROM events ORDER BY run, seq") {
                (try $0.unsealedEventRow(), true)
            }
        }
        return try rows("SELECT \(Statement.eventColumns) FROM events ORDER BY run, seq") {
            let event = try $0.unsealedEventRow()
            return (event, $0.uint64(bitPatternAt: 6) == event.sum)
        }
    }

    private var hasSeals: Bool { schema >= StoreSchema.firstSealed }

    /// What is wrong between the store and its mark, in one line; nil: nothing, or the store needs none.
    ///
    /// A server that has the store may have gone on since it was looked at; then the mark is not behind it either.
    public func problemOfMark() throws(JournalError) -> String? {
        if let loss = try loss() { return loss }
        guard hasSeals, alone != nil, StoreGlance.holder(ofStoreAt: path) == nil, StoreMark.find(ofStore: path).isHalf
        else { return nil }
        return "half of the store's mark is damaged: the other half agrees with the store, and may be the older one"
    }

    /// What the store has lost by what its mark says, in one line; nil: nothing.
    public func loss() throws(JournalError) -> String? {
        guard hasSeals else { return nil }
        do {
            let check = StoreCheck(database: database, path: path)
            try check.compare(with: mark, end: check.verifyTail(version: schema))
            // A server that has come meanwhile has looked at it itself.
            guard let alone, StoreGlance.holder(ofStoreAt: path) == nil else { return nil }
            try check.verifyEventless(alone)
            return nil
        } catch let error as JournalError {
            return error.message
        } catch {
            throw damaged("\(error)")
        }
    }

    private func damaged(_ what: String) -> JournalError {
        JournalError(code: .corrupt, path: path, message: "the store is damaged: \(what)")
    }

    /// By id.
    public func runs() throws(JournalError) -> RowCursor<RunRow> {
        try rows("SELECT \(RunQuery.columns) FROM runs ORDER BY run") { try $0.runRow() }
    }

    /// By run, then by number; open or not.
    public func asks() throws(JournalError) -> RowCursor<AskRow> {
        try rows("SELECT \(Statement.askColumns) FROM asks ORDER BY run, number") { try $0.askRow() }
    }

    /// By run.
    public func snapshots() throws(JournalError) -> RowCursor<SnapshotRow> {
        guard schema >= 2 else { return RowCursor(path: path) }
        return try rows("SELECT run, seq, format, body FROM snapshots ORDER BY run") { try $0.snapshotRow() }
    }

    /// In order of arrival, with their numbers, which have no gap.
    public func requests() throws(JournalError) -> RowCursor<(number: Int64, request: RequestRow)> {
        try rows("SELECT number, id, digest, reply, at FROM requests ORDER BY number") { statement in
            guard let id = statement.runID(at: 1) else { throw DamagedRow(table: "requests") }
            return (
                statement.int64(at: 0),
                RequestRow(
                    id: JournalRequestID(high: id.high, low: id.low), digest: statement.blob(at: 2),
                    reply: statement.blob(at: 3), at: statement.int64(at: 4))
            )
        }
    }

    /// By name.
    public func agents() throws(JournalError) -> RowCursor<AgentRow> {
        guard schema >= 2 else { return RowCursor(path: path) }
        return try rows("SELECT name, version, at, body FROM agents ORDER BY name") { $0.agentRow() }
    }

    /// By name.
    public func tools() throws(JournalError) -> RowCursor<ToolRow> {
        guard schema >= 3 else { return RowCursor(path: path) }
        return try rows("SELECT name, at, body FROM tools ORDER BY name") { $0.toolRow() }
    }

    /// By run, then by number.
    public func readyCalls() throws(JournalError) -> RowCursor<ReadyCallRow> {
        guard schema >= 3 else { return RowCursor(path: path) }
        return try rows(
            "SELECT ready_at, run, number, attempt, tool, body FROM ready_calls ORDER BY run, number"
        ) { ReadyCallRow(key: try $0.readyCallKey(), tool: $0.text(at: 4), body: $0.blob(at: 5)) }
    }

    /// By endpoint, then by run, seq and kind; with whether it has a time, and whether it is dead.
    public func outbox() throws(JournalError) -> RowCursor<(message: OutboxRow, isDue: Bool, isDead: Bool)> {
        guard schema >= 3 else { return RowCursor(path: path) }
        let sql = """
            SELECT \(Statement.outboxColumns), next_at IS NOT NULL, dead FROM outbox
            ORDER BY endpoint, run, seq, kind
            """
        return try rows(sql) { (try $0.outboxRow(), $0.int64(at: 7) != 0, $0.int64(at: 8) != 0) }
    }

    /// By digest.
    public func blobs() throws(JournalError) -> RowCursor<BlobRow> {
        guard schema >= StoreSchema.firstWithBlobs else { return RowCursor(path: path) }
        return try rows("SELECT sha256, at, data FROM blobs ORDER BY sha256") {
            BlobRow(sha256: $0.blob(at: 0), at: $0.int64(at: 1), data: $0.blob(at: 2))
        }
    }

    /// By run, then by seq and digest; with whether the blob is there.
    public func blobUses() throws(JournalError) -> RowCursor<(use: BlobUse, isThere: Bool)> {
        guard schema >= StoreSchema.firstWithBlobs else { return RowCursor(path: path) }
        let sql = """
            SELECT run, seq, sha256, EXISTS(SELECT 1 FROM blobs WHERE blobs.sha256 = blob_uses.sha256)
            FROM blob_uses ORDER BY run, seq, sha256
            """
        return try rows(sql) { (try $0.blobUse(), $0.int64(at: 3) != 0) }
    }

    /// By id.
    public func tokens() throws(JournalError) -> RowCursor<TokenRow> {
        guard schema >= 3 else { return RowCursor(path: path) }
        return try rows("SELECT \(Statement.tokenColumns) FROM tokens ORDER BY id") { $0.tokenRow() }
    }

    private func rows<Row>(
        _ sql: String, _ decode: @escaping (Statement) throws -> Row
    ) throws(JournalError) -> RowCursor<Row> {
        let statement = try reading(path) { () throws(SQLiteError) in try database.prepare(sql) }
        return RowCursor(path: path, statement: statement, decode: decode)
    }
}

@available(*, unavailable)
extension StoreInspection: Sendable {}

/// Rows one after the other, as they are asked for: none is kept.
///
/// Threads: those of its inspection. Ownership: keeps the store open.
public final class RowCursor<Row> {
    private let path: String
    private var statement: Statement?
    private let decode: (Statement) throws -> Row

    init(path: String, statement: Statement, decode: @escaping (Statement) throws -> Row) {
        self.path = path
        self.statement = statement
        self.decode = decode
    }

    /// One without rows.
    init(path: String) {
        self.path = path
        decode = { _ in fatalError("a cursor without rows has none to decode") }
    }

    /// - Returns: nil at the end, and after an error.
    public func next() throws(JournalError) -> Row? {
        guard let statement else { return nil }
        do {
            guard try statement.step() else {
                self.statement = nil
                return nil
            }
            return try decode(statement)
        } catch {
            self.statement = nil
            if let error = error as? SQLiteError { throw JournalError(error, path: path) }
            throw JournalError(code: .corrupt, path: path, message: "the store is damaged: \(error)")
        }
    }
}

@available(*, unavailable)
extension RowCursor: Sendable {}

/// The checksums that the store has of an event. See `store_seals.h`.
public struct EventSeal: Sendable, Hashable {
    public let sum: UInt64
    public let chain: UInt64

    /// Whether the event follows the one before it.
    public func follows(_ chain: UInt64) -> Bool { self.chain == store_seal_chain(chain, sum) }
}
