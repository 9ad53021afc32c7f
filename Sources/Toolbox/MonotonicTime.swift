import Glibc

/// A point of CLOCK_MONOTONIC: never set back, does not count while the machine sleeps.
struct MonotonicTime: Sendable, Comparable {
    var nanoseconds: Int64

    static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

    /// A duration too long for the clock ends with it: 292 years.
    static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        let (scaled, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (length, tooLong2) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        let (sum, tooLong3) = time.nanoseconds.addingReportingOverflow(length)
        return MonotonicTime(nanoseconds: tooLong || tooLong2 || tooLong3 ? .max : sum)
    }

    /// Whole milliseconds from `time` until this point, rounded up so that a wait is never too short; 0 if it passed.
    func milliseconds(after time: MonotonicTime) -> Int32 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(time.nanoseconds)
        if overflow || difference > Int64(Int32.max) * 1_000_000 - 999_999 { return .max }
        return difference <= 0 ? 0 : Int32((difference + 999_999) / 1_000_000)
    }
}
