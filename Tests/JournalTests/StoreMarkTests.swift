import CStoreSeals
import Glibc
@testable import Journal
@testable import JournalSQLite
import SQLite
import Testing

/// The mark knows of every commit that was acknowledged, also of those that the chain of events knows nothing of; and
/// whatever is at its place is named.
@Suite(.timeLimit(.minutes(2))) struct StoreMarkTests {
    let directory = TemporaryDirectory()
    var path: String { directory.file("store") }
    private var copy: String { directory.file("copy") }

    private static let token = TokenRow(
        id: "t", name: "ci", scope: 3, sha256: [UInt8](repeating: 7, count: 32), createdAt: 1, expiresAt: nil,
        revokedAt: nil, by: "tester")

    /// A batch without events, by what it is of, and one before it of the same kind.
    private static let kinds: [String: (before: JournalBatch, last: JournalBatch)] = {
        var revoked = token
        revoked.revokedAt = 2
        let outbox = OutboxRow(
            key: OutboxKey(endpoint: "e", run: Samples.run(1), seq: 1, kind: 1), at: 1, attempts: 0, body: [1])
        return [
            "token": (JournalBatch(tokens: [token]), JournalBatch(tokens: [revoked])),
            "agent": (
                JournalBatch(agents: [AgentRow(name: "a", version: 1, at: 1, body: [1])]),
                JournalBatch(agents: [AgentRow(name: "a", version: 2, at: 2, body: [2])])
            ),
            "tool": (
                JournalBatch(tools: [ToolRow(name: "t", at: 1, body: [1])]),
                JournalBatch(tools: [ToolRow(name: "t", at: 2, body: [2])])
            ),
            "request": (JournalBatch(requests: [Samples.request(1)]), JournalBatch(requests: [Samples.request(2)])),
            "message": (
                JournalBatch(outbox: [outbox]),
                JournalBatch(outcomes: [OutboxOutcome(key: outbox.key, result: .delivered(nextAt: 5))])
            ),
        ]
    }()

    private func put(_ files: [String: [UInt8]], at copy: String) throws {
        for suffix in ["", "-wal", "-shm", ".mark", ".lock", ".reserve"] { unlink(copy + suffix) }
        for (suffix, bytes) in files { try write(bytes, to: copy + suffix) }
    }

    /// The files of a store as a kill leaves them.
    private func files(of path: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for suffix in ["", "-wal", ".mark"] { files[suffix] = try bytes(of: path + suffix) }
        return files
    }

    private func refusal(_ path: String) -> JournalError? {
        #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
    }

    /// The log is damaged near its end after a kill, and the commit that is lost had no event.
    @Test(arguments: ["token", "agent", "tool", "request", "message"], ["flipped", "cut"])
    func aLostCommitWithoutEventsIsRefusedWithBothNumbers(_ kind: String, _ deed: String) throws {
        let (before, last) = try #require(Self.kinds[kind])
        var end = 0
        let left: [String: [UInt8]]
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1), events: 3))
            try writer.commit(before)
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.commit(last)
            end = 32 + writer.walPages * (24 + 4096)
            left = try files(of: path)
        }
        var damaged = left
        if deed == "cut" {
            damaged["-wal"] = Array(damaged["-wal"]!.prefix(end - 100))
        } else {
            damaged["-wal"]![end - 100] ^= 4
        }
        try put(damaged, at: copy)
        let problem = try StoreInspection(path: copy).problemOfMark()
        let error = refusal(copy)
        #expect(error?.code == .behindMark)
        for text in [problem, error?.message] {
            #expect(
                text?.contains(
                    "commits without events (of tokens, agents, tools, files, replies) are 1, and were known to be 2")
                    == true, "\(text ?? "no problem")")
            #expect(text?.contains(copy + ".mark") == true && text?.contains("fermata accept 5`") == true)
        }
        // What was refused is as it was.
        #expect(try bytes(of: copy + "-wal") == damaged["-wal"])
        #expect(try StoreAcceptance.accept(store: copy, endingAt: 5) == 5)
        do {
            let writer = try SQLiteJournal(path: copy).openWriter()
            try writer.commit(last)
        }
        #expect(try StoreInspection(path: copy).problemOfMark() == nil)

        // Without damage all of it is there, after a kill and after an orderly end.
        try put(left, at: copy)
        for _ in 0..<2 {
            let journal = try SQLiteJournal(path: copy)
            if kind == "token" {
                #expect(try journal.openReader().tokens(after: nil, limit: 9) == last.tokens)
            }
            try journal.openWriter().end()
        }
        #expect(StoreMark.find(ofStore: copy).content?.durable.eventless == 2)
    }

    /// The damage is found while the store is open, and ends all acknowledging: so does the next start.
    @Test func aCommitWithoutEventsThatIsLostToDamageWhileTheStoreIsOpenIsNotForgotten() throws {
        do {
            let journal = try SQLiteJournal(path: path)
            let writer = try journal.openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.commit(JournalBatch(tokens: [Self.token]))
            let end = 32 + writer.walPages * (24 + 4096)
            let log = open(path + "-wal", O_RDWR | O_CLOEXEC)
            defer { close(log) }
            // The last four pages: the tokens' is among them.
            for frame in 1...4 {
                #expect(pwrite(log, [1, 2, 3, 4] as [UInt8], 4, off_t(end - frame * (24 + 4096) + 124)) == 4)
            }
            #expect(throws: JournalError.self) { _ = try journal.openReader().tokens(after: nil, limit: 9) }
            let error = #expect(throws: JournalError.self) {
                try writer.commit(JournalBatch(requests: [Samples.request(1)]))
            }
            #expect(error?.code == .filesChanged, "\(String(describing: error))")
        }
        #expect(refusal(path)?.code == .behindMark)
    }

    /// A commit with events is known by these: it writes no further page.
    @Test func onlyCommitsWithoutEventsAreCounted() throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        var batch = samples.batch(Samples.run(1))
        batch.requests = [Samples.request(1)]
        batch.tokens = [Self.token]
        try writer.commit(batch)
        try writer.commit(JournalBatch())
        try writer.keep([SnapshotRow(run: Samples.run(1), seq: 1, format: 1, body: [])])
        func counted() throws -> [UInt64] {
            let row = try Database(path: path, access: .readOnly).prepare("SELECT without_events FROM commits")
            #expect(try row.step())
            return [row.uint64(at: 0), try #require(StoreMark.find(ofStore: path).content).committed.eventless]
        }
        #expect(try counted() == [0, 0])
        try writer.commit(JournalBatch(tokens: [Self.token]))
        #expect(try counted() == [1, 1])
        // One that is refused is none.
        let wrong = JournalBatch(requests: [Samples.request(1)], tokens: [Self.token])
        #expect(throws: JournalError.self) { try writer.commit(wrong) }
        #expect(writer.isOpen)
        try writer.commit(samples.batch(Samples.run(1)))
        #expect(try counted() == [1, 1])
        try writer.commit(JournalBatch(requests: [Samples.request(2)]))
        #expect(try counted() == [2, 2])
    }

    /// There was nothing but tokens in it.
    @Test func aStoreWithoutEventsThatWasEmptiedIsNoNewOne() throws {
        do { try SQLiteJournal(path: path).openWriter().commit(JournalBatch(tokens: [Self.token])) }
        let mark = try bytes(of: path + ".mark")
        for content in [nil, []] as [[UInt8]?] {
            var files = [".mark": mark]
            files[""] = content
            try put(files, at: copy)
            let error = refusal(copy)
            #expect(error?.code == .behindMark)
            #expect(
                error?.message.contains("known to reach event 0 and 1 commits without events") == true,
                "\(String(describing: error))")
        }
        // A log alone is named as before.
        try put(["-wal": [1, 2, 3]], at: copy)
        #expect(refusal(copy)?.message.contains("its write-ahead log is there") == true)
    }

    /// An older copy of the file, in which the log would be read that was left beside the newer one.
    @Test func anOlderFileThatKnowsFewerCommitsIsRefused() throws {
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.end()
        }
        let older = try bytes(of: path)
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            try writer.commit(JournalBatch(tokens: [Self.token]))
            try writer.end()
        }
        try put(["": older, ".mark": try bytes(of: path + ".mark")], at: copy)
        #expect(refusal(copy)?.message.contains("are 0, and were known to be 1") == true)
    }

    /// The same beside the newer log, which has the page that counts them: what was committed between the older file and
    /// the log's beginning is in neither.
    @Test(arguments: [0, 1, 3]) func anOlderFileBesideANewerLogIsRefused(_ lost: Int) throws {
        func token(_ id: Int) -> JournalBatch {
            var token = Self.token
            token.id = "\(id)"
            return JournalBatch(tokens: [token])
        }
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.commit(token(0))
            try writer.end()
        }
        let older = try bytes(of: path)
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            for id in 0..<lost { try writer.commit(token(1 + id)) }
            try writer.end()
        }
        // Killed: its log has two of them, and one with an event in between.
        var files: [String: [UInt8]] = [:]
        do {
            let journal = try SQLiteJournal(path: path)
            let writer = try journal.openWriter()
            try writer.commit(token(10))
            var samples = Samples()
            for _ in 0..<2 { _ = samples.event(Samples.run(1)) }
            try writer.commit(
                JournalBatch(events: [samples.event(Samples.run(1))], runs: [samples.row(Samples.run(1))]))
            try writer.commit(token(11))
            for name in ["", "-wal", ".mark"] { files[name] = try bytes(of: path + name) }
        }
        let page = try rootPage(files[""]!)
        try put(files, at: copy)
        #expect(WALFrames.transactions(writing: page, in: copy + "-wal") == 2)
        #expect(throws: Never.self) { _ = try SQLiteJournal(path: copy) }
        files[""] = older
        try put(files, at: copy)
        let inspection = try StoreInspection(path: copy).problemOfMark()
        if lost == 0 {
            #expect(throws: Never.self) { _ = try SQLiteJournal(path: copy) }
            #expect(inspection == nil)
        } else {
            let found = refusal(copy)
            let what =
                "of \(3 + lost) commits without events (of tokens, agents, tools, files, replies) it has 1 and the WAL 2"
            #expect(found?.code == .behindMark && found?.message.contains(what) == true, "\(String(describing: found))")
            #expect(inspection?.contains(what) == true)
        }
    }

    /// Of the table that counts commits without events.
    private func rootPage(_ store: [UInt8]) throws -> UInt32 {
        try put(["": store], at: copy)
        let database = try Database(path: copy, access: .readOnlyWithoutLog, pages: .sealed)
        let row = try database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'commits'")
        _ = try row.step()
        return UInt32(row.int64(at: 0))
    }

    /// Of large things that nobody needs at once: some room is always left for what has to be written.
    @Test func thereIsNoRoomForWhatWouldFillTheDisk() throws {
        let writer = try SQLiteJournal(path: path).openWriter()
        let free = try #require(freeSpace(at: path))
        #expect(writer.hasRoom(forBytes: 1) == (free > 16 << 20))
        #expect(!writer.hasRoom(forBytes: free / 2) && !writer.hasRoom(forBytes: free))
    }

    @Test func aLogThatIsNoneHasNoTransactions() throws {
        #expect(WALFrames.transactions(writing: 1, in: path + "-nowhere") == 0)
        try put(["-wal": []], at: copy)
        #expect(WALFrames.transactions(writing: 1, in: copy + "-wal") == 0)
        try put(["-wal": [UInt8](repeating: 7, count: 9000)], at: copy)
        #expect(WALFrames.transactions(writing: 1, in: copy + "-wal") == 0)
    }

    // MARK: - Stores and marks from before commits were counted

    /// frozen: the mark of stores of version 4.
    private func oldMark(_ content: StoreMark.Content) -> [UInt8] {
        let words: [UInt64] = [
            0x6B72_614D_746D_7246, content.store.high.byteSwapped, content.store.low.byteSwapped,
            content.committed.offset, content.committed.chain, content.durable.offset, content.durable.chain,
            content.boot.high.byteSwapped, content.boot.low.byteSwapped, content.generation,
        ]
        var bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        let sum = store_seal_hash(bytes, bytes.count, 0)
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt64($0))) }
        // The second place, without the first.
        return [UInt8](repeating: 0, count: 512) + bytes
    }

    /// A store of version 4 with its mark, as a kill leaves them: part of it in the log.
    private func makeVersionFour() throws -> (files: [String: [UInt8]], samples: Samples) {
        var samples = Samples()
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.commit(JournalBatch(tokens: [Self.token]))
            _ = try writer.checkpoint()
        }
        do {
            let database = try Database(path: path, access: .readWrite, pages: .sealed)
            for table in ["commits", "blobs", "blob_uses"] { try database.execute("DROP TABLE \(table)") }
            try database.execute("PRAGMA user_version = 4; PRAGMA wal_checkpoint(TRUNCATE)")
            try database.setCheckpointsOnClose(false)
            // In the log: an event, written as a server of version 4 wrote it.
            let chain = try StoreCheck(database: database, path: path).chain(at: 2)
            let batch = samples.batch(Samples.run(1), events: 1)
            try database.transaction {
                _ = try EventInsertion(database).insert(batch.events[0], at: 3, after: try #require(chain))
                try database.execute("UPDATE runs SET last_seq = 3")
            }
        }
        var content = try #require(StoreMark.find(ofStore: path).content)
        do {
            let database = try Database(path: path, access: .readOnly, pages: .sealed)
            try database.setCheckpointsOnClose(false)
            content.committed = try StoreCheck(database: database, path: path).verifyTail(version: 4)
            content.durable = content.committed
        }
        #expect(content.committed.offset == 3 && content.committed.eventless == 0)
        var files = try files(of: path)
        files[".mark"] = oldMark(content)
        #expect(StoreMark.Content(Array(files[".mark"]!.dropFirst(512))) == content)
        return (files, samples)
    }

    @Test func aStoreOfVersionFourGoesOverByItself() throws {
        var (files, samples) = try makeVersionFour()
        try put(files, at: copy)
        #expect(try StoreInspection(path: copy).schema == 4)
        #expect(try StoreInspection(path: copy).problemOfMark() == nil)
        for round in 1...3 as ClosedRange<UInt64> {
            let journal = try SQLiteJournal(path: copy)
            #expect(try journal.openReader().tokens(after: nil, limit: 9) == [Self.token])
            let writer = try journal.openWriter()
            #expect(writer.lastOffset == samples.offset)
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.commit(JournalBatch(requests: [Samples.request(round)]))
            #expect(StoreMark.find(ofStore: copy).content?.committed.eventless == round)
            if round == 2 { try writer.end() }
        }
        #expect(try StoreInspection(path: copy).schema == 6)
        #expect(try StoreInspection(path: copy).problemOfMark() == nil)
        // The store of before beside the mark of now has lost something.
        files[".mark"] = try bytes(of: copy + ".mark")
        try put(files, at: copy)
        #expect(refusal(copy)?.code == .behindMark)
    }

    /// What a log has lost may be found in it by somebody: nothing is written there before the store was compared.
    @Test func aStoreOfVersionFourThatHasLostItsEndStaysAsItIs() throws {
        var (files, _) = try makeVersionFour()
        let size = files["-wal"]!.count
        files["-wal"]![size - 100] ^= 1
        try put(files, at: copy)
        let error = refusal(copy)
        #expect(error?.message.contains("ends at event 2, and was known to reach event 3") == true)
        #expect(try bytes(of: copy) == files[""] && bytes(of: copy + "-wal") == files["-wal"])
        #expect(try StoreAcceptance.accept(store: copy, endingAt: 2) == 3)
        #expect(try SQLiteJournal(path: copy).openWriter().lastOffset == 2)
    }

    // MARK: - What else is at the place of a mark

    @Test(arguments: [
        ([], "is empty"), ([UInt8](repeating: 0, count: 616), "is no mark of a store"),
        (Array("#!/bin/sh\n".utf8), "is no mark of a store"),
        (Array("FrmtMrk2".utf8) + [UInt8](repeating: 3, count: 608), "is damaged"),
        (Array("FrmtMark".utf8), "is damaged"),
    ])
    func aMarkThatSaysNothingIsNamedAsWhatItIs(_ content: [UInt8], _ what: String) throws {
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1)))
        }
        try write(content, to: path + ".mark")
        let error = refusal(path)
        #expect(error?.code == .behindMark)
        for text in [try StoreInspection(path: path).problemOfMark(), error?.message] {
            #expect(text?.contains("its mark \(path).mark \(what)") == true, "\(text ?? "no problem")")
            #expect(text?.contains("is missing") == false)
        }
        #expect(try StoreAcceptance.accept(store: path, endingAt: 2) == nil)
        try SQLiteJournal(path: path).openWriter().end()
        // A store that ended in an orderly way needs none; beside one that says nothing it may be an older copy.
        try write(content, to: path + ".mark")
        for text in [try StoreInspection(path: path).problemOfMark(), refusal(path)?.message] {
            #expect(text?.contains("the store's mark \(path).mark \(what)") == true, "\(text ?? "no problem")")
        }
        unlink(path + ".mark")
        #expect(try StoreInspection(path: path).problemOfMark() == nil)
        #expect(try SQLiteJournal(path: path).openReader().lastOffset() == 2)
    }

    /// Opening a pipe waits for its other end, which nobody has.
    @Test(arguments: [".mark", ".lock", "-wal", "-shm", "-journal"], ["a pipe", "a directory"])
    func whatIsNoRegularFileBesideAStoreIsNamed(_ suffix: String, _ kind: String) throws {
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1)))
            try writer.end()
        }
        let store = try bytes(of: path)
        unlink(path + suffix)
        #expect((kind == "a pipe" ? mkfifo(path + suffix, 0o600) : mkdir(path + suffix, 0o700)) == 0)
        for (what, look) in [
            ("inspection", { _ = try StoreInspection(path: path) }), ("glance", { _ = try StoreGlance(path: path) }),
            ("start", { _ = try SQLiteJournal(path: path) }),
            ("acceptance", { _ = try StoreAcceptance.accept(store: path, endingAt: 2) }),
        ] as [(String, () throws -> Void)] {
            let error = #expect(throws: JournalError.self, "\(what)") { try look() }
            #expect(error?.code == .notAFile, "\(what): \(String(describing: error))")
            #expect(error?.message.contains("\(path)\(suffix) is \(kind)") == true, "\(String(describing: error))")
        }
        #expect(try bytes(of: path) == store)
        // A new store does not begin beside such a thing either.
        unlink(path)
        #expect(refusal(path)?.message.contains(kind) == true)
        #expect(access(path, F_OK) != 0)
    }

    /// The place is looked at once more when the mark is opened: what is there may have changed.
    @Test func aPipeIsNeverWaitedFor() throws {
        let pipe = directory.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        for flags in [O_RDONLY, O_RDWR | O_CREAT] {
            let refusal = #expect(throws: RegularFile.Refusal.self) { _ = try RegularFile.open(pipe, flags) }
            #expect(refusal?.systemError == nil && refusal?.cause.contains("a pipe") == true)
        }
        // Without a reader that is the system's own error.
        #expect(throws: RegularFile.Refusal.self) { _ = try RegularFile.open(pipe, O_WRONLY) }
        let missing = #expect(throws: RegularFile.Refusal.self) {
            _ = try RegularFile.open(directory.file("none"), O_RDONLY)
        }
        #expect(missing?.isMissing == true)
        #expect(symlink(pipe, path + ".mark") == 0)
        guard case .unusable(let error) = StoreMark.find(ofStore: path) else {
            Issue.record("a pipe is taken for a mark")
            return
        }
        #expect(error.code == .notAFile && error.message.contains("\(path).mark cannot be opened: it is a pipe"))
    }
}
