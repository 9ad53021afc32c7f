internal import Threads

/// The time that others are given to be heard after the loop has stood still, before it judges them by the clock.
///
/// A loop that is late in every turn, as with commits that take long, tells the time all the same: after a few times in
/// a row nobody is heard again before the loop has lived for a while.
///
/// Threads: the loop's. Times are µs of the monotonic clock.
struct Hearing {
    /// A standstill after which others are to be heard.
    struct Standstill: Equatable {
        let lost: Int64
        /// Everybody's time begins anew; else only the last moments of it are told later.
        let isLong: Bool
    }

    private var standstill: Threads.Standstill
    /// Until then what was sent meanwhile is on its way here.
    private(set) var until: Int64 = 0
    private var lost: Int64 = 0
    private var timesInARow = 0
    /// For how long the loop has lived since the last time, without the time in which it stood still.
    private var lived: Int64 = 0
    private var lookedAt: Int64

    init(now: Int64) {
        standstill = Threads.Standstill(tolerance: Configuration.lateness, now: now)
        lookedAt = now
    }

    mutating func sleeps(until end: Int64, now: Int64) { standstill.sleeps(until: end, now: now) }

    /// The loop has woken, and looks before it judges anybody.
    ///
    /// - Returns: nil if it has not stood still, or nobody is to be heard for it.
    mutating func woke(now: Int64) -> Standstill? {
        standstill.woke(now: now)
        let lost = standstill.look(now: now)
        let isLong = lost >= Configuration.standstill
        // A turn that is only late is one in which the loop had much to do.
        lived += now - lookedAt - (isLong ? lost : 0)
        lookedAt = now
        guard lost > 0 else { return nil }
        if lived >= Configuration.hearing { timesInARow = 0 }
        guard isLong ? timesInARow < Configuration.hearingsInARow : timesInARow == 0 else { return nil }
        timesInARow += 1
        lived = 0
        self.lost = until > now ? self.lost + lost : lost
        until = now + (isLong ? Configuration.hearing : Configuration.shortHearing)
        return Standstill(lost: lost, isLong: isLong)
    }

    /// How much later than at its time something comes in time.
    func patience(now: Int64) -> Int64 { now < until ? lost : 0 }
}
