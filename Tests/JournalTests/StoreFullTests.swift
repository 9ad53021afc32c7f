import Journal
import JournalSQLite
import Testing

@Suite struct StoreFullTests {
    let directory = TemporaryDirectory()

    @Test func aFullStoreWritesNothingAndGoesOn() throws {
        let path = directory.file("store")
        var options = JournalOptions()
        options.pageLimit = 40
        var samples = Samples()
        do {
            let journal = try SQLiteJournal(path: path, options: options)
            let writer = try journal.openWriter()
            let reader = try journal.openReader()
            try writer.commit(samples.batch(Samples.run(1)))
            let before = samples
            for _ in 0..<5 {
                samples = before
                let body = [UInt8](repeating: 1, count: 200_000)
                let batch = JournalBatch(
                    events: [samples.event(Samples.run(1)), samples.event(Samples.run(2), body: body)],
                    runs: [samples.row(Samples.run(1)), samples.row(Samples.run(2))], requests: [Samples.request(1)])
                let error = #expect(throws: JournalError.self) { try writer.commit(batch) }
                #expect(error?.code == .storeFull)
                #expect(error.map { "\($0)" }?.contains(path) == true)
                #expect(writer.isOpen && writer.lastOffset == 2)
                #expect(try reader.lastOffset() == 2)
                #expect(try reader.run(Samples.run(2)) == nil)
                #expect(try reader.request(Samples.request(1).id) == nil)
            }
            // What still fits goes in.
            samples = before
            try writer.commit(samples.batch(Samples.run(1)))
            #expect(try reader.lastSeq(of: Samples.run(1)) == 4)
        }
        // With more space everything goes on.
        options.pageLimit = nil
        let journal = try SQLiteJournal(path: path, options: options)
        let writer = try journal.openWriter()
        let event = samples.event(Samples.run(1), body: [UInt8](repeating: 1, count: 200_000))
        try writer.commit(JournalBatch(events: [event], runs: [samples.row(Samples.run(1))]))
        #expect(writer.lastOffset == 5)
    }

    @Test func aNewStoreWithoutSpaceSaysSo() throws {
        var options = JournalOptions()
        options.pageLimit = 2
        let path = directory.file("store")
        let error = #expect(throws: JournalError.self) { _ = try SQLiteJournal(path: path, options: options) }
        #expect(error?.code == .storeFull)
        // What was begun is no obstacle when there is space.
        _ = try SQLiteJournal(path: path)
    }
}
