/// Starts a thread for work that blocks, without which the process is of no use: there is none without its threads.
///
/// - Parameter name: at most 15 bytes.
package func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    do { try OwnThread.start(name, body) } catch {
        fatalError("the system has no place for the thread \(name): error \(error.code)")
    }
}

/// One thread that runs jobs in order of arrival, for as long as the process lives.
package final class WorkThread: Sendable {
    private let jobs = Mailbox<@Sendable () -> Void>()

    package init(_ name: String) {
        startThread(name) { [jobs] in
            while true {
                for job in jobs.take(until: .max / 2, atMost: 1) { job() }
            }
        }
    }

    package func run(_ job: @escaping @Sendable () -> Void) { jobs.put(job) }
}
