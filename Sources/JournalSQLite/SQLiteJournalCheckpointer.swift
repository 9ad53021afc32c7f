internal import Journal
internal import SQLite

/// Moves the WAL of a store to its file through a connection of its own, so that its syncs hold up no commit's
/// thread.
///
/// Threads: used by one at a time. Ownership: closes itself; keeps the store locked for its process.
final class SQLiteJournalCheckpointer {
    /// Kept for its lock.
    private let journal: SQLiteJournal
    private let database: Database

    init(_ journal: SQLiteJournal) throws(JournalError) {
        self.journal = journal
        database = try reading(journal.path) { () throws(SQLiteError) in
            try StoreConnection.checkpointer(path: journal.path, options: journal.options)
        }
    }

    /// Moves what no reader still needs from the WAL to the store's file, holding up nobody but its own thread.
    ///
    /// - Returns: nil if the writer is at it right now.
    func checkpoint() throws(JournalError) -> JournalCheckpoint? {
        let point = journal.mark.point
        let checkpoint = try database.journalCheckpoint(path: journal.path)
        // Only then all that was committed before is surely synced: a WAL that a reader holds is not.
        if checkpoint?.isComplete == true { journal.mark.isOnDisk(point) }
        return checkpoint
    }

    /// Closes; the second time nothing happens.
    func close() {
        database.close()
    }
}

@available(*, unavailable)
extension SQLiteJournalCheckpointer: Sendable {}

/// What a checkpoint found and did.
struct JournalCheckpoint: Sendable, Hashable {
    /// Pages in the log.
    var walPages: Int
    /// How many of these are in the store's file by now.
    var movedPages: Int

    /// Whether the next commit begins the WAL anew, unless a reader is in the middle of it.
    var isComplete: Bool { walPages == movedPages }
}

extension Database {
    /// nil if another connection is at it.
    func journalCheckpoint(path: String) throws(JournalError) -> JournalCheckpoint? {
        do {
            let checkpoint = try passiveCheckpoint()
            return JournalCheckpoint(walPages: checkpoint.walPages, movedPages: checkpoint.movedPages)
        } catch {
            if error.code == .busy { return nil }
            throw JournalError(error, path: path)
        }
    }
}
