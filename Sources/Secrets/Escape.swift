/// The beginning of what may stand for something else: `%2F`, `\/`, `\u002f`.
struct Escape: Sendable {
    /// Where its first byte is in the stream.
    let start: Int
    /// Its bytes so far, at most six, the first in the lowest place.
    private var bytes: UInt64
    private var count = 1
    private var value: UInt32 = 0

    enum Step {
        /// It is not complete.
        case open
        /// It stands for this.
        case byte(UInt8)
        case scalar(Unicode.Scalar)
        /// It is none: its bytes stand for themselves.
        case none
    }

    static func canBegin(with byte: UInt8) -> Bool { byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") }

    /// - Returns: nil if the byte begins none.
    init?(_ byte: UInt8, at place: Int) {
        guard Escape.canBegin(with: byte) else { return nil }
        start = place
        bytes = UInt64(byte)
    }

    /// These bytes with their escapes read.
    static func read(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var open: Escape?
        func begin(_ byte: UInt8, at place: Int) {
            open = Escape(byte, at: place)
            if open == nil { result.append(byte) }
        }
        for (place, byte) in bytes.enumerated() {
            guard var escape = open else {
                begin(byte, at: place)
                continue
            }
            open = nil
            switch escape.take(byte) {
            case .open: open = escape
            case .byte(let read): result.append(read)
            case .scalar(let scalar): result += String(scalar).utf8
            case .none:
                escape.forEachByte { byte, _ in result.append(byte) }
                begin(byte, at: place)
            }
        }
        open?.forEachByte { byte, _ in result.append(byte) }
        return result
    }

    /// The bytes that were taken, where it turned out to be none.
    func forEachByte(_ body: (UInt8, _ place: Int) -> Void) {
        for index in 0..<count { body(UInt8(truncatingIfNeeded: bytes >> (8 * UInt64(index))), start + index) }
    }

    /// Takes the next byte. One that shows that this is none is not taken.
    mutating func take(_ byte: UInt8) -> Step {
        let isPercent = UInt8(truncatingIfNeeded: bytes) == UInt8(ascii: "%")
        if !isPercent, count == 1 {
            switch byte {
            case UInt8(ascii: "u"): return keep(byte)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return .byte(byte)
            case UInt8(ascii: "b"): return .byte(8)
            case UInt8(ascii: "t"): return .byte(9)
            case UInt8(ascii: "n"): return .byte(10)
            case UInt8(ascii: "f"): return .byte(12)
            case UInt8(ascii: "r"): return .byte(13)
            default: return .none
            }
        }
        guard let digit = Escape.hexadecimal(byte) else { return .none }
        value = value << 4 | digit
        if isPercent { return count == 2 ? .byte(UInt8(value)) : keep(byte) }
        // Half a pair of surrogates stands for nothing that a value has.
        return count == 5 ? .scalar(Unicode.Scalar(value) ?? "\u{FFFD}") : keep(byte)
    }

    private mutating func keep(_ byte: UInt8) -> Step {
        bytes |= UInt64(byte) << (8 * UInt64(count))
        count += 1
        return .open
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
