/// A JSON text as a value. RFC 8259, strictly; one value, with nothing but white space around it.
///
/// A parser of its own and not JSONDecoder, which needs a microsecond for each element (it throws for every type that
/// an element is not; a million integers: 0.65 s, here 0.07 s), takes one of several equal keys without a word, and has no
/// place for an error. Arguments come from models: they are whatever they are.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits, exactly.
    case integer(Int128)
    /// Any other number, as the nearest double.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// How deep arrays and objects may be nested: `[[]]` is 2 deep. A small thread's stack holds several times that.
    public static let maximumDepth = 64

    /// - Throws: what is wrong and at which byte. Duplicate keys are an error: who shows such a text for approval and
    ///   who acts on it could mean different values.
    public init(parsing text: String) throws(JSONError) {
        var parser = JSONParser(text)
        self = try parser.parse()
    }
}

extension JSONValue: Equatable {
    /// Numbers are equal if they are mathematically: `1` and `1.0`.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.integer(let integer), .number(let number)), (.number(let number), .integer(let integer)):
            Int128(exactly: number) == integer
        // By scalars: Swift's `==` takes "é" in one scalar for "é" in two, JSON does not.
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

/// Why a text is not JSON, or not JSON that is taken here. Never has a part of the text.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    /// Where, in bytes of UTF-8 from the beginning.
    public var offset: Int

    public var description: String { "\(message) at byte \(offset)" }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func parse() throws(JSONError) -> JSONValue {
        let value = try parseValue()
        skipSpace()
        if position < bytes.count { throw error("unexpected text after the value") }
        return value
    }

    private func error(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try nested { (parser) throws(JSONError) in try parser.parseObject() }
        case UInt8(ascii: "["): return try nested { (parser) throws(JSONError) in try parser.parseArray() }
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"): return try parseNumber()
        case let digit? where UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit: return try parseNumber()
        case nil: throw error("the text ends where a value was expected")
        default: throw error("a value was expected")
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depth < JSONValue.maximumDepth else { throw error("nested deeper than \(JSONValue.maximumDepth)") }
        depth += 1
        position += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let matches = word.withUTF8Buffer { bytes[position...].starts(with: $0) }
        guard matches else { throw error("a value was expected") }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func parseArray() throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try parseValue())
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw error("\",\" or \"]\" was expected") }
        }
    }

    private mutating func parseObject() throws(JSONError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        // Keys that Swift takes for equal and JSON does not (see ==) would fall together: they count as duplicates.
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a key in quotes was expected") }
            let start = position
            let key = try parseString()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("\":\" was expected") }
            let value = try parseValue()
            if members.updateValue(value, forKey: key) != nil {
                throw JSONError(message: "a key that the object has already", offset: start)
            }
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error("\",\" or \"}\" was expected") }
        }
    }
}

extension JSONParser {
    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
        if position == start { throw error("a digit was expected") }
    }

    private mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = position
        var isInteger = true
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try skipDigits() }
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try skipDigits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int128(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw JSONError(message: "a number too large for a double", offset: start)
        }
        return .number(number)
    }

    private mutating func parseString() throws(JSONError) -> String {
        position += 1
        // The text is a String's: it is valid UTF-8, and only quotes, escapes and control characters matter.
        var start = position
        var unescaped: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                if unescaped.isEmpty { return String(decoding: bytes[start..<position], as: UTF8.self) }
                return String(decoding: unescaped + bytes[start..<position], as: UTF8.self)
            case UInt8(ascii: "\\"):
                unescaped += bytes[start..<position]
                position += 1
                unescaped += Array(String(try parseEscape()).utf8)
                start = position
            case ..<0x20: throw error("a control character in a string")
            default: position += 1
            }
        }
        throw error("the text ends within a string")
    }

    private mutating func parseEscape() throws(JSONError) -> Unicode.Scalar {
        guard let byte = next else { throw error("the text ends within a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw error("an unknown escape")
        }
        let unit = try parseUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw error("half of a surrogate pair")
        }
        let low = try parseUnit()
        let code = 0x10000 &+ (unit &- 0xD800) << 10 &+ (low &- 0xDC00)
        guard 0xDC00...0xDFFF ~= low, let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
        return scalar
    }

    /// Four hexadecimal digits.
    private mutating func parseUnit() throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("four hexadecimal digits were expected")
            }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}
