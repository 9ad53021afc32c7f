/// Notices that a thread which works in turns has had none for a while: its process was stopped, its machine slept, a
/// disk took seconds. Who stood still must not judge others late by it: what they said meanwhile lies unread.
///
/// What counts is the time that the thread did not mean to sleep. A turn is: `sleeps`, `woke`, then `look` at the
/// latest before something is ended because its time has come. What is ended is judged by the time that `look` was given:
/// a later one may be the end of a stop that only the next look sees.
///
/// A value of one thread. Times are of any clock that is never set back, in any unit.
public struct Standstill: Sendable {
    private let tolerance: Int64
    /// Up to here everything is accounted for.
    private var known: Int64
    private var plannedEnd: Int64 = .min
    private var lost: Int64 = 0

    /// - Parameter tolerance: how long a turn, and the lateness of the sleep before it, may be.
    public init(tolerance: Int64, now: Int64) {
        self.tolerance = tolerance
        known = now
    }

    /// The thread is about to sleep, until then at the latest.
    public mutating func sleeps(until end: Int64, now: Int64) {
        lost += max(0, now - known)
        known = now
        plannedEnd = end
    }

    public mutating func woke(now: Int64) {
        lost += max(0, now - max(known, plannedEnd))
        known = now
    }

    /// - Returns: for how long the thread has stood still since the last look; 0 if it has not.
    public mutating func look(now: Int64) -> Int64 {
        lost += max(0, now - known)
        known = now
        defer { lost = 0 }
        return lost > tolerance ? lost : 0
    }
}
