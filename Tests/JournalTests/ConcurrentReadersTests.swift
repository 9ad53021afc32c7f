import Dispatch
import Journal
import Synchronization
import Testing

@Suite struct ConcurrentReadersTests {
    let directory = TemporaryDirectory()

    /// Readers on threads of their own follow a writer, while a checkpointer on another one moves the log away under
    /// them: each sees every batch whole, in order and once.
    @Test(.timeLimit(.minutes(2))) func readersFollowTheWriter() throws {
        let journal = try SQLiteJournal(path: directory.file("store"), options: .fast)
        let batches: UInt64 = 300
        let isWritten = Atomic(false)
        let failures = Mutex<[String]>([])
        // The writer is the first to begin, so that the others never wait for one that has no thread.
        DispatchQueue.concurrentPerform(iterations: 4) { index in
            do {
                switch index {
                case 0:
                    defer { isWritten.store(true, ordering: .releasing) }
                    let writer = try journal.openWriter()
                    var samples = Samples()
                    for round in 0..<batches { try writer.commit(samples.batch(Samples.run(round % 7), events: 3)) }
                case 1:
                    let checkpointer = try journal.openCheckpointer()
                    repeat { _ = try checkpointer.checkpoint() } while !isWritten.load(ordering: .acquiring)
                default:
                    try follow(try journal.openReader(), isWritten: isWritten, batches: batches)
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

    private func follow(_ reader: JournalReader, isWritten: borrowing Atomic<Bool>, batches: UInt64) throws {
        var offset: UInt64 = 0
        while true {
            let isLast = isWritten.load(ordering: .acquiring)
            let events = try reader.events(afterOffset: offset, maxBytes: .max, maxCount: 1000)
            guard events.count % 3 == 0 || events.count == 1000 else { throw Wrong(what: "half a batch at \(offset)") }
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
        guard offset == batches * 3 else { throw Wrong(what: "\(offset) events") }
    }
}
