internal import Glibc

/// Nanoseconds of the monotonic clock.
struct MonotonicTime: Comparable {
    var nanoseconds: UInt64

    static let never = MonotonicTime(nanoseconds: .max)

    static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// Up to 292 years.
    var signedNanoseconds: Int64 { Int64(clamping: nanoseconds) }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates: a limit of many years is no limit. A negative duration is zero.
    func advanced(by duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return self }
        guard seconds < 1_000_000_000 else { return .never }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(
            UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000))
        return overflow ? .never : MonotonicTime(nanoseconds: sum)
    }

    /// Whole milliseconds from `now` until this, rounded up so that a sleep of that long does not end before; at most
    /// `limit`.
    func milliseconds(since now: MonotonicTime, atMost limit: Int32) -> Int32 {
        guard self > now else { return 0 }
        return Int32(min(UInt64(limit), (nanoseconds - now.nanoseconds + 999_999) / 1_000_000))
    }
}
