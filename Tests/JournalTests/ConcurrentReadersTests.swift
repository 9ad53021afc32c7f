import Dispatch
@testable import Journal
@testable import JournalSQLite
import Synchronization
import Testing

@Suite struct ConcurrentReadersTests {
    let directory = TemporaryDirectory()

    /// A checkpointer on a thread of its own moves the log away under readers that follow the writer.
    @Test(.timeLimit(.minutes(2))) func readersFollowTheWriterWhileTheLogIsMoved() throws {
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
                    try JournalConformance.follow(
                        try journal.openReader(), isWritten: isWritten, events: batches * 3, ofEachBatch: 3)
                }
            } catch {
                failures.withLock { $0.append("\(index): \(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
    }
}
