import Glibc
@testable import Journal
@testable import JournalSQLite
import Logging
import Testing

@Suite struct SQLiteJournalTests {
    let directory = TemporaryDirectory()
    var path: String { directory.file("store") }

    @Test func readersSeeWholeBatchesWhileTheLogIsMoved() throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        let checkpointer = try journal.openCheckpointer()
        var samples = Samples()
        for round in 1...100 as ClosedRange<UInt64> {
            try writer.commit(samples.batch(Samples.run(round % 5), events: 3))
            #expect(try reader.lastOffset() == round * 3)
            #expect(try reader.run(Samples.run(round % 5)) == samples.rows[Samples.run(round % 5)])
            if round % 20 == 0 { #expect(try checkpointer.checkpoint()?.isComplete == true) }
            if round % 30 == 0 { #expect(try writer.checkpoint()?.isComplete == true) }
        }
        for _ in 0..<2 { checkpointer.close() }
        let error = #expect(throws: JournalError.self) { _ = try checkpointer.checkpoint() }
        #expect(error?.code == .closed)
    }

    /// Race: the thread that keeps the log short has the store for itself for a moment, while its writer is closed or
    /// ended. Whoever opens the store then finds that nobody has it any more.
    @Test(.timeLimit(.minutes(1)), arguments: [false, true]) func whoKeepsTheLogShortLetsGo(_ ends: Bool) throws {
        var samples = Samples()
        for _ in 0..<50 {
            let journal = try SQLiteJournal(
                path: path, options: .fast, keepingLogShort: Logger(label: "") { _ in SwiftLogNoOpLogHandler() })
            let writer = try journal.openWriter()
            try writer.commit(samples.batch(Samples.run(1)))
            if ends { try writer.end() }
        }
        #expect(try SQLiteJournal(path: path).openReader().lastOffset() == samples.offset)
    }

    @Test func filesAreTheOwnersOnly() throws {
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        var samples = Samples()
        try writer.commit(samples.batch(Samples.run(1)))
        for suffix in ["", "-wal", "-shm", ".lock", ".mark"] {
            var status = stat()
            #expect(stat(path + suffix, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600, "\(suffix)")
        }
    }

    /// After a loss of power the log ends anywhere, in the middle of a page too: every whole batch before that is there,
    /// and nothing of the one that was being written. What was on the disk before is not lost with it: the mark says so.
    @Test func everyBeginningOfTheLogIsAStore() throws {
        var samples = Samples()
        var ends: [(bytes: Int, offset: UInt64)] = []
        let journal = try SQLiteJournal(path: path)
        let writer = try journal.openWriter()
        _ = try writer.checkpoint()
        for round in 0..<30 {
            try writer.commit(samples.batch(Samples.run(UInt64(round % 4)), events: 1 + round % 3))
            ends.append((32 + writer.walPages * (24 + 4096), samples.offset))
        }
        let file = try bytes(of: path)
        let log = try bytes(of: path + "-wal")
        let mark = try bytes(of: path + ".mark")
        #expect(log.count >= ends.last!.bytes)
        let copy = directory.file("copy")
        var cuts = ends.flatMap { [$0.bytes - 4096, $0.bytes - 1, $0.bytes, $0.bytes + 1] }
        cuts += (0..<20).map { _ in Int.random(in: 0...log.count) } + [0, 1, 31, 32]
        for cut in cuts {
            try write(file, to: copy)
            try write(Array(log.prefix(cut)), to: copy + "-wal")
            unlink(copy + "-shm")
            let expected = ends.last { $0.bytes <= cut }?.offset ?? 0
            // The mark as it is after the last batch, and none.
            unlink(copy + ".mark")
            if cut % 2 == 0 { try write(mark, to: copy + ".mark") }
            if expected < samples.offset || cut % 2 != 0 {
                let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: copy) }
                #expect(error?.code == .behindMark)
                #expect(error?.message.contains("ends at event \(expected)") == true, "\(String(describing: error))")
                if cut % 2 == 0 { #expect(error?.message.contains("event \(samples.offset) (") == true) }
                let wrong = #expect(throws: JournalError.self) {
                    try StoreAcceptance.accept(store: copy, endingAt: expected + 1)
                }
                #expect(wrong?.code == .behindMark)
                let known = try StoreAcceptance.accept(store: copy, endingAt: expected)
                #expect(known == (cut % 2 == 0 ? samples.offset : nil))
            }
            let cutJournal = try SQLiteJournal(path: copy)
            let reader = try cutJournal.openReader()
            #expect(try reader.lastOffset() == expected, "\(cut)")
            let events = try reader.events(afterOffset: 0, maxBytes: .max, maxCount: .max)
            #expect(events.map(\.offset) == Array(UInt64(1)..<(expected + 1)))
            for run in Set(events.map(\.run)) {
                let seqs = events.filter { $0.run == run }.map(\.seq)
                #expect(try reader.run(run)?.lastSeq == seqs.last)
                #expect(seqs == Array(1...UInt64(seqs.count)))
            }
            let next = try cutJournal.openWriter()
            #expect(next.lastOffset == expected)
        }
    }

    /// Commits while checkpoints run beside them and readers come and go: the log begins anew again and again.
    @Test(.timeLimit(.minutes(1))) func theLogStaysShort() throws {
        let journal = try SQLiteJournal(path: path, options: .fast)
        let writer = try journal.openWriter()
        let checkpointer = try journal.openCheckpointer()
        let reader = try journal.openReader()
        var samples = Samples()
        var longest = 0
        for round in 1...2000 as ClosedRange<UInt64> {
            try writer.commit(samples.batch(Samples.run(round % 50)))
            longest = max(longest, writer.walPages)
            if writer.walPages > 200 { #expect(try checkpointer.checkpoint()?.isComplete == true) }
            if round % 10 == 0 { #expect(try reader.lastOffset() == round * 2) }
        }
        #expect(longest < 300)
        var status = stat()
        #expect(stat(path + "-wal", &status) == 0)
        #expect(status.st_size < 300 * 4200)
    }

    @Test func oldRequestsGoWhenThereAreTooMany() throws {
        var options = JournalOptions()
        options.requestLimit = 10
        for part in 0..<2 as Range<UInt64> {
            let writer = try SQLiteJournal(path: path, options: options).openWriter()
            for number in part * 20 + 1...part * 20 + 20 {
                try writer.commit(JournalBatch(requests: [Samples.request(number)]))
            }
            #expect(try writer.request(Samples.request(part * 20 + 11).id) != nil)
            #expect(try writer.request(Samples.request(part * 20 + 10).id) == nil)
        }
        // A lower limit is reached in small steps.
        options.requestLimit = 2
        let journal = try SQLiteJournal(path: path, options: options)
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        for number in 41...50 as ClosedRange<UInt64> {
            try writer.commit(JournalBatch(requests: [Samples.request(number)]))
        }
        #expect(try reader.request(Samples.request(48).id) == nil)
        #expect(try reader.request(Samples.request(49).id) != nil)
    }
}

extension JournalOptions {
    /// Without waiting for the disk.
    static var fast: JournalOptions {
        var options = JournalOptions()
        options.durability = .normal
        return options
    }
}
