import CStoreSeals
import Glibc
@testable import Journal
@testable import JournalSQLite
import SQLite
import Testing

/// Whatever happens to the bytes of a store, by accident: it has no effect, or it is named. It is never a fresh start, never
/// a shorter past, and nothing false is served.
@Suite(.timeLimit(.minutes(10))) struct StoreDamageTests {
    let directory = TemporaryDirectory()
    var path: String { directory.file("store") }

    /// FERMATA_SOAK=10 is a thousand flips between starts and as many while the store is open.
    private static let rounds = 100 * (getenv("FERMATA_SOAK").flatMap { Int32(String(cString: $0)) }.map(Int.init) ?? 1)

    /// Everything that a journal says.
    private struct Truth: Equatable {
        var events: [EventRow] = []
        var runs: [JournalRunID: RunRow] = [:]
        var listed: [RunRow] = []
        var requests: [RequestRow] = []
        var asks: [AskRow] = []
        var agents: [AgentRow] = []
        var snapshots: [SnapshotRow] = []
        var tokens: [TokenRow] = []

        /// - Parameter ids: of the runs and requests that are asked for.
        init(_ reader: SQLiteJournalReader, runs ids: Range<UInt64>, requests numbers: Range<UInt64>) throws {
            events = try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max)
            var byRun: [EventRow] = []
            for number in ids {
                let id = Samples.run(number)
                if let row = try reader.run(id) { runs[id] = row }
                byRun += try reader.events(of: id, after: 0, maxBytes: .max, maxCount: .max)
                if let snapshot = try reader.snapshot(of: id) { snapshots.append(snapshot) }
            }
            guard byRun.sorted(by: { $0.offset < $1.offset }) == events else { throw Contradiction() }
            listed = try reader.runs(RunFilter(statuses: [1, 2]), order: .newestFirst, after: nil, limit: 1000)
            listed += try reader.activeRuns()
            for number in numbers {
                if let row = try reader.request(Samples.request(number).id) { requests.append(row) }
            }
            asks = try reader.openAsks(of: nil, after: nil, limit: 1000)
            agents = try reader.agents(after: nil, limit: 1000)
            tokens = try reader.tokens(after: nil, limit: 1000)
        }
    }

    private struct Contradiction: Error {}

    private static let runs: Range<UInt64> = 0..<12
    private static let requests: Range<UInt64> = 0..<60

    /// A store with a bit of everything, of which half is in its log, as a kill leaves it.
    private func make() throws -> (files: [String: [UInt8]], truth: Truth) {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        for round in Self.requests {
            let run = Samples.run(round % 10)
            var batch = samples.batch(run, events: 3) { $0.active = round % 3 == 0 }
            batch.events[1].body = [UInt8](repeating: UInt8(round), count: Int(round) * 250)
            batch.requests = [Samples.request(round)]
            batch.asks = [
                AskRow(
                    run: run, number: UInt32(round), open: round % 2 == 0, kind: 1, body: [7, 7], openedAt: 5, due: nil)
            ]
            batch.agents = [AgentRow(name: "agent \(round)", version: 1, at: 1, body: [9, 9])]
            try writer.commit(batch)
            // The last commit of all has no event.
            if round % 10 == 9 {
                let token = TokenRow(
                    id: "token", name: "ci", scope: 3, sha256: [UInt8](repeating: 7, count: 32),
                    createdAt: Int64(round), expiresAt: nil, revokedAt: nil, by: "tester")
                try writer.commit(JournalBatch(tokens: [token]))
            }
            if round % 10 == 0 {
                try writer.keep([SnapshotRow(run: run, seq: samples.seqs[run]!, format: 1, body: [3])])
            }
            if round == 30 { _ = try writer.checkpoint() }
        }
        let truth = try Truth(journal.openReader(), runs: Self.runs, requests: Self.requests)
        var files: [String: [UInt8]] = [:]
        for suffix in ["", "-wal", ".mark"] { files[suffix] = try bytes(of: path + suffix) }
        return (files, truth)
    }

    private func put(_ files: [String: [UInt8]], at copy: String) throws {
        for suffix in ["", "-wal", "-shm", ".mark", ".lock", ".reserve"] { unlink(copy + suffix) }
        for (suffix, bytes) in files { try write(bytes, to: copy + suffix) }
    }

    /// What a server would do with the store: it starts, everything is read, something is written, all is read again.
    ///
    /// - Returns: whether the damage was named.
    private func use(_ copy: String, _ truth: Truth, _ what: String) throws -> Bool {
        do {
            let after = try serve(copy, truth, what)
            // The file alone.
            for suffix in ["-wal", "-shm", ".mark"] { unlink(copy + suffix) }
            let end = try Truth(
                SQLiteJournal(path: copy).openReader(), runs: Self.runs, requests: Self.requests)
            #expect(end == after, "\(what): the file alone is another store")
            return false
        } catch let error as JournalError {
            #expect(
                [.corrupt, .behindMark, .notADatabase, .notAStore, .newerSchema, .unreadable].contains(error.code),
                "\(what): \(error)")
            return true
        }
    }

    private func serve(_ copy: String, _ truth: Truth, _ what: String) throws -> Truth {
        let journal = try SQLiteJournal(path: copy)
        let reader = try journal.openReader()
        let before = try Truth(reader, runs: Self.runs, requests: Self.requests)
        #expect(before == truth, "\(what): something else is served")
        let writer = try journal.openWriter()
        var samples = Samples()
        samples.offset = writer.lastOffset
        try writer.commit(samples.batch(Samples.run(11), events: 1))
        let after = try Truth(reader, runs: Self.runs, requests: Self.requests)
        #expect(Array(after.events.dropLast()) == truth.events, "\(what): the past has changed")
        try writer.end()
        return after
    }

    @Test func aFlippedBitBetweenTwoStartsIsNamedOrHasNoEffect() throws {
        let (files, truth) = try make()
        let copy = directory.file("copy")
        var counts = [false: 0, true: 0]
        for round in 0..<Self.rounds {
            let suffix = round % 2 == 0 ? "" : "-wal"
            var changed = files
            let bit = Int.random(in: 0..<changed[suffix]!.count * 8)
            changed[suffix]![bit / 8] ^= 1 << UInt8(bit % 8)
            try put(changed, at: copy)
            let isNamed = try use(
                copy, truth, "bit \(bit % 8) of byte \(bit / 8) of the \(suffix.isEmpty ? "store" : "log")")
            counts[isNamed, default: 0] += 1
        }
        print("\(Self.rounds) flips between starts: \(counts[true]!) named, \(counts[false]!) without effect")
        #expect(counts[true]! > 0)
    }

    /// The store is open while a bit of one of its files is flipped: it is read through another connection, whose cache
    /// is empty, and written to; then it is left as a kill leaves it and opened again.
    @Test func aFlippedBitWhileTheStoreIsOpenIsNamedOrHasNoEffect() throws {
        let (files, truth) = try make()
        let copy = directory.file("copy")
        var counts = [false: 0, true: 0]
        for round in 0..<Self.rounds {
            try put(files, at: copy)
            let suffix = round % 2 == 0 ? "" : "-wal"
            let bit = Int.random(in: 0..<files[suffix]!.count * 8)
            let what = "bit \(bit % 8) of byte \(bit / 8) of the open \(suffix.isEmpty ? "store" : "log")"
            var acknowledged = truth.events
            var isNamed = false
            do {
                let journal = try SQLiteJournal(path: copy)
                let writer = try journal.openWriter()
                let file = open(copy + suffix, O_RDWR | O_CLOEXEC)
                defer { close(file) }
                var byte: UInt8 = 0
                #expect(pread(file, &byte, 1, off_t(bit / 8)) == 1)
                byte ^= 1 << UInt8(bit % 8)
                #expect(pwrite(file, &byte, 1, off_t(bit / 8)) == 1)
                let reader = try journal.openReader()
                let before = try Truth(reader, runs: Self.runs, requests: Self.requests)
                #expect(before == truth, "\(what): something else is served")
                var samples = Samples()
                samples.offset = writer.lastOffset
                let batch = samples.batch(Samples.run(11), events: 1)
                try writer.commit(batch)
                acknowledged += samples.events.suffix(1)
            } catch let error as JournalError {
                #expect(error.code == .corrupt || error.code == .unreadable, "\(what): \(error)")
                isNamed = true
            }
            do {
                let journal = try SQLiteJournal(path: copy)
                let events = try journal.openReader().events(afterOffset: 0, maxBytes: .max, maxCount: .max)
                #expect(events == acknowledged, "\(what): after a kill the past is another one")
            } catch {
                #expect([.corrupt, .behindMark, .notADatabase, .unreadable].contains(error.code), "\(what): \(error)")
                isNamed = true
            }
            counts[isNamed, default: 0] += 1
        }
        print("\(Self.rounds) flips in an open store: \(counts[true]!) named, \(counts[false]!) without effect")
        #expect(counts[true]! > 0)
    }

    @Test func aCutIsNamedOrHasNoEffect() throws {
        let (files, truth) = try make()
        let copy = directory.file("copy")
        var named = 0
        for round in 0..<Self.rounds / 5 {
            let suffix = round % 2 == 0 ? "" : "-wal"
            var changed = files
            let count = Int.random(in: 0..<changed[suffix]!.count)
            changed[suffix] = Array(changed[suffix]!.prefix(count))
            try put(changed, at: copy)
            if try use(copy, truth, "the \(suffix.isEmpty ? "store" : "log") cut to \(count)") { named += 1 }
        }
        print("\(Self.rounds / 5) cuts: \(named) named")
        #expect(named > 0)
    }

    @Test func filesThatAreGoneEmptyOrAnotherStoresAreNamed() throws {
        let (files, truth) = try make()
        let copy = directory.file("copy")
        let other = directory.file("other")
        do {
            let writer = try SQLiteJournal(path: other).openWriter()
            var samples = Samples()
            for _ in 0..<100 { try writer.commit(samples.batch(Samples.run(1), events: 3)) }
        }
        for suffix in ["", "-wal"] {
            for content in [nil, [], try bytes(of: other)] as [[UInt8]?] {
                var changed = files
                changed[suffix] = content
                try put(changed, at: copy)
                let what =
                    "\(suffix.isEmpty ? "store" : "log") \(content.map { $0.isEmpty ? "emptied" : "replaced" } ?? "gone")"
                #expect(try use(copy, truth, what), "\(what)")
            }
        }
        // An older copy of the whole store, and a store from elsewhere, beside a mark that knows more.
        var older = files
        older["-wal"] = nil
        try put(older, at: copy)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: copy) }
        #expect(error?.code == .behindMark)
        #expect(
            error?.message.contains("was known to reach event \(truth.events.count)") == true,
            "\(String(describing: error))")
        // Only the mark is gone: nobody can tell.
        var unmarked = files
        unmarked[".mark"] = nil
        try put(unmarked, at: copy)
        #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: copy) }
        #expect(try StoreAcceptance.accept(store: copy, endingAt: UInt64(truth.events.count)) == nil)
        #expect(try use(copy, truth, "accepted") == false)
    }

    /// Whether pages are sealed is said by the file's first bytes alone: a start that took the first page from the log
    /// would write pages without seals, and end with a store that is none.
    @Test func aFileThatDoesNotBeginAsOneIsRefusedAndLeftAsItIs() throws {
        let (files, _) = try make()
        let copy = directory.file("copy")
        let whole = try #require(files[""])
        var damaged: [(String, [UInt8])] = (0..<16 * 8).map { bit in
            var flipped = whole
            flipped[bit / 8] ^= 1 << (bit % 8)
            return ("bit \(bit)", flipped)
        }
        damaged.append(("the first page is zeros", [UInt8](repeating: 0, count: 4096) + whole.dropFirst(4096)))
        damaged.append(("zeros", [UInt8](repeating: 0, count: whole.count)))
        damaged.append(("noise", whole.indices.map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }))
        for (what, content) in damaged {
            var changed = files
            changed[""] = content
            try put(changed, at: copy)
            for look in [
                { _ = try StoreInspection(path: copy) }, { _ = try StoreGlance(path: copy) },
                { _ = try SQLiteJournal(path: copy) },
                { _ = try StoreAcceptance.accept(store: copy, endingAt: 1) },
            ] as [() throws -> Void] {
                let error = #expect(throws: JournalError.self, "\(what)") { try look() }
                #expect(error?.code == .corrupt, "\(what): \(String(describing: error))")
            }
            for (suffix, content) in changed where suffix != ".lock" {
                #expect(try bytes(of: copy + suffix) == content, "\(what): \(suffix)")
            }
        }
        try put(files, at: copy)
        _ = try SQLiteJournal(path: copy)
    }

    /// A copy of a store that was ended has no mark and needs none; one that says nothing was damaged, and the store may be
    /// an older one.
    @Test func aMarkThatSaysNothingIsNamedBesideAnEndedStoreToo() throws {
        do {
            let writer = try SQLiteJournal(path: path).openWriter()
            var samples = Samples()
            try writer.commit(samples.batch(Samples.run(1), events: 3))
            try writer.end()
        }
        let mark = try bytes(of: path + ".mark")
        for content in [[], [120], [UInt8](repeating: 0, count: mark.count), mark.map { $0 ^ 0x55 }] as [[UInt8]] {
            try write(content, to: path + ".mark")
            let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path) }
            #expect(error?.code == .behindMark && error?.message.contains("fermata accept 3") == true)
        }
        #expect(try StoreAcceptance.accept(store: path, endingAt: 3) == nil)
        try SQLiteJournal(path: path).openWriter().end()
        unlink(path + ".mark")
        _ = try SQLiteJournal(path: path)
        #expect(access(path + ".mark.new", F_OK) != 0)
    }

    /// SQLite removes the log that is beside an empty file: nothing is connected to one that was emptied, also only to
    /// look at it.
    @Test func lookingAtAnEmptiedStoreLeavesItsLog() throws {
        var (files, _) = try make()
        files[""] = []
        let copy = directory.file("copy")
        let log = try #require(files["-wal"])
        try put(files, at: copy)
        for (what, look) in [
            ("inspection", { _ = try StoreInspection(path: copy) }), ("glance", { _ = try StoreGlance(path: copy) }),
            ("start", { _ = try SQLiteJournal(path: copy) }),
            ("acceptance", { _ = try StoreAcceptance.accept(store: copy, endingAt: 1) }),
        ] as [(String, () throws -> Void)] {
            let error = #expect(throws: JournalError.self, "\(what)") { try look() }
            #expect(error?.code == .behindMark, "\(what): \(String(describing: error))")
            #expect(try bytes(of: copy + "-wal") == log && bytes(of: copy).isEmpty, "\(what)")
        }
    }

    /// With commits that are not synced, the mark names what the disk has: a log that a reader holds is not surely there.
    @Test func theMarkIsNeverAheadOfTheDisk() throws {
        var options = JournalOptions()
        options.durability = .normal
        let journal = try SQLiteJournal(path: path, options: options)
        let writer = try journal.openWriter()
        let keeper = try journal.openCheckpointer()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        _ = try keeper.checkpoint()
        let durable = try #require(StoreMark.find(ofStore: path).content).durable
        #expect(durable.offset == writer.lastOffset)
        do {
            let inspection = try StoreInspection(path: path)
            try writer.commit(samples.batch(Samples.run(1)))
            _ = try keeper.checkpoint()
            let mark = try #require(StoreMark.find(ofStore: path).content)
            #expect(mark.durable == durable && mark.committed.offset == writer.lastOffset)
            withExtendedLifetime(inspection) {}
        }
        _ = try keeper.checkpoint()
        #expect(try #require(StoreMark.find(ofStore: path).content).durable.offset == writer.lastOffset)
    }

    /// SQLite takes the log that is beside a file for that file's. Another store, and an older copy of this one, of whatever
    /// length, in the place of the file whose log was left by a kill.
    @Test func aLogThatIsNotTheFilesIsNamed() throws {
        let other = directory.file("other")
        for (before, after, others) in [
            (3, 6, 9), (9, 3, 12), (6, 6, 12), (4, 8, 12), (11, 1, 12), (5, 5, 30), (30, 2, 5),
        ] {
            for suffix in ["", "-wal", "-shm", ".mark", ".lock", ".reserve"] {
                unlink(path + suffix); unlink(other + suffix)
            }
            func fill(_ path: String, _ range: Range<Int>) throws -> SQLiteJournalWriter {
                let writer = try SQLiteJournal(path: path).openWriter()
                for number in range {
                    var samples = Samples()
                    samples.offset = writer.lastOffset
                    try writer.commit(samples.batch(Samples.run(UInt64(number)), events: 3))
                }
                return writer
            }
            try fill(path, 0..<before / 2).end()
            let older = try bytes(of: path)
            try fill(path, before / 2..<before).end()
            let killed = try fill(path, before..<before + after)
            let log = try bytes(of: path + "-wal")
            let mark = try bytes(of: path + ".mark")
            let last = killed.lastOffset
            try killed.end()
            try fill(other, 100..<100 + others).end()
            let copy = directory.file("copy")
            try put(["": try bytes(of: other), "-wal": log, ".mark": mark], at: copy)
            let error = #expect(throws: JournalError.self, "\(before) + \(after), \(others)") {
                _ = try SQLiteJournal(path: copy)
            }
            #expect(error?.code == .behindMark || error?.code == .corrupt, "\(String(describing: error))")
            try put(["": older, "-wal": log, ".mark": mark], at: copy)
            do {
                // The log of a small store may have every page that has changed since.
                let reader = try SQLiteJournal(path: copy).openReader()
                #expect(try reader.events(afterOffset: 0, maxBytes: .max, maxCount: 1000).count == Int(last))
            } catch {
                #expect(error.code == .behindMark || error.code == .corrupt, "\(error)")
            }
        }
    }

    /// Another store is written into the file of one that is open; and its log is damaged.
    @Test func whatIsWrittenIntoAnOpenStoreIsNoticed() throws {
        let other = directory.file("other")
        do {
            let writer = try SQLiteJournal(path: other).openWriter()
            var samples = Samples()
            for _ in 0..<50 { try writer.commit(samples.batch(Samples.run(2))) }
            try writer.end()
        }
        let writer = try SQLiteJournal(path: path).openWriter()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        try writer.verify()
        let file = open(path, O_WRONLY)
        let content = try bytes(of: other)
        #expect(pwrite(file, content, content.count, 0) == content.count)
        let error = #expect(throws: JournalError.self) { try writer.verify() }
        #expect(error?.code == .filesChanged && error?.message.contains("was overwritten") == true)
        #expect(throws: JournalError.self) { try writer.commit(samples.batch(Samples.run(1))) }
    }

    /// Somebody puts an older copy back while the store is open, without removing anything first, as `cp` does: SQLite would
    /// go on from there, and what was committed since would be written over.
    @Test(arguments: [
        ["-shm"], ["-wal"], [""], ["", "-wal", "-shm"], ["-wal", "-shm"], ["", "-wal", "-shm", ".mark"],
    ])
    func anOlderStateWrittenIntoOpenFilesIsNoticed(_ suffixes: [String]) throws {
        for (before, between, after) in [(3, 0, 5), (40, 0, 1), (40, 60, 30), (300, 700, 20)] {
            let path = directory.file("older-\(before)-\(between)")
            var known = 0
            do {
                let journal = try SQLiteJournal(path: path)
                let writer = try journal.openWriter()
                let reader = try journal.openReader()
                var samples = Samples()
                for _ in 0..<before { try writer.commit(samples.batch(Samples.run(1))) }
                if between > 0 { _ = try writer.checkpoint() }
                let old = try suffixes.map { try bytes(of: path + $0) }
                for _ in 0..<between { try writer.commit(samples.batch(Samples.run(2))) }
                if between > 0 { _ = try writer.checkpoint() }
                for _ in 0..<after { try writer.commit(samples.batch(Samples.run(3))) }
                known = Int(writer.lastOffset)
                try writer.verify()
                for (suffix, content) in zip(suffixes, old) {
                    let file = open(path + suffix, O_WRONLY)
                    #expect(pwrite(file, content, content.count, 0) == content.count)
                    close(file)
                }
                let error = Result { try writer.verify() }
                if case .failure(let error) = error {
                    #expect((error as? JournalError)?.code == .filesChanged, "\(error)")
                    #expect(throws: JournalError.self) { try writer.commit(samples.batch(Samples.run(3))) }
                } else {
                    // What was written is what stood there: it has no effect, now or later.
                    try writer.commit(samples.batch(Samples.run(3)))
                    known = Int(writer.lastOffset)
                    let found = try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max)
                    #expect(found.count == known, "\(suffixes) \(before) \(between)")
                }
            }
            // What is there afterwards has all that was acknowledged, or says that it has not.
            do {
                let reader = try SQLiteJournal(path: path).openReader()
                let found = try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max)
                // With an older mark nothing is left that could tell: it was said when it was done.
                #expect(found.count == known || suffixes.contains(".mark"), "\(suffixes) \(before) \(between)")
            } catch {
                #expect(error.code == .behindMark || error.code == .corrupt || error.code == .notADatabase, "\(error)")
            }
        }
    }

    /// Before each transaction, not only when it is time to look.
    @Test(arguments: [["-shm"], ["-shm", "-wal"]]) func nothingIsCommittedOnTopOfAnOlderState(_ suffixes: [String])
        throws
    {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        for _ in 0..<20 { try writer.commit(samples.batch(Samples.run(1))) }
        let old = try suffixes.map { try bytes(of: path + $0) }
        for _ in 0..<20 { try writer.commit(samples.batch(Samples.run(1))) }
        for (suffix, content) in zip(suffixes, old) {
            let file = open(path + suffix, O_WRONLY)
            #expect(pwrite(file, content, content.count, 0) == content.count)
            close(file)
        }
        let error = #expect(throws: JournalError.self) { try writer.commit(samples.batch(Samples.run(1))) }
        #expect(error?.code == .filesChanged, "\(String(describing: error))")
        #expect(throws: JournalError.self) { try writer.commit(samples.batch(Samples.run(1))) }
    }

    /// A start that is refused changes nothing: with the undamaged file put back, all of the log is there.
    @Test func aRefusedStartLeavesTheLog() throws {
        let (files, truth) = try make()
        let copy = directory.file("copy")
        let database = try #require(files[""])
        var refused = 0
        for place in stride(from: 4096 + 200, to: database.count, by: 2048) {
            var damaged = database
            damaged[place] ^= 8
            var changed = files
            changed[""] = damaged
            try put(changed, at: copy)
            do {
                let journal = try SQLiteJournal(path: copy)
                let writer = try journal.openWriter()
                _ = try Truth(try journal.openReader(), runs: Self.runs, requests: Self.requests)
                writer.close()
            } catch {
                refused += 1
                #expect(try bytes(of: copy) == damaged && bytes(of: copy + "-wal") == files["-wal"], "\(place)")
                try put(
                    ["": database, "-wal": try #require(files["-wal"]), ".mark": try #require(files[".mark"])], at: copy
                )
                _ = try serve(copy, truth, "put back")
            }
        }
        #expect(refused > 0)
    }

    @Test func aDamagedWALEndsAllAcknowledging() throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        for _ in 0..<20 { try writer.commit(samples.batch(Samples.run(1))) }
        let size = try bytes(of: path + "-wal").count
        let log = open(path + "-wal", O_WRONLY)
        defer { close(log) }
        for offset in stride(from: 32 + 24 + 100, to: size, by: 4096 + 24) {
            #expect(pwrite(log, [1, 2, 3, 4, 5, 6, 7, 8] as [UInt8], 8, off_t(offset)) == 8)
        }
        #expect(throws: JournalError.self) {
            _ = try journal.openReader().events(afterOffset: 0, maxBytes: .max, maxCount: 100)
        }
        let error = #expect(throws: JournalError.self) { try writer.commit(samples.batch(Samples.run(1))) }
        #expect(error?.code == .filesChanged, "\(String(describing: error))")
        #expect(throws: JournalError.self) { try writer.verify() }
    }

    /// `check` and `backup` of a store by the name of a link look at the files that its server has.
    @Test func theFilesOfALinkAreThoseOfItsTarget() throws {
        let writer = try SQLiteJournal(path: path).openWriter()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        let link = directory.file("link")
        #expect(symlink(path, link) == 0)
        #expect(try StoreInspection(path: link).problemOfMark() == nil)
        #expect(try StoreGlance(path: link).walBytes > 0)
    }

    @Test func aStoreWithTwoNamesIsRefused() throws {
        let (files, truth) = try make()
        let copy = directory.file("copy")
        try put(files, at: copy)
        #expect(link(copy, directory.file("name")) == 0)
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: copy) }
        #expect(error?.code == .shared)
        unlink(directory.file("name"))
        #expect(try use(copy, truth, "one name again") == false)
    }

    /// What is done to the files of an open store is noticed before the next batch is written.
    @Test(arguments: ["", "-wal"], ["gone", "replaced", "cut", "emptied", "linked"])
    func anOpenStoreNoticesWhatIsDoneToItsFiles(_ suffix: String, _ deed: String) throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        for _ in 0..<50 { try writer.commit(samples.batch(Samples.run(1))) }
        _ = try writer.checkpoint()
        for _ in 0..<50 { try writer.commit(samples.batch(Samples.run(1))) }
        try writer.verify()
        let file = path + suffix
        switch deed {
        case "gone": unlink(file)
        case "replaced":
            try write(try bytes(of: file), to: file + ".new")
            #expect(rename(file + ".new", file) == 0)
        case "cut": #expect(truncate(file, 4096) == 0)
        case "emptied": #expect(truncate(file, 0) == 0)
        default: #expect(link(file, directory.file("name")) == 0)
        }
        let error = #expect(throws: JournalError.self) { try writer.commit(samples.batch(Samples.run(1))) }
        #expect(error?.code == .filesChanged && error?.message.contains(file) == true, "\(String(describing: error))")
        #expect(!writer.isOpen)
        #expect(throws: JournalError.self) { try writer.verify() }
    }

    /// The files that a commit does not touch are looked at as well, when that is asked for.
    @Test(arguments: ["-shm", ".lock", ".mark"]) func theOtherFilesAreLookedAt(_ suffix: String) throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        try writer.verify()
        unlink(path + suffix)
        let error = #expect(throws: JournalError.self) { try writer.verify() }
        #expect(error?.code == .filesChanged)
    }

    /// An orderly end leaves one file, which is the whole store wherever it is put; and so does a copy.
    @Test func afterAnOrderlyEndTheFileAloneIsTheStore() throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        for _ in 0..<50 { try writer.commit(samples.batch(Samples.run(1))) }
        let reader = try journal.openReader()
        let events = try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max)
        let backup = directory.file("backup")
        try write([], to: backup)
        try StoreInspection(path: path).copy(to: backup) { _, _ in }
        try writer.end()
        #expect(try bytes(of: path + "-wal").isEmpty)
        let copy = directory.file("copy")
        try write(try bytes(of: path), to: copy)
        for file in [copy, backup] {
            let again = try SQLiteJournal(path: file)
            #expect(try again.openReader().events(afterOffset: 0, maxBytes: .max, maxCount: .max) == events)
            // While it is in use its file alone is no store.
            try write(try bytes(of: file), to: directory.file("torn"))
            let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: directory.file("torn")) }
            #expect(error?.code == .behindMark)
        }
    }

    /// Pages that were never used, freed and used again are sealed as well: large batches that go through the log before
    /// they are committed, and copies of all pages.
    @Test func everyPageIsSealedWhateverWasDoneToIt() throws {
        var options = JournalOptions.fast
        options.requestLimit = 50
        let journal = try SQLiteJournal(path: path, options: options)
        let writer = try journal.openWriter()
        var samples = Samples()
        for round in 0..<400 as Range<UInt64> {
            var batch = samples.batch(Samples.run(round % 5))
            batch.requests = [
                RequestRow(
                    id: Samples.request(round).id, digest: [1],
                    reply: [UInt8](repeating: 1, count: Int(round * 37 % 9000)), at: 1)
            ]
            try writer.commit(batch)
            if round % 50 == 0 { _ = try writer.checkpoint() }
        }
        // More than the cache has: pages are written to the log, and written again, before the commit.
        var large = samples.batch(Samples.run(6), events: 3000)
        for index in large.events.indices { large.events[index].body = [UInt8](repeating: 5, count: 3000) }
        try writer.commit(large)
        #expect(try writer.forgetRequests(before: 2, limit: 40) > 0)
        _ = try writer.checkpoint()
        let backup = directory.file("backup")
        try write([], to: backup)
        do {
            let inspection = try StoreInspection(path: path)
            #expect(try inspection.integrityProblems(limit: 10).isEmpty)
            try inspection.copy(to: backup) { _, _ in }
        }
        #expect(try StoreInspection(path: backup).integrityProblems(limit: 10).isEmpty)
        try writer.end()
        let copy = try SQLiteJournal(path: backup).openReader()
        #expect(try copy.events(afterOffset: 0, maxBytes: .max, maxCount: .max).count == Int(samples.offset))
    }

    /// frozen: an event's checksum and chain, a page's seal, and the layout of a mark. A store of today is read by every
    /// version to come.
    @Test func theFormatsAreAsTheyWere() throws {
        #expect(store_seal_hash("abc", 3, 0) == 0x78AF_5F94_892F_3950)
        #expect(store_seal_hash("abc", 3, 1) != store_seal_hash("abc", 3, 0))
        let body: [UInt8] = [1, 2, 3]
        let sum = store_seal_event(1, 0x0190_0000_0001_7000, 0x8000_0000_0000_0001, 1, 1000, 1, body, 3)
        #expect(sum == 2_341_626_901_607_139_424 && store_seal_chain(0, sum) == 6_181_762_506_205_148_319)
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        try writer.commit(JournalBatch(requests: [Samples.request(1)]))
        var rows: [String] = []
        do {
            let database = try Database(path: path, access: .readOnly)
            let statement = try database.prepare("SELECT sum, chain FROM events ORDER BY offset")
            while try statement.step() { rows.append("\(statement.int64(at: 0)) \(statement.int64(at: 1))") }
        }
        #expect(rows == ["2341626901607139424 6181762506205148319", "-5326549446484072860 5720830266231896288"])

        func word(_ bytes: some Collection<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        let mark = try bytes(of: path + ".mark")
        let halves: [[UInt8]] = [0, 512].map { (start: Int) -> [UInt8] in Array(mark.dropFirst(start).prefix(104)) }
        let places = halves.filter { $0.count == 104 && $0[0] != 0 }
        let last = try #require(places.max { word($0[88..<96]) < word($1[88..<96]) })
        #expect(String(decoding: last.prefix(8), as: UTF8.self) == "FrmtMrk2")
        for point in [24, 48] {
            #expect(word(last[point..<point + 8]) == 2)
            #expect(word(last[point + 8..<point + 16]) == 5_720_830_266_231_896_288)
            #expect(word(last[point + 16..<point + 24]) == 1)
        }
        #expect(word(last[96..<104]) == store_seal_hash(last, 96, 0))

        try writer.end()
        let file = try bytes(of: path)
        #expect(file[20] == 8 && file.count % 4096 == 0)
        for page in 0..<file.count / 4096 {
            let bytes = Array(file[page * 4096..<(page + 1) * 4096])
            #expect(word(bytes[4088...]) == store_seal_hash(bytes, 4088, UInt64(page + 1)), "page \(page + 1)")
        }
    }
}
