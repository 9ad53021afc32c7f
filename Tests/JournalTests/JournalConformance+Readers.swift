import Dispatch
import Journal
import Synchronization
import Testing

extension JournalConformance {
    /// Readers on threads of their own follow a writer: each sees every batch whole, in order and once, and the offsets
    /// that the commits gave have no gap.
    func readersFollowTheWriter(_ journal: some Journal) throws {
        let batches: UInt64 = 300
        let isWritten = Atomic(false)
        let failures = Mutex<[String]>([])
        // The writer is the first to begin, so that the others never wait for one that has no thread.
        DispatchQueue.concurrentPerform(iterations: 3) { index in
            do {
                if index == 0 {
                    defer { isWritten.store(true, ordering: .releasing) }
                    let writer = try journal.openWriter()
                    var samples = Samples()
                    for round in 0..<batches {
                        let commit = try writer.commit(samples.batch(Samples.run(round % 7), events: 3))
                        guard commit.firstOffset == round * 3 + 1 else { throw Wrong(what: "\(commit) of \(round)") }
                    }
                } else {
                    try Self.follow(
                        try journal.openReader(), isWritten: isWritten, events: batches * 3, ofEachBatch: 3)
                }
            } catch {
                failures.withLock { $0.append("\(index): \(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
    }

    private struct Wrong: Error {
        let what: String
    }

    /// Reads what is written meanwhile, until it has read all.
    ///
    /// - Parameters:
    ///   - isWritten: true from when nothing more is written.
    ///   - events: that are there then.
    ///   - count: events of each batch.
    static func follow(
        _ reader: some JournalReading, isWritten: borrowing Atomic<Bool>, events all: UInt64, ofEachBatch count: Int
    ) throws {
        var offset: UInt64 = 0
        while true {
            let isLast = isWritten.load(ordering: .acquiring)
            let events = try reader.events(afterOffset: offset, maxBytes: .max, maxCount: count * 333)
            guard events.count % count == 0 else { throw Wrong(what: "half a batch at \(offset)") }
            for event in events {
                offset += 1
                guard event.offset == offset else { throw Wrong(what: "\(event.offset) instead of \(offset)") }
            }
            if let event = events.last {
                let known = try reader.lastSeq(of: event.run)
                guard known >= event.seq else { throw Wrong(what: "the row of \(event.run) is behind its events") }
            }
            if isLast, events.isEmpty { break }
        }
        guard offset == all else { throw Wrong(what: "\(offset) events") }
    }
}
