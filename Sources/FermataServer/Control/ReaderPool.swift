internal import FermataProtocol
internal import Glibc
internal import Journal
internal import Logging
internal import Threads

/// Threads that read the journal, each with a reader of its own: whatever touches the journal and is not the commit.
final class ReaderPool: Sendable {
    typealias Job = @Sendable (any JournalReading) -> Void
    private let jobs = Mailbox<Job>()
    private let lookUps = Mailbox<Job>()

    /// - Parameters:
    ///   - threads: for everything but what is looked up, which has one more.
    ///   - open: makes one connection; called on each thread once.
    init(threads: Int, logger: Logger, open: @escaping @Sendable () throws -> any JournalReading) {
        let lanes = Array(repeating: jobs, count: threads) + [lookUps]
        for (number, jobs) in lanes.enumerated() {
            startThread("fermata-read-\(number)") {
                let reader: any JournalReading
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

    /// As `run`, for a page of a list or of events: those are many and large, and only so many may wait.
    func readPage(_ job: @escaping Job) throws(Refusal) {
        guard jobs.put(job, unlessMoreThan: Configuration.waitingPages) else {
            throw Refusal(.overloaded, "\(Configuration.waitingPages) reads wait already", retryAfterMs: 200)
        }
    }

    /// Runs a job that takes microseconds on a thread that has no others: control of a run never waits for a page or a
    /// transcript.
    func lookUp(_ job: @escaping Job) { lookUps.put(job) }
}

/// Ends the process: what is true from here on, only the journal knows. The next start reads it.
func die(_ logger: Logger, _ what: String, _ error: any Error) -> Never {
    logger.critical("\(what): \(error)")
    _exit(70)
}
