internal import Journal
internal import SQLite

/// A row whose columns cannot be what the schema allows: the file was changed by something else.
struct DamagedRow: Error, CustomStringConvertible {
    let description: String

    init(table: String) { description = "a row of \(table) has an id that is not one" }

    init(event: EventRow) {
        description = "event \(event.seq) of run \(event.run), offset \(event.offset), does not have its checksum"
    }
}

extension Statement {
    func uint64(at index: Int) -> UInt64 { UInt64(clamping: int64(at: index)) }
    /// Of a number that may have all its bits.
    func uint64(bitPatternAt index: Int) -> UInt64 { UInt64(bitPattern: int64(at: index)) }
    func int32(at index: Int) -> Int32 { Int32(clamping: int64(at: index)) }

    static var eventColumns: String { "offset, run, seq, at, kind, body, sum" }

    /// Columns: `eventColumns`. An event that does not have its checksum is an error.
    func eventRow() throws(DamagedRow) -> EventRow {
        let event = try unsealedEventRow()
        guard uint64(bitPatternAt: 6) == event.sum else { throw DamagedRow(event: event) }
        return event
    }

    /// Columns: offset, run, seq, at, kind, body.
    func unsealedEventRow() throws(DamagedRow) -> EventRow {
        guard let run = runID(at: 1) else { throw DamagedRow(table: "events") }
        return EventRow(
            offset: uint64(at: 0), run: run, seq: uint64(at: 2), at: int64(at: 3), kind: int32(at: 4),
            body: blob(at: 5))
    }

    /// Columns: `RunQuery.columns`.
    func runRow() throws(DamagedRow) -> RunRow {
        guard let run = runID(at: 0) else { throw DamagedRow(table: "runs") }
        return RunRow(
            run: run, summary: blob(at: 1), status: int32(at: 2), active: int64(at: 3) != 0, due: optionalInt64(at: 4),
            parent: runID(at: 5), agent: text(at: 6), createdAt: int64(at: 7), updatedAt: int64(at: 8),
            lastSeq: uint64(at: 9))
    }

    static var askColumns: String { "run, number, open, kind, body, opened_at, due" }

    /// Columns: `askColumns`.
    func askRow() throws(DamagedRow) -> AskRow {
        guard let run = runID(at: 0) else { throw DamagedRow(table: "asks") }
        return AskRow(
            run: run, number: UInt32(clamping: int64(at: 1)), open: int64(at: 2) != 0, kind: int32(at: 3),
            body: blob(at: 4), openedAt: int64(at: 5), due: optionalInt64(at: 6))
    }

    /// Columns: run, seq, sha256.
    func blobUse() throws(DamagedRow) -> BlobUse {
        guard let run = runID(at: 0) else { throw DamagedRow(table: "blob_uses") }
        return BlobUse(run: run, seq: uint64(at: 1), sha256: blob(at: 2))
    }

    static var agentSQL: String { "SELECT name, version, at, body FROM agents WHERE name = ?1" }

    /// Finds an agent; the statement is `agentSQL`.
    func agent(_ name: String) throws(SQLiteError) -> AgentRow? {
        try bind(name, at: 1)
        guard try step() else { return nil }
        defer { reset() }
        return agentRow()
    }

    /// Columns: name, version, at, body.
    func agentRow() -> AgentRow {
        AgentRow(name: text(at: 0), version: UInt32(clamping: int64(at: 1)), at: int64(at: 2), body: blob(at: 3))
    }

    static var toolSQL: String { "SELECT name, at, body FROM tools WHERE name = ?1" }

    /// Finds a tool; the statement is `toolSQL`.
    func tool(_ name: String) throws(SQLiteError) -> ToolRow? {
        try bind(name, at: 1)
        guard try step() else { return nil }
        defer { reset() }
        return toolRow()
    }

    /// Columns: name, at, body.
    func toolRow() -> ToolRow { ToolRow(name: text(at: 0), at: int64(at: 1), body: blob(at: 2)) }

    /// Columns: ready_at, run, number, attempt.
    func readyCallKey() throws(DamagedRow) -> ReadyCallKey {
        guard let run = runID(at: 1) else { throw DamagedRow(table: "ready_calls") }
        return ReadyCallKey(
            readyAt: int64(at: 0), run: run, number: UInt32(clamping: int64(at: 2)),
            attempt: UInt32(clamping: int64(at: 3)))
    }

    static var tokenColumns: String { "id, name, scope, sha256, created_at, expires_at, revoked_at, made_by" }

    /// Columns: `tokenColumns`.
    func tokenRow() -> TokenRow {
        TokenRow(
            id: text(at: 0), name: text(at: 1), scope: int32(at: 2), sha256: blob(at: 3), createdAt: int64(at: 4),
            expiresAt: optionalInt64(at: 5), revokedAt: optionalInt64(at: 6), by: text(at: 7))
    }

    /// Columns: run, seq, format, body.
    func snapshotRow() throws(DamagedRow) -> SnapshotRow {
        guard let run = runID(at: 0) else { throw DamagedRow(table: "snapshots") }
        return SnapshotRow(run: run, seq: uint64(at: 1), format: int32(at: 2), body: blob(at: 3))
    }

    static var requestSQL: String { "SELECT digest, reply, at FROM requests WHERE id = ?1" }

    /// Finds an accepted request; the statement is `requestSQL`.
    func request(_ id: JournalRequestID) throws(SQLiteError) -> RequestRow? {
        try bind(id, at: 1)
        guard try step() else { return nil }
        defer { reset() }
        return RequestRow(id: id, digest: blob(at: 0), reply: blob(at: 1), at: int64(at: 2))
    }
}
