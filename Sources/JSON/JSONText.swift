/// Strings of JSON: from their escaped form, and back.
package enum JSONText {
    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 55
        default: nil
        }
    }

    /// Appends what the inside of a string token stands for. Halves of surrogate pairs become U+FFFD.
    ///
    /// - Parameter escaped: as the tokenizer took it: every escape is whole.
    package static func appendUnescaped(_ escaped: Slice<UnsafeBufferPointer<UInt8>>, to output: inout [UInt8]) {
        var index = escaped.startIndex
        var plain = index
        while index < escaped.endIndex {
            guard escaped[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            output.append(contentsOf: escaped[plain..<index])
            index += 2
            switch escaped[index - 1] {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                let scalar = unicodeScalar(escaped, &index)
                output.append(contentsOf: UTF8.encode(scalar)!)
            case let other: output.append(other)
            }
            plain = index
        }
        output.append(contentsOf: escaped[plain...])
    }

    /// - Parameter index: of the first of four digits; afterwards behind the last one that was used.
    private static func unicodeScalar(
        _ escaped: Slice<UnsafeBufferPointer<UInt8>>, _ index: inout Int
    ) -> Unicode.Scalar {
        let code = codeUnit(escaped, index)
        index += 4
        if code & 0xFC00 == 0xD800, index + 6 <= escaped.endIndex, escaped[index] == UInt8(ascii: "\\"),
            escaped[index + 1] == UInt8(ascii: "u")
        {
            let low = codeUnit(escaped, index + 2)
            if low & 0xFC00 == 0xDC00 {
                index += 6
                return Unicode.Scalar(0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)) ?? "\u{FFFD}"
            }
        }
        return Unicode.Scalar(code) ?? "\u{FFFD}"
    }

    private static func codeUnit(_ escaped: Slice<UnsafeBufferPointer<UInt8>>, _ index: Int) -> UInt32 {
        escaped[index..<index + 4].reduce(0) { $0 << 4 | (hexDigit($1) ?? 0) }
    }

    /// A name of a schema or an instance in a message: whatever it is made of, it takes one short line.
    static func shown(_ name: String) -> String {
        let maximumLength = 64
        if name.utf8.count <= maximumLength, name.utf8.allSatisfy({ 32...126 ~= $0 }) { return name }
        var shown = String.UnicodeScalarView(
            name.unicodeScalars.prefix(maximumLength).map {
                $0.properties.generalCategory == .control ? "\u{FFFD}" : $0
            })
        if name.unicodeScalars.dropFirst(maximumLength).first != nil { shown.append("…") }
        return String(shown)
    }

    static func quoted(_ name: String) -> String { "\"\(shown(name))\"" }
}

/// JSON pointers (RFC 6901).
package enum JSONPointer {
    /// A name as a part of a pointer that people read: long ones are cut.
    static func shownPart(_ name: String) -> String {
        let shown = JSONText.shown(name)
        guard shown.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return shown }
        return shown.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    /// The names and indices that a pointer goes through; nil if it is no pointer.
    package static func parts(_ pointer: String) -> [String]? {
        guard pointer.isEmpty || pointer.utf8.first == UInt8(ascii: "/") else { return nil }
        return pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            $0.utf8.contains(UInt8(ascii: "~"))
                ? String($0).replacing("~1", with: "/").replacing("~0", with: "~") : String($0)
        }
    }

    /// The index that a part is: digits without needless zeros.
    package static func index(_ part: String) -> Int? {
        guard part == "0" || !part.hasPrefix("0"), !part.isEmpty, part.utf8.allSatisfy({ 48...57 ~= $0 }) else {
            return nil
        }
        return Int(part)
    }
}
