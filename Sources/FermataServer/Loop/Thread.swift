internal import Foundation

/// Starts a thread with a name of at most 15 characters, for work that blocks. It ends when the body returns.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
    Thread {
        // From within: a thread that has not started yet cannot be named.
        Thread.current.name = name
        body()
    }.start()
}

/// One thread that runs jobs in order of arrival.
final class WorkThread: Sendable {
    private let jobs = Inbox<@Sendable () -> Void>()

    init(_ name: String) {
        startThread(name) { [jobs] in
            while true {
                for job in jobs.take(until: .max / 2, atMost: 1) { job() }
            }
        }
    }

    func run(_ job: @escaping @Sendable () -> Void) { jobs.put(job) }
}
