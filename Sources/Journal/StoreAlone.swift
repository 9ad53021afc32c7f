internal import Glibc
internal import SQLite

/// What the file of a store says that has a write-ahead log beside it, without that log.
///
/// SQLite cannot tell whether a log belongs to a file: what was put in the file's place, another store or an older copy of
/// this one, would be read with the log's pages in it.
struct StoreAlone {
    let id: JournalRunID
    let end: StoreMark.Point

    /// nil: there is no log, or the file alone says nothing that is whole. A server that was killed while it moved pages
    /// leaves it so.
    ///
    /// Nobody may have the file open yet.
    init?(path: String) {
        var status = stat()
        guard stat(path + "-wal", &status) == 0, status.st_size > 32,
            let database = try? Database(path: path, access: .readOnlyWithoutLog, pages: .sealed),
            let version = try? StoreCheck(database: database, path: path).version(), version >= StoreSchema.firstSealed,
            let id = try? StoreCheck(database: database, path: path).identity().id,
            let eventless = try? StoreCheck(database: database, path: path).eventless(version: version),
            let last = try? database.prepare(
                "SELECT \(Statement.eventColumns), chain FROM events ORDER BY offset DESC LIMIT 1"),
            let isThere = try? last.step()
        else { return nil }
        self.id = id
        guard isThere else {
            end = StoreMark.Point(eventless: eventless)
            return
        }
        guard let event = try? last.eventRow() else { return nil }
        end = StoreMark.Point(offset: event.offset, chain: last.uint64(bitPatternAt: 7), eventless: eventless)
    }
}

extension StoreCheck {
    /// Holds a store with its log to what its file alone says: the log goes on from there.
    func verifyLogFollows(_ alone: StoreAlone) throws {
        guard try identity().id == alone.id, try chain(at: alone.end.offset) == alone.end.chain,
            try eventless(version: version()) >= alone.end.eventless
        else {
            throw isAnothers(alone)
        }
        var end = alone.end
        let rows = try database.prepare("SELECT offset, sum, chain FROM events WHERE offset > ?1 ORDER BY offset")
        try rows.bind(Int64(clamping: end.offset), at: 1)
        while try rows.step() {
            let seal = EventSeal(sum: rows.uint64(bitPatternAt: 1), chain: rows.uint64(bitPatternAt: 2))
            guard rows.uint64(at: 0) == end.offset + 1, seal.follows(end.chain) else { throw isAnothers(alone) }
            end = StoreMark.Point(offset: end.offset + 1, chain: seal.chain)
        }
    }

    private func isAnothers(_ alone: StoreAlone) -> JournalError {
        JournalError(
            code: .behindMark, path: path,
            message:
                "the store's file is another store's or an older copy (alone it ends at event \(alone.end.offset)), and "
                + "the write-ahead log beside it does not go on from there: put back the file that belongs to the log, or "
                + "remove \(path)-wal and \(StoreMark.path(ofStore: path)) if the file is meant")
    }
}
