import Glibc
import Journal
import JournalSQLite
import SQLite
import Testing

/// Files that are no store: one clear error each, and nothing changed.
@Suite struct StoreFileTests {
    let directory = TemporaryDirectory()
    var path: String { directory.file("store") }

    private func expectRefused(_ code: JournalError.Code, _ path: String? = nil, containing text: String = "") throws {
        let path = path ?? self.path
        let before = try? bytes(of: path)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
        #expect(error?.code == code, "\(String(describing: error))")
        let line = error.map { "\($0)" } ?? ""
        #expect(line.hasPrefix(path) && line.contains(text) && !line.contains("\n"), "\(line)")
        #expect((try? bytes(of: path)) == before)
    }

    private func fill(_ path: String, runs: Int = 30) throws {
        let journal = try SQLiteJournal(path: path, options: .fast)
        let writer = try journal.openWriter()
        var samples = Samples()
        for run in 0..<runs { try writer.commit(samples.batch(Samples.run(UInt64(run)), events: 10)) }
        try writer.end()
        // Beside a store that ended in an orderly way there need be no mark.
        unlink(path + ".mark")
    }

    private func change(_ sql: String) throws { try Database(path: path, pages: .sealed).execute(sql) }

    @Test func anEmptyFileIsANewStore() throws {
        try write([], to: path)
        #expect(try SQLiteJournal(path: path).openReader().lastOffset() == 0)
    }

    @Test func aFileWhoseMakerWasKilledBeforeItsTablesIsANewStore() throws {
        try Database(path: path).execute("PRAGMA journal_mode = WAL; PRAGMA user_version = 0")
        #expect(try SQLiteJournal(path: path).openReader().lastOffset() == 0)
    }

    @Test func thePathIsResolved() throws {
        let journal = try SQLiteJournal(path: directory.path + "/.//store")
        #expect(journal.path.hasSuffix("/store") && !journal.path.contains("/./"))
        #expect(access(journal.path, F_OK) == 0)
    }

    @Test(arguments: [1, 15, 16, 100, 4096, 50_000]) func noiseIsRefused(_ count: Int) throws {
        try write((0..<count).map { _ in UInt8.random(in: 1...255) }, to: path)
        try expectRefused(.notADatabase, containing: "not an SQLite database")
    }

    @Test func aForeignDatabaseIsRefused() throws {
        try Database(path: path).execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)")
        try expectRefused(.notAStore, containing: "another program")
    }

    @Test func aForeignDatabaseWithALogIsRefusedAndItsLogKept() throws {
        let foreign = try Database(path: path)
        try foreign.execute("PRAGMA journal_mode = WAL; PRAGMA application_id = 7; CREATE TABLE t(x)")
        try write(try bytes(of: path), to: directory.file("copy"))
        try write(try bytes(of: path + "-wal"), to: directory.file("copy-wal"))
        let log = try bytes(of: directory.file("copy-wal"))
        try expectRefused(.notAStore, directory.file("copy"))
        #expect(try bytes(of: directory.file("copy-wal")) == log)
    }

    @Test func aNewerSchemaIsRefused() throws {
        try fill(path)
        try change("PRAGMA user_version = 7")
        try expectRefused(.newerSchema, containing: "its schema is 7, this one reads up to 6")
    }

    @Test func aDirectoryIsNoStore() throws {
        #expect(mkdir(path, 0o700) == 0)
        try expectRefused(.notAFile, containing: "a directory")
    }

    @Test func aPipeIsNoStore() throws {
        #expect(mkfifo(path, 0o600) == 0)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
        #expect(error?.code == .notAFile)
    }

    @Test func aMissingDirectoryIsNamed() throws {
        try expectRefused(.missingDirectory, directory.file("none/store"), containing: directory.file("none"))
        try write([], to: directory.file("file"))
        try expectRefused(.missingDirectory, directory.file("file/store"))
        #expect(access(directory.file("none"), F_OK) != 0)
    }

    @Test func aLinkToNothingIsRefused() throws {
        #expect(symlink(directory.file("none"), path) == 0)
        try expectRefused(.notWritable)
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser writes everywhere"))
    func whatCannotBeWrittenIsNamed() throws {
        try fill(path)
        chmod(path, 0o400)
        try expectRefused(.notWritable, containing: "Permission denied")
        chmod(path, 0o600)
        chmod(directory.path, 0o500)
        defer { chmod(directory.path, 0o700) }
        try expectRefused(.notWritable, containing: directory.path)
        try expectRefused(.notWritable, directory.file("new"))
    }

    @Test(arguments: [0.1, 0.5, 0.9]) func aFileCutShortIsCorrupt(_ part: Double) throws {
        try fill(path)
        let whole = try bytes(of: path)
        try write(Array(whole.prefix(Int(Double(whole.count) * part) / 4096 * 4096)), to: path)
        try expectRefused(.corrupt, containing: "damaged")
    }

    @Test(arguments: [0, -1]) func aStoreWithoutItsVersionIsCorrupt(_ version: Int) throws {
        try fill(path)
        try change("PRAGMA user_version = \(version)")
        try expectRefused(.corrupt, containing: "its schema is \(version)")
    }

    @Test func aFileWithoutItsTablesIsCorrupt() throws {
        let database = try Database(path: path)
        try database.pragma("application_id = \(0x4672_6D74)")
        try database.pragma("user_version = 1")
        database.close()
        try expectRefused(.corrupt, containing: "no such table")
    }

    @Test func aLastEventThatDoesNotFitItsRunIsCorrupt() throws {
        try fill(path)
        try change("UPDATE runs SET last_seq = 3")
        try expectRefused(.corrupt, containing: "offset 300")
    }

    @Test func missingEventsAreNamedWhenTheyAreRead() throws {
        try fill(path)
        try change("DELETE FROM events WHERE offset = 15")
        let reader = try SQLiteJournal(path: path).openReader()
        let byRun = #expect(throws: JournalError.self) { try reader.forEachEvent(of: Samples.run(1)) { _ in } }
        #expect(byRun?.code == .corrupt)
        #expect(byRun?.message == "the store is damaged: event 5 of run \(Samples.run(1)) is missing")
        let byOffset = #expect(throws: JournalError.self) {
            _ = try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max)
        }
        #expect(byOffset?.message == "the store is damaged: the event at offset 15 is missing")
    }

    /// Bytes changed at random: whatever SQLite notices is an error of ours; nothing crashes and nothing hangs.
    @Test(.timeLimit(.minutes(2))) func damageIsAnErrorAtMost() throws {
        try fill(path)
        let whole = try bytes(of: path)
        for round in 0..<80 {
            var damaged = whole
            for _ in 0...round % 20 { damaged[Int.random(in: 0..<damaged.count)] = UInt8.random(in: 0...255) }
            try write(damaged, to: path)
            for suffix in ["-wal", "-shm", ".mark"] { unlink(path + suffix) }
            do {
                let journal = try SQLiteJournal(path: path, options: .fast)
                let reader = try journal.openReader()
                for run in 0..<30 as Range<UInt64> { try reader.forEachEvent(of: Samples.run(run)) { _ in } }
                _ = try reader.runs(RunFilter(statuses: [1, 2]), order: .newestFirst, after: nil, limit: 100)
                _ = try reader.activeRuns()
                let writer = try journal.openWriter()
                var samples = Samples()
                samples.offset = writer.lastOffset
                try writer.commit(samples.batch(Samples.run(99)))
            } catch is JournalError {}
        }
    }
}
