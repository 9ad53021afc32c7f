public import Journal
internal import SQLite

/// Tools that workers serve, and the calls that wait for one.
extension SQLiteJournalReader {
    public func tool(_ name: String) throws(JournalError) -> ToolRow? {
        try rows(Statement.toolSQL, { try $0.bind(name, at: 1) }) { $0.toolRow() }.first
    }

    public func tools(after name: String?, limit: Int) throws(JournalError) -> [ToolRow] {
        let condition = name == nil ? "" : "WHERE name > ?2"
        let sql = "SELECT name, at, body FROM tools \(condition) ORDER BY name LIMIT ?1"
        return try rows(
            sql,
            { statement in
                try statement.bind(Int64(max(0, limit)), at: 1)
                if let name { try statement.bind(name, at: 2) }
            }
        ) { $0.toolRow() }
    }

    public func readyCalls(of tool: String, limit: Int) throws(JournalError) -> [ReadyCallKey] {
        // From the index alone.
        let sql = """
            SELECT ready_at, run, number, attempt FROM ready_calls INDEXED BY ready_calls_tool \
            WHERE tool = ?1 ORDER BY ready_at, run, number LIMIT ?2
            """
        return try rows(
            sql,
            { statement in
                try statement.bind(tool, at: 1)
                try statement.bind(Int64(max(0, limit)), at: 2)
            }
        ) { try $0.readyCallKey() }
    }

    public func readyCall(_ key: ReadyCallKey) throws(JournalError) -> ReadyCallRow? {
        let sql = """
            SELECT tool, body FROM ready_calls \
            WHERE run = ?1 AND number = ?2 AND attempt = ?3 AND ready_at = ?4
            """
        return try rows(
            sql,
            { statement in
                try statement.bind(key.run, at: 1)
                try statement.bind(Int64(key.number), at: 2)
                try statement.bind(Int64(key.attempt), at: 3)
                try statement.bind(key.readyAt, at: 4)
            }
        ) { ReadyCallRow(key: key, tool: $0.text(at: 0), body: $0.blob(at: 1)) }.first
    }
}
