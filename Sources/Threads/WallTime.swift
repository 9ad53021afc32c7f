internal import Glibc

/// What people's clock says. It may be set at any time: for stamps, never for waits.
package enum WallTime {
    /// Since 1970, UTC.
    package static var microseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
