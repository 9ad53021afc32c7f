internal import FermataCore
internal import FermataProtocol

/// When the leases of calls that workers have end. Only in memory: they begin anew when the server does.
///
/// Threads: the loop's.
struct Leases {
    /// µs, of the monotonic clock.
    private struct Lease {
        var end: Int64
        /// How long it was given for.
        let length: Int64
        /// By how much its end may be moved before it is extended: a loop that is late in every turn must end it, too.
        var spare: Int64
        /// How often it may begin anew before it is extended, for the same reason.
        var renewals = 3
    }

    private var leases: [RunID: [Effect: Lease]] = [:]
    private(set) var count = 0
    /// Not later than the first end; nil if there is none. It lags behind when a lease is extended: a needless look at
    /// the clock is cheaper than an order kept among all.
    private(set) var nextEnd: Int64?

    func effects(of run: RunID) -> [Effect] { leases[run].map { Array($0.keys) } ?? [] }

    func isKept(_ effect: Effect, of run: RunID) -> Bool { leases[run]?[effect] != nil }

    /// Begins a lease of so many µs, or begins it anew.
    mutating func give(_ effect: Effect, of run: RunID, for length: Int64, now: Int64) {
        let lease = Lease(end: now + length, length: length, spare: length)
        if leases[run, default: [:]].updateValue(lease, forKey: effect) == nil { count += 1 }
        nextEnd = min(nextEnd ?? lease.end, lease.end)
    }

    /// Begins all of them anew, a few times each: whoever extended one meanwhile was not heard.
    mutating func beginAnew(now: Int64) {
        nextEnd = nil
        for (run, effects) in leases {
            for (effect, lease) in effects {
                var lease = lease
                if lease.renewals > 0 {
                    lease.renewals -= 1
                    lease.end = now + lease.length
                    leases[run]?[effect] = lease
                }
                nextEnd = min(nextEnd ?? lease.end, lease.end)
            }
        }
    }

    /// Ends none before this time: whoever has just extended one may not have been heard yet.
    mutating func hear(until time: Int64) {
        guard let nextEnd, nextEnd < time else { return }
        for (run, effects) in leases {
            for (effect, lease) in effects where lease.end < time && time - lease.end <= lease.spare {
                leases[run]?[effect]?.spare -= time - lease.end
                leases[run]?[effect]?.end = time
            }
        }
    }

    mutating func end(_ effect: Effect, of run: RunID) {
        guard leases[run]?.removeValue(forKey: effect) != nil else { return }
        count -= 1
        if leases[run]?.isEmpty == true { leases[run] = nil }
        if leases.isEmpty { nextEnd = nil }
    }

    /// Ends all whose time has come, and says which, in the order of their ends.
    mutating func endPassed(now: Int64) -> [(run: RunID, effect: Effect)] {
        guard let nextEnd, nextEnd <= now else { return [] }
        var passed: [(run: RunID, effect: Effect, end: Int64)] = []
        var first: Int64?
        for (run, leases) in leases {
            for (effect, lease) in leases {
                let end = lease.end
                if end <= now { passed.append((run, effect, end)) } else { first = min(first ?? end, end) }
            }
        }
        for lease in passed { end(lease.effect, of: lease.run) }
        self.nextEnd = first
        return passed.sorted { $0.end < $1.end }.map { ($0.run, $0.effect) }
    }

    mutating func endAll() { self = Leases() }
}
