/// Why bytes are not JSON, and where: lines and columns start at 1, columns count bytes.
package struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    package var message: String
    package var line: Int
    package var column: Int

    package var description: String { "line \(line), column \(column): \(message)" }
}

extension JSONNode {
    /// Reads one JSON value and nothing after it (RFC 8259). Lone surrogates become U+FFFD; text that is not UTF-8 and
    /// nesting deeper than 128 are errors, so that hostile input can neither pass nor overflow the stack.
    package static func read(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONNode {
        var reader = JSONReader(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else {
            throw reader.error("there is something after the end of the value")
        }
        return value
    }
}

private struct JSONReader {
    let bytes: [UInt8]
    var position = 0

    static let deepest = 128

    func error(_ message: String, at place: Int? = nil) -> JSONSyntaxError {
        let end = min(place ?? position, bytes.count)
        let before = bytes[..<end]
        let line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return JSONSyntaxError(message: message, line: line, column: end - start + 1)
    }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONNode {
        guard depth < JSONReader.deepest else { throw error("nested more than \(JSONReader.deepest) deep") }
        skipSpace()
        guard let first = next else { throw error("a value is missing") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default:
            for (word, node) in [("null", JSONNode.null), ("true", .bool(true)), ("false", .bool(false))]
            where bytes[position...].starts(with: word.utf8) {
                position += word.utf8.count
                return node
            }
            throw error("a value was expected here")
        }
    }

    mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONNode {
        position += 1
        var members: [JSONNode.Member] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a key in double quotes was expected here") }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("a colon was expected after the key") }
            members.append(JSONNode.Member(key, try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error("a comma or the end of the object was expected here") }
        }
    }

    mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONNode {
        position += 1
        var elements: [JSONNode] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw error("a comma or the end of the list was expected here") }
        }
    }

    mutating func digits() throws(JSONSyntaxError) {
        let start = position
        while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
        if position == start { throw error("a digit was expected here") }
    }

    mutating func number() throws(JSONSyntaxError) -> String {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
                throw error("a number cannot begin with 0")
            }
        } else {
            try digits()
        }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func string() throws(JSONSyntaxError) -> String {
        let opening = position
        position += 1
        let start = position
        // Most strings have no escapes and are copied once.
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        var escaped: [UInt8]?
        scan: while true {
            guard let byte = next else { throw error("this string has no end", at: opening) }
            switch byte {
            case UInt8(ascii: "\""): break scan
            case UInt8(ascii: "\\"):
                if escaped == nil { escaped = Array(bytes[start..<position]) }
                position += 1
                escaped?.append(contentsOf: try escape())
            case 0..<0x20: throw error("a control character in a string must be escaped")
            default:
                escaped?.append(byte)
                position += 1
            }
        }
        let text =
            if let escaped { String(validating: escaped, as: UTF8.self) } else {
                String(validating: bytes[start..<position], as: UTF8.self)
            }
        guard let text else { throw error("this string is not UTF-8", at: opening) }
        position += 1
        return text
    }

    mutating func escape() throws(JSONSyntaxError) -> [UInt8] {
        guard let byte = next else { throw error("an escape is cut off") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [8]
        case UInt8(ascii: "f"): return [12]
        case UInt8(ascii: "n"): return [10]
        case UInt8(ascii: "r"): return [13]
        case UInt8(ascii: "t"): return [9]
        case UInt8(ascii: "u"):
            var code = try hex()
            if code & 0xFC00 == 0xD800, bytes[position...].starts(with: "\\u".utf8) {
                let after = position
                position += 2
                let low = try hex()
                if low & 0xFC00 == 0xDC00 {
                    code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
                } else {
                    position = after
                }
            }
            return Array(String(Character(Unicode.Scalar(code) ?? "\u{FFFD}")).utf8)
        default: throw error("this escape does not exist", at: position - 2)
        }
    }

    mutating func hex() throws(JSONSyntaxError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let digits = String(validating: bytes[position..<position + 4], as: UTF8.self),
            digits.utf8.allSatisfy({ UInt8(ascii: "+") != $0 && UInt8(ascii: "-") != $0 }),
            let code = UInt32(digits, radix: 16)
        else { throw error("four hexadecimal digits were expected here") }
        position += 4
        return code
    }
}
