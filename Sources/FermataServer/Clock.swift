internal import Glibc

/// The two clocks that the server reads, in microseconds.
enum Clock {
    /// Since 1970: what events are stamped with.
    static var now: Int64 { read(CLOCK_REALTIME) }
    /// Never set back: what deadlines are measured by.
    static var monotonic: Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
