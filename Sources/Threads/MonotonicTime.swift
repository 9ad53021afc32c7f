internal import Glibc

/// A point of CLOCK_MONOTONIC: never set, does not count while the machine sleeps, the same for all processes of a machine.
package struct MonotonicTime: Sendable, Comparable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// In 292 years.
    package static let never = MonotonicTime(nanoseconds: .max)

    package static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates: a limit of many years is no limit. A negative duration is none.
    package static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (sum, isTooLong) = time.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return isTooLong ? .never : MonotonicTime(nanoseconds: sum)
    }

    /// Whole milliseconds from `time` until this point, rounded up so that a wait is never too short; 0 if it passed.
    package func milliseconds(after time: MonotonicTime, atMost limit: Int32 = .max) -> Int32 {
        guard self > time else { return 0 }
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(time.nanoseconds)
        let whole = difference / 1_000_000 + (difference % 1_000_000 == 0 ? 0 : 1)
        return overflow ? limit : Int32(min(Int64(limit), whole))
    }
}

extension Duration {
    /// From 0 to 292 years: what is negative or longer ends there.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < Int64.max / 1_000_000_000 else { return .max }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
