internal import Journal
internal import Logging
internal import Threads

/// The outbox: messages are written with the events that they tell of, and what became of them with whatever else the
/// loop writes then.
extension RunLoop {
    /// Starts delivering what is in the journal.
    func startWebhooks(openReader: @escaping @Sendable () throws -> any JournalReading) throws {
        let counts = try reader.outboxCounts()
        let names = Set(webhooks.messages.endpoints.map(\.name))
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) where count.pending > 0 && !names.contains(name) {
            logger.warning(
                "messages wait for a webhook that is in no configuration",
                metadata: ["endpoint": "\(name)", "messages": "\(count.pending)"])
        }
        counters.webhooksPending.set(counts.filter { names.contains($0.key) }.values.reduce(0) { $0 + $1.pending })
        counters.webhooksDead.set(counts.values.reduce(0) { $0 + $1.dead })
        try webhooks.start(openReader: openReader) { [inbox] in inbox.put(.messageTried($0)) }
    }

    /// A batch with messages or outcomes is committed.
    func outboxChanged(_ done: Batch) {
        if !done.outcomes.isEmpty {
            for outcome in done.outcomes {
                switch outcome.result {
                case .delivered: counters.webhooksPending.add(-1)
                case .givenUp:
                    counters.webhooksPending.add(-1)
                    counters.webhooksDead.add()
                case .failed: break
                }
            }
            webhooks.settled(done.outcomes)
        }
        if !done.outbox.isEmpty {
            counters.webhooksPending.add(done.outbox.count)
            webhooks.written()
        }
    }

    /// Messages that were given up are kept for a month.
    func forgetDeadMessages(before time: Int64) {
        guard counters.webhooksDead.current > 0 else { return }
        do {
            counters.webhooksDead.add(-(try writer.forgetDeadMessages(before: time, limit: 100)))
        } catch  where error.code == .storeFull || error.code == .busy {
            // They are forgotten later.
        } catch {
            fail("a commit failed and its outcome is not known", error)
        }
    }
}
