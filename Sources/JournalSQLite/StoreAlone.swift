internal import Glibc
internal import Journal
internal import SQLite

/// What the file of a store says that has a write-ahead log beside it, without that log.
///
/// SQLite cannot tell whether a WAL belongs to a file: what was put in the file's place, another store or an older copy of
/// this one, would be read with the WAL's pages in it.
struct StoreAlone {
    let id: JournalRunID
    let end: StoreMark.Point

    /// nil: there is no WAL, or the file alone says nothing that is whole. A server that was killed while it moved pages
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
    /// Holds a store with its WAL to what its file alone says: the WAL goes on from there.
    func verifyLogFollows(_ alone: StoreAlone) throws {
        guard try identity().id == alone.id, try chain(at: alone.end.offset) == alone.end.chain,
            try eventless(version: version()) >= alone.end.eventless
        else {
            throw isAnothers(alone)
        }
        try verifyEventless(alone)
        var end = alone.end
        let rows = try database.prepare("SELECT offset, sum, chain FROM events WHERE offset > ?1 ORDER BY offset")
        try rows.bind(Int64(clamping: end.offset), at: 1)
        while try rows.step() {
            let seal = EventSeal(sum: rows.uint64(bitPatternAt: 1), chain: rows.uint64(bitPatternAt: 2))
            guard rows.uint64(at: 0) == end.offset + 1, seal.follows(end.chain) else { throw isAnothers(alone) }
            end = StoreMark.Point(offset: end.offset + 1, chain: seal.chain)
        }
    }

    /// Holds the commits without events, of which the chain of events knows nothing, to what the file alone says: each
    /// that the file has not is in the log. In an older copy of the file those are missing that were between it and the
    /// WAL's beginning, although the page that counts them is in the log.
    func verifyEventless(_ alone: StoreAlone) throws {
        let version = try version()
        guard version >= StoreSchema.firstCounting else { return }
        let row = try database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'commits'")
        guard try row.step() else { return }
        let page = UInt32(clamping: row.int64(at: 0))
        row.reset()
        let inWAL = WALFrames.transactions(writing: page, in: path + "-wal")
        let counted = try eventless(version: version)
        guard counted > alone.end.eventless + inWAL else { return }
        throw JournalError(
            code: .behindMark, path: path,
            message:
                "the store's file is an older copy than the write-ahead log beside it: of \(counted) commits without events "
                + "(of tokens, agents, tools, files, replies) it has \(alone.end.eventless) and the WAL \(inWAL). Put back "
                + "the file that belongs to the WAL, or remove \(path)-wal and \(StoreMark.path(ofStore: path)) if the "
                + "file is meant")
    }

    private func isAnothers(_ alone: StoreAlone) -> JournalError {
        JournalError(
            code: .behindMark, path: path,
            message:
                "the store's file is another store's or an older copy (alone it ends at event \(alone.end.offset)), and "
                + "the write-ahead log beside it does not go on from there: put back the file that belongs to the WAL, or "
                + "remove \(path)-wal and \(StoreMark.path(ofStore: path)) if the file is meant")
    }
}
