internal import Threads

/// Blocking work on a thread of its own, for what must not hold up a caller for ever.
enum Blocking {
    /// Starts `body` on a new, detached thread. If there can be none, it runs here.
    static func start(_ body: @escaping @Sendable () -> Void) {
        do { try OwnThread.start("nng-work", body) } catch { body() }
    }

    /// Runs `body` on a new thread and blocks the caller until it ends or the deadline has passed.
    ///
    /// - Returns: what `body` returned, or nil; then it still runs, and what it captured lives until it ends.
    static func run(until deadline: Deadline, _ body: @escaping @Sendable () -> Bool) -> Bool? {
        let outcome = Monitor<Bool?>(nil)
        start {
            let result = body()
            outcome.signal { $0 = result }
        }
        return outcome.wait(until: deadline) { $0 }
    }
}
