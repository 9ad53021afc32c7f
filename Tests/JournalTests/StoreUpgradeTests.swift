import Glibc
import Journal
import JournalSQLite
import SQLite
import Testing

/// Stores that an older version made go on, with everything that is in them.
@Suite struct StoreUpgradeTests {
    let directory = TemporaryDirectory()
    var path: String { directory.file("store") }

    /// The tables of version 1, word for word.
    private static let versionOne = """
        CREATE TABLE events(
            offset INTEGER PRIMARY KEY CHECK(offset > 0),
            run BLOB NOT NULL CHECK(length(run) = 16),
            seq INTEGER NOT NULL CHECK(seq > 0),
            at INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            body BLOB NOT NULL,
            UNIQUE(run, seq)
        ) STRICT;

        CREATE TABLE runs(
            run BLOB NOT NULL PRIMARY KEY CHECK(length(run) = 16),
            last_seq INTEGER NOT NULL CHECK(last_seq > 0),
            status INTEGER NOT NULL,
            active INTEGER NOT NULL CHECK(active IN (0, 1)),
            due INTEGER,
            parent BLOB CHECK(length(parent) = 16),
            agent TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            summary BLOB NOT NULL
        ) STRICT;
        CREATE INDEX runs_created ON runs(created_at, run);
        CREATE INDEX runs_status ON runs(status, created_at, run);
        CREATE INDEX runs_agent ON runs(agent, status, created_at, run);
        CREATE INDEX runs_parent ON runs(parent, created_at, run) WHERE parent IS NOT NULL;
        CREATE INDEX runs_active ON runs(created_at, run) WHERE active = 1;
        CREATE INDEX runs_due ON runs(due, run) WHERE due IS NOT NULL;

        CREATE TABLE requests(
            number INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE CHECK(length(id) = 16),
            digest BLOB NOT NULL,
            reply BLOB NOT NULL,
            at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE asks(
            run BLOB NOT NULL CHECK(length(run) = 16),
            number INTEGER NOT NULL,
            open INTEGER NOT NULL CHECK(open IN (0, 1)),
            kind INTEGER NOT NULL,
            opened_at INTEGER NOT NULL,
            due INTEGER,
            body BLOB NOT NULL,
            PRIMARY KEY(run, number)
        ) STRICT;
        CREATE INDEX asks_open ON asks(opened_at, run, number) WHERE open = 1;

        PRAGMA application_id = 0x46726D74;
        PRAGMA user_version = 1;
        """

