internal import Glibc
internal import Synchronization
internal import Threads

/// The clocks that the server reads, in microseconds.
///
/// People's clock may be set at any time, by hand or by who keeps it right, and then a wait of seconds would become hours
/// or end at once. So waits are measured by the *steady* clock, which is never set, goes on while the machine sleeps, and
/// also from one life of the server to the next (`SteadyClock` says how); what people read is stamped with theirs. How
/// far theirs is ahead of the steady one is the *lead*. It changes only when somebody sets their clock, which the loop
/// looks at in each of its turns; events carry it, so that a time in an event can be told on either clock.
///
/// Threads: any. One server in a process.
enum Clock {
    private static let base = Atomic<Int64>(0)
    private static let currentLead = Atomic<Int64>(0)

    /// Since 1970, as people's clock has it: what is stamped.
    static var now: Int64 { WallTime.microseconds }
    /// Never set; stands while the machine sleeps: what threads wait by, and leases and time-outs are measured by.
    static var monotonic: Int64 { MonotonicTime.now.nanoseconds / 1000 }
    /// Never set: what waits are measured by. Near the time since 1970.
    static var steady: Int64 { sinceBoot + base.load(ordering: .relaxed) }
    /// How far people's clock is ahead of the steady one, as far as that was looked at.
    static var lead: Int64 { currentLead.load(ordering: .relaxed) }
    /// Goes on while the machine sleeps.
    static var sinceBoot: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// A smaller difference is none: the two clocks are read one after the other.
    private static let tolerance: Int64 = 100_000

    /// Before anything is measured.
    static func begin(base newBase: Int64, lead: Int64) {
        base.store(newBase, ordering: .relaxed)
        currentLead.store(lead, ordering: .relaxed)
    }

    /// Looks whether people's clock was set.
    ///
    /// - Returns: by how much, if it was.
    static func lookAtLead() -> Int64? {
        let change = now - steady - lead
        guard abs(change) > tolerance else { return nil }
        // Whoever was stopped between the two looks sees a difference that is not there.
        for _ in 0..<100 {
            let (before, people, after) = (steady, now, steady)
            guard after - before < tolerance / 100 else { continue }
            let change = people - before - lead
            guard abs(change) > tolerance else { return nil }
            currentLead.store(people - before, ordering: .relaxed)
            return change
        }
        return nil
    }
}

/// One moment on the two clocks that waits are measured by, µs.
struct Moment {
    let monotonic = Clock.monotonic
    let steady = Clock.steady
}
