/// The id of a run: a UUID, version 7 (RFC 9562), so that ids in order are runs in order of their launch.
public struct RunID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The first and the last eight bytes, big-endian.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 7 UUID.
    ///
    /// - Parameters:
    ///   - microseconds: since 1970; the millisecond goes into the first 48 bits, the rest of it into `rand_a`
    ///     (RFC 9562, 6.2, method 3), so that two ids of one millisecond are in order as well.
    ///   - random: 62 bits of it are used.
    public init(microseconds: Int64, random: UInt64) {
        let milliseconds = UInt64(microseconds / 1000) & 0xFFFF_FFFF_FFFF
        let fraction = UInt64(microseconds % 1000) * 4096 / 1000
        high = milliseconds << 16 | 0x7000 | fraction
        low = 0x8000_0000_0000_0000 | random >> 2
    }

    /// Reads 16 bytes, big-endian; nil unless there are exactly so many.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in bytes.enumerated() {
            if index < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
        }
        self.init(high: high, low: low)
    }

    /// Reads a UUID's text form: 8-4-4-4-12 hexadecimal digits, upper or lower case.
    public init?(_ text: some StringProtocol) {
        // Bytes in a row: iterating over a generic collection took 53,000 instructions, three times for each command.
        let id =
            text.utf8.withContiguousStorageIfAvailable { RunID(utf8: $0) }
            ?? Array(text.utf8).withUnsafeBufferPointer { RunID(utf8: $0) }
        guard let id else { return nil }
        self = id
    }

    private init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard utf8.count == 36 else { return nil }
        var (high, low) = (UInt64(0), UInt64(0))
        for (index, byte) in utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = RunID.hexDigit(byte) else { return nil }
            // The hyphen in the middle is before the digit that begins the second half.
            if index < 18 { high = high << 4 | digit } else { low = low << 4 | digit }
        }
        self.init(high: high, low: low)
    }

    public var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) } }
    }

    public static func < (left: RunID, right: RunID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// Lowercase, 8-4-4-4-12.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            for digit in 0..<32 {
                let word = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> (60 - 4 * UInt64(digit & 15))) & 15
                // Hyphens are before digits 8, 12, 16 and 20.
                let hyphens = digit < 8 ? 0 : min(4, digit / 4 - 1)
                text[digit + hyphens] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
            }
            for place in [8, 13, 18, 23] { text[place] = UInt8(ascii: "-") }
            return 36
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension RunID {
    /// The range of ids whose text begins with `prefix` (hexadecimal digits, hyphens wherever they are);
    /// nil if no id's text can.
    public static func range(prefix: some StringProtocol) -> ClosedRange<RunID>? {
        // Read at its length first: 4 MiB took 235 ms, one character after the other.
        guard prefix.utf8.count <= 64 else { return nil }
        let digits = prefix.utf8.filter { $0 != UInt8(ascii: "-") }
        guard !digits.isEmpty, digits.count <= 32 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in digits.enumerated() {
            guard let digit = hexDigit(byte) else { return nil }
            if index < 16 {
                high |= digit << (60 - 4 * UInt64(index))
            } else {
                low |= digit << (124 - 4 * UInt64(index))
            }
        }
        let bits = UInt64(digits.count) * 4
        let highRest = bits >= 64 ? 0 : UInt64.max >> bits
        let lowRest = bits <= 64 ? UInt64.max : (bits == 128 ? 0 : UInt64.max >> (bits - 64))
        return RunID(high: high, low: low)...RunID(high: high | highRest, low: low | lowRest)
    }
}
