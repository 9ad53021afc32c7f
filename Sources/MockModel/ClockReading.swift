internal import Threads

/// A point in time, by two clocks: one that people and other programs can compare, one that never jumps.
public struct ClockReading: Sendable, Hashable {
    /// Microseconds since 1970, CLOCK_REALTIME.
    public var unixMicroseconds: Int64
    /// CLOCK_MONOTONIC: the same for all processes of a machine.
    public var monotonicNanoseconds: UInt64

    public static var now: ClockReading {
        ClockReading(unixMicroseconds: WallTime.microseconds, monotonicNanoseconds: monotonic())
    }

    static func monotonic() -> UInt64 { UInt64(MonotonicTime.now.nanoseconds) }
}
