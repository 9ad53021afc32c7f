internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows

/// When the loop turns without an input, and what it does then.
extension RunLoop {
    func nextDeadline() -> Int64 {
        let monotonic = Clock.monotonic
        var deadline = nextTick
        if ending == nil, let first = due.values.min() {
            let steady = Clock.steady
            deadline = min(deadline, max(hearing.until, monotonic + (first > steady ? first - steady : 0)))
        }
        for first in [waiters.nextDeadline, offers.nextExpiry, leases.nextEnd, effects.nextStart] {
            if let first { deadline = min(deadline, first) }
        }
        if let ending { deadline = min(deadline, ending.deadline) }
        return deadline
    }

    func handleTime() {
        let now = turn.steady
        let monotonic = turn.monotonic
        let isHearing = monotonic < hearing.until
        if ending == nil, !isHearing {
            for (run, time) in due where time <= now { tellTime(run) }
        }
        offers.expire(now: monotonic)
        if ending == nil { endLeases(now: monotonic) }
        guard monotonic >= nextTick else { return }
        nextTick = monotonic + 1_000_000
        publisher.tick(now: Clock.now)
        if writer.lastOffset != offsetAtTick {
            // The steady clock is never again before anything that is in the journal.
            clockFile.write()
            offsetAtTick = writer.lastOffset
        }
        if !isHearing { noteDueRuns(now: now) }
        verifyStore()
        writeSnapshots()
        forgetRequests(before: now - 24 * 3600 * 1_000_000)
        forgetDeadMessages(before: now - 30 * 24 * 3600 * 1_000_000)
        let again = deferred
        deferred = []
        for item in again { handle(item) }
    }

    /// How far ahead times are read from the journal, µs: a tick, and what one may be late.
    static let dueAhead: Int64 = 1_100_000

    /// A run in memory decides; one that is only rows comes into memory for it.
    private func tellTime(_ run: RunID) {
        if residents[run] == nil { due[run] = nil }
        if !unreadable.contains(run) { handle(.timePassed(run)) }
    }

    /// Runs that are only rows have their times in the journal: it is asked once a second for those of the next second.
    private func noteDueRuns(now: Int64) {
        guard ending == nil else { return }
        do {
            for row in try reader.dueRuns(through: now + Self.dueAhead, limit: Configuration.batchLimit) {
                let id = RunID(row.run)
                if residents[id] == nil, parked[id] == nil, !unreadable.contains(id) { due[id] = row.due }
            }
        } catch { fail("the journal cannot be read", error) }
    }

    /// People's clock may be set: what is stamped follows, and no wait ends sooner or later.
    func lookAtClock() {
        guard let change = Clock.lookAtLead() else { return }
        logger.warning("the clock was set", metadata: ["by_ms": "\(change / 1000)"])
        clockFile.write()
    }

    /// Whoever was not heard because nobody listened is not judged by it: leases begin anew, and times of runs are told
    /// when what waits in the sockets has had time to come in. Nor is anybody by a turn that is only late, which may be
    /// the end of a stop in the loop's sleep.
    func noteStandstill() {
        let now = turn.monotonic
        guard let standstill = hearing.woke(now: now) else { return }
        if standstill.lost >= 1_000_000 {
            logger.warning("the service stood still", metadata: ["ms": "\(standstill.lost / 1000)"])
        }
        if standstill.isLong {
            leases.beginAnew(now: now)
            offers.beginAnew(now: now)
            ending?.deadline += standstill.lost
        } else {
            leases.hear(until: now + Configuration.standstill)
        }
    }
}
