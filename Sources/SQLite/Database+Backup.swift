internal import CSQLite

extension Database {
    /// Copies the database, as this connection sees it, into another file: page by page, so that the copy has the same
    /// rows in the same places, and its size.
    ///
    /// Begin a read transaction on this connection first: then all pages are of that one state, whatever others write
    /// meanwhile. Without one the copying begins anew after every commit of another connection.
    /// See <https://sqlite.org/c3ref/backup_finish.html>.
    ///
    /// - Parameters:
    ///   - target: a connection to an empty database, with nothing open on it.
    ///   - pages: copied between two calls of `progress`.
    ///   - progress: pages copied so far, and all; what it throws ends the copying.
    /// - Throws: a ``SQLiteError``, of either database, or what `progress` throws. The target is no database then.
    public func backUp(
        to target: Database, pages: Int32 = 1024, _ progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
    ) throws {
        let (source, destination) = (try open(), try target.open())
        guard let backup = sqlite3_backup_init(destination, "main", source, "main") else {
            throw SQLiteError(connection: destination, result: sqlite3_extended_errcode(destination))
        }
        do {
            while true {
                let result = sqlite3_backup_step(backup, pages)
                let total = Int(sqlite3_backup_pagecount(backup))
                try progress(total - Int(sqlite3_backup_remaining(backup)), total)
                if result == SQLITE_DONE { break }
                guard result == SQLITE_OK else {
                    throw SQLiteError(connection: destination, result: result)
                }
            }
        } catch {
            sqlite3_backup_finish(backup)
            throw error
        }
        let result = sqlite3_backup_finish(backup)
        guard result == SQLITE_OK else { throw SQLiteError(connection: destination, result: result) }
    }
}
