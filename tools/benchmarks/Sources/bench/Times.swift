internal import CBench
internal import Histogram

/// Latencies of one side of a comparison, in rounds.
struct Times {
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    private var medians: [Double] = []

    init() {}

    /// One round, in nanoseconds.
    init(_ nanoseconds: [UInt64]) { add(nanoseconds) }

    mutating func add(_ nanoseconds: [UInt64]) {
        for value in nanoseconds { _ = histogram.record(value) }
        medians.append(Double(nanoseconds.sorted()[nanoseconds.count / 2]) / 1000)
    }

    /// The median of the rounds' medians, in µs.
    var p50: Double { median(medians) }
    /// Of all values, in µs.
    var p99: Double { Double(histogram.valueAtPercentile(99)) / 1000 }
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return sorted.count % 2 == 1
        ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
}

/// Throws what a function of CBench says.
func check(_ result: Int32) throws {
    guard result == 0 else { throw Failure(String(cString: bench_error())) }
}