    /// A store of version 1 as its server left it, killed: part of it in the log.
    private func makeVersionOne() throws -> Samples {
        let database = try Database(path: path)
        try database.setCheckpointsOnClose(false)
        try database.pragma("page_size = 4096")
        try database.pragma("journal_mode = WAL")
        try database.pragma("wal_autocheckpoint = 0")
        try database.execute("BEGIN; \(Self.versionOne) COMMIT")
        _ = try database.passiveCheckpoint()
        var samples = Samples()
        let event = try database.prepare("INSERT INTO events VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
        let run = try database.prepare("INSERT INTO runs VALUES(?1, ?2, ?3, ?4, NULL, NULL, ?5, ?6, ?7, ?8)")
        try database.transaction {
            for number in 0..<5 as Range<UInt64> {
                let batch = samples.batch(Samples.run(number), events: 10) { $0.active = number == 3 }
                for row in samples.events.suffix(batch.events.count) {
                    try event.bind(Int64(row.offset), at: 1)
                    try event.bind(row.run.bytes, at: 2)
                    try event.bind(Int64(row.seq), at: 3)
                    try event.bind(row.at, at: 4)
                    try event.bind(Int64(row.kind), at: 5)
                    try event.bind(row.body, at: 6)
                    try event.run()
                }
                let row = batch.runs[0]
                try run.bind(row.run.bytes, at: 1)
                try run.bind(Int64(row.lastSeq), at: 2)
                try run.bind(Int64(row.status), at: 3)
                try run.bind(row.active, at: 4)
                try run.bind(row.agent, at: 5)
                try run.bind(row.createdAt, at: 6)
                try run.bind(row.updatedAt, at: 7)
                try run.bind(row.summary, at: 8)
                try run.run()
            }
            let (request, asker) = (String(repeating: "ab", count: 16), String(repeating: "cd", count: 16))
            try database.execute("INSERT INTO requests VALUES(41, x'\(request)', x'01', x'02', 7)")
            try database.execute("INSERT INTO asks VALUES(x'\(asker)', 2, 1, 3, 4, NULL, x'05')")
        }
        return samples
    }

    private func expectEverything(_ samples: Samples, in journal: SQLiteJournal) throws {
        let reader = try journal.openReader()
        #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max) == samples.events)
        for (id, row) in samples.rows { #expect(try reader.run(id) == row) }
        #expect(try reader.activeRuns().map(\.run) == [Samples.run(3)])
        let request = JournalRequestID(high: 0xABAB_ABAB_ABAB_ABAB, low: 0xABAB_ABAB_ABAB_ABAB)
        #expect(try reader.request(request) == RequestRow(id: request, digest: [1], reply: [2], at: 7))
        let run = JournalRunID(high: 0xCDCD_CDCD_CDCD_CDCD, low: 0xCDCD_CDCD_CDCD_CDCD)
        #expect(
            try reader.openAsks(of: nil, after: nil, limit: 9)
                == [AskRow(run: run, number: 2, open: true, kind: 3, body: [5], openedAt: 4, due: nil)])
    }

    @Test func aStoreOfVersionOneGoesOn() throws {
        var samples = try makeVersionOne()
        for round in 0..<2 as Range<UInt64> {
            let journal = try SQLiteJournal(path: path)
            try expectEverything(samples, in: journal)
            let writer = try journal.openWriter()
            #expect(writer.lastOffset == samples.offset)
            var batch = samples.batch(Samples.run(1))
            batch.requests = [Samples.request(round)]
            batch.agents = [AgentRow(name: "a", version: UInt32(round) + 1, at: 1, body: [9])]
            try writer.commit(batch)
            try writer.keep([SnapshotRow(run: Samples.run(1), seq: 1, format: 1, body: [])])
            #expect(try journal.openReader().agent("a") == batch.agents[0])
        }
        #expect(try tables() == Self.current)
    }

    /// After an upgrade and a new store there is one schema.
    @Test func anUpgradedStoreHasTheTablesOfANewOne() throws {
        _ = try makeVersionOne()
        _ = try SQLiteJournal(path: path)
        _ = try SQLiteJournal(path: directory.file("new"))
        func schema(_ path: String) throws -> [String] {
            let statement = try Database(path: path).prepare(
                "SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1")
            var lines: [String] = []
            while try statement.step() {
                lines.append(statement.text(at: 0).split(whereSeparator: \.isWhitespace).joined(separator: " "))
            }
            return lines
        }
        func withoutComments(_ lines: [String]) -> [String] {
            lines.map { $0.replacing(#/-- .*? CREATE/#, with: "CREATE") }
        }
        #expect(withoutComments(try schema(path)) == withoutComments(try schema(directory.file("new"))))
    }

    /// The version and the tables of a new store.
    private static let current = [
        "6", "agents", "asks", "blob_uses", "blobs", "commits", "events", "outbox", "ready_calls", "requests", "runs",
        "snapshots", "store", "tokens", "tools",
    ]

    /// The version, then the tables.
    private func tables(of path: String? = nil) throws -> [String] {
        let database = try Database(path: path ?? self.path)
        try database.setCheckpointsOnClose(false)
        var found = [try database.pragma("user_version") ?? ""]
        let names = try database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        while try names.step() { found.append(names.text(at: 0)) }
        return found
    }

    /// Race: the server is killed while it makes the store anew. What it had made until then is beside the old store, which
    /// is as it was, or has its log moved already; the next start begins again.
    @Test(arguments: [false, true]) func aKillDuringTheUpgradeLosesNothing(_ isLogMoved: Bool) throws {
        let samples = try makeVersionOne()
        let (file, log) = (try bytes(of: path), try bytes(of: path + "-wal"))
        _ = try SQLiteJournal(path: path)
        let new = try bytes(of: path)
        let copy = directory.file("copy")
        for cut in [0, 1, 512, 4096, new.count / 2, new.count] {
            for suffix in ["-shm", ".mark", ".lock"] { unlink(copy + suffix) }
            try write(file, to: copy)
            try write(log, to: copy + "-wal")
            if isLogMoved { try Database(path: copy).truncatingCheckpoint() }
            try write(Array(new.prefix(cut)), to: copy + ".upgrade")
            #expect(try tables(of: copy) == ["1", "asks", "events", "requests", "runs"])
            try expectEverything(samples, in: try SQLiteJournal(path: copy))
            #expect(try tables(of: copy) == Self.current)
            #expect(access(copy + ".upgrade", F_OK) != 0)
        }
    }

    @Test func withoutSpaceTheStoreStaysAsItIs() throws {
        let samples = try makeVersionOne()
        var options = JournalOptions()
        options.pageLimit = 5
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path, options: options) }
        #expect(error?.code == .storeFull)
        #expect(try tables()[0] == "1")
        try expectEverything(samples, in: try SQLiteJournal(path: path))
    }
}

extension JournalRunID {
    fileprivate var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) } }
    }
}
