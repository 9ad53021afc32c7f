internal import Journal
internal import SQLite

/// The statements of the writer, each prepared once.
struct WriteStatements {
    let findRequest: Statement
    let oldestRequests: Statement
    let findAgent: Statement
    let outbox: OutboxStatements
    let findTool: Statement
    let events: EventInsertion
    private let findRun: Statement
    private let insertRun: Statement
    private let updateRun: Statement
    private let updateProgress: Statement
    private let insertRequest: Statement
    private let deleteRequests: Statement
    private let upsertAsk: Statement
    private let closeAsk: Statement
    private let upsertAgent: Statement
    private let upsertTool: Statement
    private let upsertReadyCall: Statement
    private let deleteReadyCall: Statement
    private let upsertSnapshot: Statement
    private let upsertToken: Statement
    private let countCommits: Statement
    let findBlob: Statement
    private let insertBlob: Statement
    private let insertBlobUse: Statement

    init(_ database: Database) throws(SQLiteError) {
        findRequest = try database.prepare(Statement.requestSQL)
        oldestRequests = try database.prepare("SELECT number, at FROM requests ORDER BY number LIMIT ?1")
        findAgent = try database.prepare(Statement.agentSQL)
        outbox = try OutboxStatements(database)
        findTool = try database.prepare(Statement.toolSQL)
        events = try EventInsertion(database)
        findRun = try database.prepare(
            "SELECT last_seq, created_at FROM runs WHERE run = ?1")
        insertRun = try database.prepare(
            """
            INSERT INTO runs(run, summary, updated_at, last_seq, status, active, due, parent, agent, created_at)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            """)
        updateRun = try database.prepare(
            """
            UPDATE runs SET summary = ?2, updated_at = ?3, last_seq = ?4,
                status = ?5, active = ?6, due = ?7, parent = ?8, agent = ?9 WHERE run = ?1
            """)
        updateProgress = try database.prepare(
            """
            UPDATE runs SET summary = ?2, updated_at = ?3, last_seq = ?4 WHERE run = ?1 AND status = ?5 AND active = ?6
                AND due IS ?7 AND parent IS ?8 AND agent = ?9 AND created_at = ?10 AND last_seq = ?11
            """)
        insertRequest = try database.prepare(
            "INSERT INTO requests(number, id, digest, reply, at) VALUES(?1, ?2, ?3, ?4, ?5)")
        deleteRequests = try database.prepare("DELETE FROM requests WHERE number < ?1")
        upsertAsk = try database.prepare(
            """
            INSERT INTO asks(run, number, open, kind, body, opened_at, due) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT(run, number) DO UPDATE SET open = excluded.open, kind = excluded.kind,
                body = excluded.body, opened_at = excluded.opened_at, due = excluded.due
            """)
        closeAsk = try database.prepare(
            "UPDATE asks SET open = 0, due = NULL WHERE run = ?1 AND number = ?2 RETURNING 1")
        upsertAgent = try database.prepare(
            """
            INSERT INTO agents(name, version, at, body) VALUES(?1, ?2, ?3, ?4)
            ON CONFLICT(name) DO UPDATE SET version = excluded.version, at = excluded.at, body = excluded.body
            """)
        upsertTool = try database.prepare(
            """
            INSERT INTO tools(name, at, body) VALUES(?1, ?2, ?3)
            ON CONFLICT(name) DO UPDATE SET at = excluded.at, body = excluded.body
            """)
        upsertReadyCall = try database.prepare(
            """
            INSERT INTO ready_calls(run, number, attempt, tool, ready_at, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT(run, number) DO UPDATE SET attempt = excluded.attempt, tool = excluded.tool,
                ready_at = excluded.ready_at, body = excluded.body
            """)
        deleteReadyCall = try database.prepare("DELETE FROM ready_calls WHERE run = ?1 AND number = ?2")
        upsertSnapshot = try database.prepare(
            """
            INSERT INTO snapshots(run, seq, format, body) VALUES(?1, ?2, ?3, ?4)
            ON CONFLICT(run) DO UPDATE SET seq = excluded.seq, format = excluded.format, body = excluded.body
            """)
        upsertToken = try database.prepare(
            "INSERT OR REPLACE INTO tokens(\(Statement.tokenColumns)) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
        countCommits = try database.prepare("UPDATE commits SET without_events = ?1")
        findBlob = try database.prepare("SELECT 1 FROM blobs WHERE sha256 = ?1")
        insertBlob = try database.prepare("INSERT OR IGNORE INTO blobs(sha256, at, data) VALUES(?1, ?2, ?3)")
        insertBlobUse = try database.prepare("INSERT OR IGNORE INTO blob_uses(run, seq, sha256) VALUES(?1, ?2, ?3)")
    }

    /// - Parameter number: of commits without events, with the one that this is in.
    func count(eventless number: UInt64) throws(SQLiteError) {
        try countCommits.bind(Int64(clamping: number), at: 1)
        try countCommits.run()
    }

    /// A run's row as far as a new one is judged by it.
    func find(_ run: JournalRunID) throws(SQLiteError) -> (lastSeq: UInt64, createdAt: Int64)? {
        try findRun.bind(run, at: 1)
        guard try findRun.step() else { return nil }
        defer { findRun.reset() }
        return (findRun.uint64(at: 0), findRun.int64(at: 1))
    }

    func insert(_ row: RunRow) throws(SQLiteError) {
        try bindProgress(row, to: insertRun)
        try bindKeys(row, to: insertRun)
        try insertRun.bind(row.createdAt, at: 10)
        try insertRun.run()
    }

    func update(_ row: RunRow) throws(SQLiteError) {
        try bindProgress(row, to: updateRun)
        try bindKeys(row, to: updateRun)
        try updateRun.run()
    }

    /// Changes a row whose keys stay as they are, if there is such a one: SQLite then writes the row's own page and no
    /// other, and it need not be found first.
    ///
    /// - Parameter lastSeq: what the row has to have.
    func updateProgress(_ row: RunRow, after lastSeq: UInt64) throws(SQLiteError) {
        try bindProgress(row, to: updateProgress)
        try bindKeys(row, to: updateProgress)
        try updateProgress.bind(row.createdAt, at: 10)
        try updateProgress.bind(Int64(clamping: lastSeq), at: 11)
        try updateProgress.run()
    }

    private func bindProgress(_ row: RunRow, to statement: Statement) throws(SQLiteError) {
        try statement.bind(row.run, at: 1)
        try statement.bind(row.summary, at: 2)
        try statement.bind(row.updatedAt, at: 3)
        try statement.bind(Int64(clamping: row.lastSeq), at: 4)
    }

    private func bindKeys(_ row: RunRow, to statement: Statement) throws(SQLiteError) {
        try statement.bind(Int64(row.status), at: 5)
        try statement.bind(row.active, at: 6)
        try statement.bind(row.due, at: 7)
        try statement.bind(row.parent, at: 8)
        try statement.bind(row.agent, at: 9)
    }

    func insert(_ request: RequestRow, number: Int64) throws(SQLiteError) {
        try insertRequest.bind(number, at: 1)
        try insertRequest.bind(request.id, at: 2)
        try insertRequest.bind(request.digest, at: 3)
        try insertRequest.bind(request.reply, at: 4)
        try insertRequest.bind(request.at, at: 5)
        try insertRequest.run()
    }

    func deleteRequests(before number: Int64) throws(SQLiteError) {
        try deleteRequests.bind(number, at: 1)
        try deleteRequests.run()
    }

    func upsert(_ ask: AskRow) throws(SQLiteError) {
        try upsertAsk.bind(ask.run, at: 1)
        try upsertAsk.bind(Int64(ask.number), at: 2)
        try upsertAsk.bind(ask.open, at: 3)
        try upsertAsk.bind(Int64(ask.kind), at: 4)
        try upsertAsk.bind(ask.body, at: 5)
        try upsertAsk.bind(ask.openedAt, at: 6)
        try upsertAsk.bind(ask.due, at: 7)
        try upsertAsk.run()
    }

    /// - Returns: whether the ask was there.
    func close(_ ask: AskRow) throws(SQLiteError) -> Bool {
        try closeAsk.bind(ask.run, at: 1)
        try closeAsk.bind(Int64(ask.number), at: 2)
        var wasThere = false
        while try closeAsk.step() { wasThere = true }
        return wasThere
    }

    func upsert(_ agent: AgentRow) throws(SQLiteError) {
        try upsertAgent.bind(agent.name, at: 1)
        try upsertAgent.bind(Int64(agent.version), at: 2)
        try upsertAgent.bind(agent.at, at: 3)
        try upsertAgent.bind(agent.body, at: 4)
        try upsertAgent.run()
    }

    func upsert(_ tool: ToolRow) throws(SQLiteError) {
        try upsertTool.bind(tool.name, at: 1)
        try upsertTool.bind(tool.at, at: 2)
        try upsertTool.bind(tool.body, at: 3)
        try upsertTool.run()
    }

    func change(_ change: ReadyCallChange) throws(SQLiteError) {
        switch change {
        case .ready(let call):
            try upsertReadyCall.bind(call.key.run, at: 1)
            try upsertReadyCall.bind(Int64(call.key.number), at: 2)
            try upsertReadyCall.bind(Int64(call.key.attempt), at: 3)
            try upsertReadyCall.bind(call.tool, at: 4)
            try upsertReadyCall.bind(call.key.readyAt, at: 5)
            try upsertReadyCall.bind(call.body, at: 6)
            try upsertReadyCall.run()
        case .notReady(let run, let number):
            try deleteReadyCall.bind(run, at: 1)
            try deleteReadyCall.bind(Int64(number), at: 2)
            try deleteReadyCall.run()
        }
    }

    func upsert(_ token: TokenRow) throws(SQLiteError) {
        try upsertToken.bind(token.id, at: 1)
        try upsertToken.bind(token.name, at: 2)
        try upsertToken.bind(Int64(token.scope), at: 3)
        try upsertToken.bind(token.sha256, at: 4)
        try upsertToken.bind(token.createdAt, at: 5)
        try upsertToken.bind(token.expiresAt, at: 6)
        try upsertToken.bind(token.revokedAt, at: 7)
        try upsertToken.bind(token.by, at: 8)
        try upsertToken.run()
    }

    func insert(_ blob: BlobRow) throws(SQLiteError) {
        try insertBlob.bind(blob.sha256, at: 1)
        try insertBlob.bind(blob.at, at: 2)
        try insertBlob.bind(blob.data, at: 3)
        try insertBlob.run()
    }

    func insert(_ use: BlobUse) throws(SQLiteError) {
        try insertBlobUse.bind(use.run, at: 1)
        try insertBlobUse.bind(Int64(clamping: use.seq), at: 2)
        try insertBlobUse.bind(use.sha256, at: 3)
        try insertBlobUse.run()
    }

    func upsert(_ snapshot: SnapshotRow) throws(SQLiteError) {
        try upsertSnapshot.bind(snapshot.run, at: 1)
        try upsertSnapshot.bind(Int64(clamping: snapshot.seq), at: 2)
        try upsertSnapshot.bind(Int64(snapshot.format), at: 3)
        try upsertSnapshot.bind(snapshot.body, at: 4)
        try upsertSnapshot.run()
    }
}
