internal import CStoreSeals
internal import Glibc
internal import Journal
internal import SQLite

/// Makes a store of an older version anew, with sealed pages and checksums of its events, in a file beside it that takes
/// its place when it is whole and on the disk. Killed at any time, the one or the other is there.
///
/// It needs room for a second store beside the first.
struct StoreUpgrade {
    let path: String
    /// Of the store as it is.
    let version: Int64
    let options: JournalOptions

    /// - Parameter old: the only connection to the store. It is closed.
    func run(closing old: Database) throws {
        let new = path + ".upgrade"
        unlink(new)
        do {
            try copy(from: old, to: new)
            // SQLite would take a WAL that is left behind for one of the new file's.
            try old.truncatingCheckpoint()
            old.close()
            for name in ["-wal", "-shm"] {
                guard unlink(path + name) == 0 || errno == ENOENT else {
                    throw failure("the old WAL cannot be removed")
                }
            }
            try sync(new)
            guard rename(new, path) == 0 else { throw failure("the new store cannot take its place") }
            try sync(String(path[...path.lastIndex(of: "/")!]))
        } catch {
            unlink(new)
            throw error
        }
    }

    private func copy(from old: Database, to new: String) throws {
        let descriptor = open(new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("a new store cannot be made beside the old one") }
        close(descriptor)
        let database = try Database(path: new, access: .readWrite, pages: .sealed)
        try database.harden()
        try database.reserveSeals()
        try database.pragma("page_size = 4096")
        // The file counts only when it is whole: it needs no journal on the way, and is synced once.
        try database.pragma("journal_mode = OFF")
        try database.pragma("synchronous = OFF")
        try database.pragma("cache_size = -65536")
        if let limit = options.pageLimit { try database.pragma("max_page_count = \(limit)") }
        let attach = try database.prepare("ATTACH ?1 AS old")
        try attach.bind(path, at: 1)
        try attach.run()
        try database.transaction {
            try StoreSchema.create(in: database)
            for (table, columns, since) in StoreSchema.copied where since <= version {
                try database.execute("INSERT INTO main.\(table)(\(columns)) SELECT \(columns) FROM old.\(table)")
            }
            try copyEvents(in: database)
        }
    }

    private func copyEvents(in database: Database) throws {
        let rows = try database.prepare("SELECT offset, run, seq, at, kind, body FROM old.events ORDER BY offset")
        let insert = try EventInsertion(database)
        var chain: UInt64 = 0
        while try rows.step() {
            let event = try rows.unsealedEventRow()
            chain = try insert.insert(NewEvent(event), at: event.offset, after: chain)
        }
    }

    private func sync(_ name: String) throws {
        let descriptor = open(name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("\(name) cannot be synced") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("\(name) cannot be synced") }
    }

    private func failure(_ what: String) -> JournalError {
        let (error, cause) = (errno, String(cString: strerror(errno)))
        return JournalError(
            code: error == ENOSPC || error == EDQUOT ? .storeFull : .notWritable, path: path,
            message:
                "the store is of version \(version) and cannot be made one of \(StoreSchema.version): \(what): \(cause)"
        )
    }
}
