internal import Journal
internal import SQLite

/// The writer's statements for the outbox, each prepared once.
struct OutboxStatements {
    private let insert: Statement
    private let delete: Statement
    private let fail: Statement
    private let giveUp: Statement
    private let promote: Statement
    private let findDead: Statement
    private let forget: Statement

    init(_ database: Database) throws(SQLiteError) {
        // Due at once, unless another of the run's goes first.
        insert = try database.prepare(
            """
            INSERT INTO outbox(endpoint, run, seq, kind, at, attempts, next_at, dead, body)
            VALUES(?1, ?2, ?3, ?4, ?5, ?6,
                CASE WHEN EXISTS(
                    SELECT 1 FROM outbox INDEXED BY outbox_live WHERE dead = 0 AND endpoint = ?1 AND run = ?2)
                THEN NULL ELSE ?5 END, 0, ?7)
            """)
        let key = "dead = 0 AND endpoint = ?1 AND run = ?2 AND seq = ?3 AND kind = ?4"
        delete = try database.prepare("DELETE FROM outbox WHERE \(key)")
        fail = try database.prepare("UPDATE outbox SET attempts = attempts + 1, next_at = ?5 WHERE \(key)")
        giveUp = try database.prepare(
            "UPDATE outbox SET attempts = attempts + 1, next_at = NULL, dead = 1 WHERE \(key)")
        promote = try database.prepare(
            """
            UPDATE outbox SET next_at = ?3 WHERE next_at IS NULL AND rowid = (
                SELECT rowid FROM outbox INDEXED BY outbox_live WHERE dead = 0 AND endpoint = ?1 AND run = ?2
                ORDER BY seq, kind LIMIT 1)
            """)
        findDead = try database.prepare(
            "SELECT 1 FROM outbox INDEXED BY outbox_dead WHERE dead = 1 AND at < ?1 LIMIT 1")
        forget = try database.prepare(
            """
            DELETE FROM outbox WHERE rowid IN (
                SELECT rowid FROM outbox INDEXED BY outbox_dead WHERE dead = 1 AND at < ?1 ORDER BY at LIMIT ?2)
            RETURNING 1
            """)
    }

    func write(_ row: OutboxRow) throws(SQLiteError) {
        try bind(row.key, to: insert)
        try insert.bind(row.at, at: 5)
        try insert.bind(Int64(row.attempts), at: 6)
        try insert.bind(row.body, at: 7)
        try insert.run()
    }

    func write(_ outcome: OutboxOutcome) throws(SQLiteError) {
        switch outcome.result {
        case .delivered(let next):
            try bind(outcome.key, to: delete)
            try delete.run()
            try promote(outcome.key, next)
        case .failed(let next):
            try bind(outcome.key, to: fail)
            try fail.bind(next, at: 5)
            try fail.run()
        case .givenUp(let next):
            try bind(outcome.key, to: giveUp)
            try giveUp.run()
            try promote(outcome.key, next)
        }
    }

    private func promote(_ key: OutboxKey, _ time: Int64) throws(SQLiteError) {
        try promote.bind(key.endpoint, at: 1)
        try promote.bind(key.run, at: 2)
        try promote.bind(time, at: 3)
        try promote.run()
    }

    func hasDead(before time: Int64) throws(SQLiteError) -> Bool {
        try findDead.bind(time, at: 1)
        defer { findDead.reset() }
        return try findDead.step()
    }

    /// - Returns: how many were forgotten.
    func forgetDead(before time: Int64, limit: Int) throws(SQLiteError) -> Int {
        try forget.bind(time, at: 1)
        try forget.bind(Int64(max(0, limit)), at: 2)
        var count = 0
        while try forget.step() { count += 1 }
        return count
    }

    private func bind(_ key: OutboxKey, to statement: Statement) throws(SQLiteError) {
        try statement.bind(key.endpoint, at: 1)
        try statement.bind(key.run, at: 2)
        try statement.bind(Int64(clamping: key.seq), at: 3)
        try statement.bind(Int64(key.kind), at: 4)
    }
}
