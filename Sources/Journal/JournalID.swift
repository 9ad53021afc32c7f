/// The id of a run as the journal keeps it: 16 bytes, big-endian. Ids in order are bytes in order; of version 7 UUIDs
/// that is the order of time.
public struct JournalRunID: Hashable, Sendable, Comparable {
    /// The first and the last eight bytes, big-endian.
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// The id that a client gave to a request: 16 bytes, any of them.
public struct JournalRequestID: Hashable, Sendable {
    /// The first and the last eight bytes, big-endian.
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension JournalRunID: CustomStringConvertible {
    /// As a UUID: lowercase, 8-4-4-4-12.
    public var description: String {
        let digits = hexadecimal(high) + hexadecimal(low)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
