internal import FermataCore
internal import FermataProtocol

/// When the leases of calls that workers have end. Only in memory: they begin anew when the server does.
///
/// Threads: the loop's.
struct Leases {
    /// Ends, µs of the monotonic clock.
    private var ends: [RunID: [Effect: Int64]] = [:]
    private(set) var count = 0
    /// Not later than the first end; nil if there is none. It lags behind when a lease is extended: a needless look at
    /// the clock is cheaper than an order kept among all.
    private(set) var nextEnd: Int64?

    func effects(of run: RunID) -> Dictionary<Effect, Int64>.Keys? { ends[run]?.keys }

    func isKept(_ effect: Effect, of run: RunID) -> Bool { ends[run]?[effect] != nil }

    /// Begins a lease, or moves its end.
    mutating func give(_ effect: Effect, of run: RunID, until end: Int64) {
        if ends[run, default: [:]].updateValue(end, forKey: effect) == nil { count += 1 }
        nextEnd = min(nextEnd ?? end, end)
    }

    mutating func end(_ effect: Effect, of run: RunID) {
        guard ends[run]?.removeValue(forKey: effect) != nil else { return }
        count -= 1
        if ends[run]?.isEmpty == true { ends[run] = nil }
        if ends.isEmpty { nextEnd = nil }
    }

    /// Ends all whose time has come, and says which, in the order of their ends.
    mutating func endPassed(now: Int64) -> [(run: RunID, effect: Effect)] {
        guard let nextEnd, nextEnd <= now else { return [] }
        var passed: [(run: RunID, effect: Effect, end: Int64)] = []
        var first: Int64?
        for (run, ends) in ends {
            for (effect, end) in ends {
                if end <= now { passed.append((run, effect, end)) } else { first = min(first ?? end, end) }
            }
        }
        for lease in passed { end(lease.effect, of: lease.run) }
        self.nextEnd = first
        return passed.sorted { $0.end < $1.end }.map { ($0.run, $0.effect) }
    }

    mutating func endAll() { self = Leases() }
}
