internal import Glibc
internal import Journal
internal import Logging

/// Threads that read the journal, each with a connection of its own: whatever touches SQLite and is not the commit.
final class ReaderPool: Sendable {
    typealias Job = @Sendable (JournalReader) -> Void
    private let jobs = Inbox<Job>()

    /// - Parameter open: makes one connection; called on each thread once.
    init(threads: Int, logger: Logger, open: @escaping @Sendable () throws -> JournalReader) {
        for number in 1...threads {
            startThread("fermata-read-\(number)") { [jobs] in
                let reader: JournalReader
                do {
                    reader = try open()
                } catch {
                    die(logger, "the journal cannot be opened for reading", error)
                }
                while true {
                    for job in jobs.take(until: .max / 2, atMost: 1) { job(reader) }
                }
            }
        }
    }

    /// Runs a job on one of the threads, in order of arrival.
    func run(_ job: @escaping Job) { jobs.put(job) }
}

/// Ends the process: what is true from here on, only the journal knows. The next start reads it.
func die(_ logger: Logger, _ what: String, _ error: any Error) -> Never {
    logger.critical("\(what): \(error)")
    _exit(70)
}
