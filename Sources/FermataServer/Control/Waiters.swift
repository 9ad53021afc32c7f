internal import FermataCore
internal import FermataProtocol
internal import Synchronization

/// Reads that wait for something to be committed. Matched by the loop on every input that it decided, not sampled.
///
/// A waiter is answered exactly once: whoever takes it out of the table, under the lock, answers it.
final class Waiters: Sendable {
    enum Ending: Sendable {
        /// A run had one of the statuses; this is the run after it.
        case run(Run)
        /// What it waits for was there when it came; this is the encoded reply.
        case there([UInt8])
        /// Events were committed; read them.
        case events
        /// The run can come to have none of the statuses any more.
        case never
        case timedOut
    }

    enum Condition: Sendable {
        case status(RunID, Set<FermataStatus>)
        /// An event of this run, or of any, that comes after this number.
        case event(RunID?, after: UInt64)
        /// Calls to be offered; `CallOffers` knows which.
        case calls
    }

    private struct Waiter: Sendable {
        let condition: Condition
        let connection: UInt32
        let deadline: Int64
        let end: @Sendable (Ending) -> Void
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var last: UInt64 = 0
        var isEnding = false
        /// Connections that ended lately: a read of theirs may still be on its way here.
        var gone: Set<UInt32> = []
        var oldestGone: [UInt32] = []
    }

    /// A number is not used again before many more connections have come.
    private static let goneLimit = 1024

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.waiters.count } }

    /// µs of the monotonic clock.
    var nextDeadline: Int64? { state.withLock { $0.waiters.values.map(\.deadline).min() } }

    /// Enters a waiter; nil when as many wait as may, or its connection is gone.
    ///
    /// The caller looks at the state of things after this, not before: what is committed in between is not missed.
    func add(
        _ condition: Condition, connection: UInt32, deadline: Int64, end: @escaping @Sendable (Ending) -> Void
    ) -> UInt64? {
        state.withLock { state in
            guard state.waiters.count < limit, !state.isEnding, !state.gone.contains(connection) else { return nil }
            state.last += 1
            state.waiters[state.last] = Waiter(
                condition: condition, connection: connection, deadline: deadline, end: end)
            return state.last
        }
    }

    /// Ends one waiter, unless something else has.
    ///
    /// - Returns: whether it did.
    @discardableResult
    func finish(_ number: UInt64, _ ending: Ending) -> Bool {
        guard let waiter = state.withLock({ $0.waiters.removeValue(forKey: number) }) else { return false }
        waiter.end(ending)
        return true
    }

    /// - Parameter statuses: those that the run had, one for each input.
    func runChanged(_ run: SharedRun, statuses: [FermataStatus]) {
        finish { waiter in
            switch waiter.condition {
            case .status(run.id, let wanted) where !wanted.isDisjoint(with: statuses): .run(run.run)
            case .status(run.id, let wanted) where !wanted.contains(where: run.run.canStillBe): .never
            case .event(nil, _): .events
            case .event(run.id, let after) where run.seq > after: .events
            default: nil
            }
        }
    }

    func expire(now: Int64) { finish { $0.deadline <= now ? .timedOut : nil } }

    /// The connection is gone that these waiters' replies would go over.
    func end(connection: UInt32) {
        state.withLock { state in
            guard state.gone.insert(connection).inserted else { return }
            state.oldestGone.append(connection)
            guard state.oldestGone.count > Self.goneLimit else { return }
            state.gone.remove(state.oldestGone.removeFirst())
        }
        finish { $0.connection == connection ? .timedOut : nil }
    }

    func endAll() {
        state.withLock { $0.isEnding = true }
        finish { _ in .timedOut }
    }

    private func finish(_ ending: (Waiter) -> Ending?) {
        let ended = state.withLock { state in
            let ended = state.waiters.compactMap { number, waiter in
                ending(waiter).map { (number, waiter, $0) }
            }
            for (number, _, _) in ended { state.waiters[number] = nil }
            return ended
        }
        for (_, waiter, ending) in ended { waiter.end(ending) }
    }
}
