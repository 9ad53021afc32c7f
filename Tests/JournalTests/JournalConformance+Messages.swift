import Journal
import Testing

extension JournalConformance {
    private func message(
        _ endpoint: String, _ run: UInt64, _ seq: UInt64, _ kind: Int32 = 1, at: Int64 = 10
    ) -> OutboxRow {
        OutboxRow(
            key: OutboxKey(endpoint: endpoint, run: Samples.run(run), seq: seq, kind: kind), at: at,
            body: [UInt8(seq & 255), UInt8(kind)])
    }

    /// The outbox gives the messages of a run to an endpoint one after the other, and those of others beside them.
    func keepsMessages(_ journal: some Journal) throws {
        let writer = try journal.openWriter()
        let reader = try journal.openReader()
        func due(_ endpoint: String, _ time: Int64 = .max) throws -> [OutboxRow] {
            try reader.dueMessages(to: endpoint, through: time, limit: 100)
        }
        func settle(_ row: OutboxRow, _ result: OutboxOutcome.Result) throws {
            try writer.commit(JournalBatch(outcomes: [OutboxOutcome(key: row.key, result: result)]))
        }
        // Within an event by kind; the order of the rows is that of each run.
        let first = [message("a", 1, 2, 1), message("a", 1, 2, 2), message("a", 1, 5, 1, at: 20)]
        let other = message("a", 2, 1, at: 15)
        let elsewhere = message("b", 1, 2)
        var samples = Samples()
        var batch = samples.batch(Samples.run(1))
        batch.outbox = first + [other, elsewhere]
        try writer.commit(batch)
        #expect(try due("a") == [first[0], other])
        #expect(try due("a", 14) == [first[0]])
        #expect(try due("a", 9).isEmpty)
        #expect(try reader.dueMessages(to: "a", through: .max, limit: 1) == [first[0]])
        #expect(try due("b") == [elsewhere])
        #expect(try due("c").isEmpty)
        #expect(try reader.nextMessageDue(to: "a", after: 0) == 10)
        #expect(try reader.nextMessageDue(to: "a", after: 10) == 15)
        #expect(try reader.nextMessageDue(to: "a", after: 15) == nil)
        #expect(
            try reader.outboxCounts() == [
                "a": OutboxCounts(pending: 4, dead: 0), "b": OutboxCounts(pending: 1, dead: 0),
            ])

        // One that failed holds back its own run at its own endpoint, and nothing else.
        try settle(first[0], .failed(nextAt: 100))
        var failed = first[0]
        failed.attempts = 1
        #expect(try due("a") == [other, failed])
        #expect(try due("a", 99) == [other])
        #expect(try due("b") == [elsewhere])
        // More of the run wait for it as well.
        let late = message("a", 1, 6, at: 5)
        try writer.commit(JournalBatch(outbox: [late]))
        #expect(try due("a", 99) == [other])

        try settle(failed, .delivered(nextAt: 30))
        #expect(try due("a") == [other, first[1]])
        #expect(try reader.nextMessageDue(to: "a", after: 15) == 30)
        // Said twice it changes nothing, and so does what is said of one that still waits.
        try settle(failed, .delivered(nextAt: 7))
        #expect(try due("a") == [other, first[1]])
        try settle(first[1], .givenUp(nextAt: 40))
        #expect(try due("a") == [other, first[2]])
        try settle(first[1], .failed(nextAt: 1))
        #expect(try due("a") == [other, first[2]])
        #expect(try reader.outboxCounts()["a"] == OutboxCounts(pending: 3, dead: 1))

        // Of one batch the outcomes come first: what is new is due if nothing else of the run is there.
        let newest = message("a", 2, 9, at: 50)
        try writer.commit(
            JournalBatch(outcomes: [OutboxOutcome(key: other.key, result: .delivered(nextAt: 1))], outbox: [newest]))
        #expect(try due("a") == [first[2], newest])

        // With the events of a batch all or none.
        var refused = samples.batch(Samples.run(3))
        refused.outbox = [message("a", 3, 1)]
        refused.outcomes = [OutboxOutcome(key: first[2].key, result: .delivered(nextAt: 1))]
        refused.events[1].seq = 9
        let error = #expect(throws: JournalError.self) { try writer.commit(refused) }
        #expect(error?.code == .invalidBatch)
        #expect(try due("a") == [first[2], newest])

        // Only dead ones are forgotten, the oldest first.
        try settle(first[2], .givenUp(nextAt: 60))
        #expect(try due("a") == [newest, late].sorted { $0.at > $1.at })
        #expect(try writer.forgetDeadMessages(before: 10, limit: 10) == 0)
        #expect(try writer.forgetDeadMessages(before: .max, limit: 1) == 1)
        #expect(try reader.outboxCounts()["a"] == OutboxCounts(pending: 2, dead: 1))
        #expect(try writer.forgetDeadMessages(before: 20, limit: 10) == 0)
        #expect(try writer.forgetDeadMessages(before: 21, limit: 10) == 1)
        #expect(try writer.forgetDeadMessages(before: .max, limit: 10) == 0)
        #expect(try due("a").count == 2)
    }
}
