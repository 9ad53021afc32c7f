internal import SQLite

/// Moves the log of a store to its file through a connection of its own, so that its syncs hold up no commit's
/// thread.
///
/// Threads: used by one at a time. Ownership: closes itself; keeps the store locked for its process.
public final class JournalCheckpointer: JournalCheckpointing {
    /// Kept for its lock.
    private let journal: SQLiteJournal
    private let database: Database

    init(_ journal: SQLiteJournal) throws(JournalError) {
        self.journal = journal
        database = try reading(journal.path) { () throws(SQLiteError) in
            try StoreConnection.checkpointer(path: journal.path, options: journal.options)
        }
    }

    public func checkpoint() throws(JournalError) -> JournalCheckpoint? {
        let point = journal.mark.point
        let checkpoint = try database.journalCheckpoint(path: journal.path)
        // Only then all that was committed before is surely synced: a log that a reader holds is not.
        if checkpoint?.isComplete == true { journal.mark.isOnDisk(point) }
        return checkpoint
    }

    public func keepReserve(_ bytes: Int) { journal.reserve.keep(bytes) }

    public func close() {
        database.close()
    }
}

@available(*, unavailable)
extension JournalCheckpointer: Sendable {}

extension Database {
    /// nil if another connection is at it.
    func journalCheckpoint(path: String) throws(JournalError) -> JournalCheckpoint? {
        do {
            let checkpoint = try passiveCheckpoint()
            return JournalCheckpoint(logPages: checkpoint.logPages, movedPages: checkpoint.movedPages)
        } catch {
            if error.code == .busy { return nil }
            throw JournalError(error, path: path)
        }
    }
}
