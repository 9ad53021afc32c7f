internal import Logging
internal import Synchronization

/// Says in the log that connections find no descriptor: once a minute, with the number of those in between.
///
/// Threads: any; never blocks for longer than a line takes.
final class ShortageLog: Sendable {
    private struct Line {
        var count = 0
        var saidAt: Int64?
    }

    private static let interval: Int64 = 60_000_000

    private let lines = Mutex<[String: Line]>([:])
    private let limit: Int
    private let logger: Logger

    init(_ plan: DescriptorPlan, _ logger: Logger) {
        limit = plan.limit
        self.logger = logger
    }

    /// - Parameter what: happened; one of a few texts.
    func say(_ what: String) {
        let now = Clock.monotonic
        let count: Int? = lines.withLock { lines in
            lines[what, default: Line()].count += 1
            guard lines[what]!.saidAt.map({ now - $0 >= Self.interval }) ?? true else { return nil }
            defer { lines[what] = Line(saidAt: now) }
            return lines[what]!.count
        }
        guard let count else { return }
        logger.warning(
            "\(what): raise LimitNOFILE= or ulimit -Hn", metadata: ["times": "\(count)", "limit": "\(limit)"])
    }
}
