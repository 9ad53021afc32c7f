extension [UInt8] {
    /// Appends a JSON string (RFC 8259, 7): quotes, backslashes and control characters escaped, all else as it is.
    package mutating func append(string text: String) {
        var text = text
        text.withUTF8 { append(string: $0) }
    }

    /// The same of bytes that are UTF-8.
    package mutating func append(string bytes: UnsafeBufferPointer<UInt8>) {
        let bytes = UnsafeRawBufferPointer(bytes)
        append(UInt8(ascii: "\""))
        var clean = 0
        while let special = bytes.firstToEscape(from: clean) {
            // Rebased: of a slice an array takes byte by byte what it takes of a buffer at once.
            append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[clean..<special]))
            append(escaped: bytes[special])
            clean = special + 1
        }
        append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[clean...]))
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaped byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        default:
            self += "u00".utf8
            for digit in [byte >> 4, byte & 15] { append(digit + (digit < 10 ? 48 : 87)) }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The first quote, backslash or control character. Eight bytes at a time: what is sent again with every step of a
    /// conversation is mostly text without any.
    fileprivate func firstToEscape(from start: Int) -> Int? {
        var index = start
        while index + 8 <= count {
            if Self.hasByteToEscape(loadUnaligned(fromByteOffset: index, as: UInt64.self)) { break }
            index += 8
        }
        while index < count {
            let byte = self[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return index }
            index += 1
        }
        return nil
    }

    /// Whether any of eight bytes is to be escaped; may say so of bytes above 127, never the other way round.
    private static func hasByteToEscape(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        // A byte less than n borrows into its own high bit when n is subtracted; a byte equal to n is 0 after XOR.
        let control = (word &- ones &* 0x20) & ~word
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        return (control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)) & highs != 0
    }
}
