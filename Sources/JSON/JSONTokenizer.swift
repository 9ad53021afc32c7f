/// What is wrong with a text that should be JSON, and where. Each reader has its own words for it.
package struct JSONFault: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case valueExpected, endBeforeValue, textAfterValue, keyExpected, colonExpected
        case commaOrBracketExpected, commaOrBraceExpected
        case digitExpected, leadingZero, numberTooLarge
        case endInString, controlCharacter, unknownEscape, hexExpected, halfSurrogate, notUTF8
        case tooDeep(limit: Int)
        case duplicateKey
        /// More than 4 GiB.
        case tooLong
        /// In the canonical form names are of printable ASCII without escapes.
        case nameNotASCII
    }

    package var kind: Kind
    /// In bytes from the beginning.
    package var offset: Int

    package init(kind: Kind, offset: Int) { (self.kind, self.offset) = (kind, offset) }
}

extension JSONFault: CustomStringConvertible {
    package var description: String { "\(message) at byte \(offset)" }

    /// Never has a part of the text.
    package var message: String {
        switch kind {
        case .valueExpected: "a value was expected"
        case .endBeforeValue: "the text ends where a value was expected"
        case .textAfterValue: "unexpected text after the value"
        case .keyExpected: "a key in quotes was expected"
        case .colonExpected: "\":\" was expected"
        case .commaOrBracketExpected: "\",\" or \"]\" was expected"
        case .commaOrBraceExpected: "\",\" or \"}\" was expected"
        case .digitExpected: "a digit was expected"
        case .leadingZero: "a number cannot begin with 0"
        case .numberTooLarge: "a number too large for a double"
        case .endInString: "the text ends within a string"
        case .controlCharacter: "a control character in a string"
        case .unknownEscape: "an unknown escape"
        case .hexExpected: "four hexadecimal digits were expected"
        case .halfSurrogate: "half of a surrogate pair"
        case .notUTF8: "a string is not UTF-8"
        case .tooDeep(let limit): "nested deeper than \(limit)"
        case .duplicateKey: "a key that the object has already"
        case .tooLong: "too long"
        case .nameNotASCII: "a name has other characters than ASCII's"
        }
    }
}

package struct JSONToken: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        case null, `false`, `true`, number, string, array, object
        /// A member's name; its colon has been read as well.
        case key
        /// Of the innermost array or object.
        case end
    }

    package var kind: Kind
    /// The bytes of a number; those of a string or key between its quotes.
    package var range: Range<Int>
    /// The string or key has a backslash.
    package var isEscaped = false
}

/// The one tokenizer: RFC 8259, strictly. It gives the tokens of one value, checks that they stand in the right order,
/// and that nothing but white space is around them. It neither recurses nor allocates: time is linear in the bytes.
///
/// The bytes have to outlive it.
package struct JSONTokenizer {
    package struct Rules: Sendable {
        /// Arrays and objects inside each other, at most 128: `[[]]` is 2 deep.
        package var maximumDepth = 64
        /// Half of a surrogate pair (`\ud834` alone) is a fault, or else stands for U+FFFD.
        package var refusesHalfSurrogates = true
        /// Strings are looked at for bytes that are not UTF-8. Not needed for the bytes of a `String`.
        package var checksUTF8 = false

        package init(maximumDepth: Int = 64, refusesHalfSurrogates: Bool = true, checksUTF8: Bool = false) {
            precondition(maximumDepth <= 128)
            self.maximumDepth = maximumDepth
            self.refusesHalfSurrogates = refusesHalfSurrogates
            self.checksUTF8 = checksUTF8
        }
    }

    private enum Expected { case value, valueOrEnd, key, keyOrEnd, commaOrEnd, nothing }

    private let bytes: UnsafeBufferPointer<UInt8>
    private let rules: Rules
    package private(set) var position = 0
    /// Where the last string began.
    package private(set) var opening = 0
    private var expected = Expected.value
    private var depth = 0
    /// A bit for each level, the innermost is the lowest: whether it is an object.
    private var levels: UInt128 = 0

    package init(_ bytes: UnsafeBufferPointer<UInt8>, _ rules: Rules = Rules()) {
        self.bytes = bytes
        self.rules = rules
    }

    /// The value's last token was given.
    package var isComplete: Bool { expected == .nothing }

    /// - Returns: nil after the value's last token, when nothing follows it.
    package mutating func next() throws(JSONFault) -> JSONToken? {
        while true {
            skipSpace()
            switch expected {
            case .nothing:
                guard position == bytes.count else { throw fault(.textAfterValue) }
                return nil
            case .commaOrEnd:
                let isObject = levels & 1 == 1
                if take(UInt8(ascii: ",")) {
                    expected = isObject ? .key : .value
                } else if take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    return endOfLevel()
                } else {
                    throw fault(isObject ? .commaOrBraceExpected : .commaOrBracketExpected)
                }
            case .keyOrEnd:
                if take(UInt8(ascii: "}")) { return endOfLevel() }
                return try key()
            case .key: return try key()
            case .valueOrEnd:
                if take(UInt8(ascii: "]")) { return endOfLevel() }
                return try value()
            case .value: return try value()
            }
        }
    }

    private func fault(_ kind: JSONFault.Kind) -> JSONFault { JSONFault(kind: kind, offset: position) }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ wanted: UInt8) -> Bool {
        guard byte == wanted else { return false }
        position += 1
        return true
    }

    private mutating func endOfLevel() -> JSONToken {
        levels >>= 1
        depth -= 1
        return closed(JSONToken(kind: .end, range: position - 1..<position))
    }

    /// After a value that is whole.
    private mutating func closed(_ token: JSONToken) -> JSONToken {
        expected = depth == 0 ? .nothing : .commaOrEnd
        return token
    }

    private mutating func value() throws(JSONFault) -> JSONToken {
        switch byte {
        case UInt8(ascii: "{"): return try begin(.object)
        case UInt8(ascii: "["): return try begin(.array)
        case UInt8(ascii: "\""): return closed(try string(.string))
        case UInt8(ascii: "t"): return closed(try word("true", .true))
        case UInt8(ascii: "f"): return closed(try word("false", .false))
        case UInt8(ascii: "n"): return closed(try word("null", .null))
        case UInt8(ascii: "-"): return closed(try number())
        case let digit? where UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit: return closed(try number())
        case nil: throw fault(.endBeforeValue)
        default: throw fault(.valueExpected)
        }
    }

    private mutating func begin(_ kind: JSONToken.Kind) throws(JSONFault) -> JSONToken {
        guard depth < rules.maximumDepth else { throw fault(.tooDeep(limit: rules.maximumDepth)) }
        depth += 1
        levels = levels << 1 | (kind == .object ? 1 : 0)
        expected = kind == .object ? .keyOrEnd : .valueOrEnd
        position += 1
        return JSONToken(kind: kind, range: position - 1..<position)
    }

    private mutating func key() throws(JSONFault) -> JSONToken {
        guard byte == UInt8(ascii: "\"") else { throw fault(.keyExpected) }
        let token = try string(.key)
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw fault(.colonExpected) }
        expected = .value
        return token
    }

    private mutating func word(_ word: StaticString, _ kind: JSONToken.Kind) throws(JSONFault) -> JSONToken {
        let start = position
        guard word.withUTF8Buffer({ bytes[start...].starts(with: $0) }) else { throw fault(.valueExpected) }
        position += word.utf8CodeUnitCount
        return JSONToken(kind: kind, range: start..<position)
    }

    private mutating func digits() throws(JSONFault) {
        let start = position
        while let byte, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
        if position == start { throw fault(.digitExpected) }
    }

    private mutating func number() throws(JSONFault) -> JSONToken {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if let byte, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { throw fault(.leadingZero) }
        } else {
            try digits()
        }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return JSONToken(kind: .number, range: start..<position)
    }

    private mutating func string(_ kind: JSONToken.Kind) throws(JSONFault) -> JSONToken {
        opening = position
        position += 1
        var isEscaped = false
        var isASCII = true
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                let range = opening + 1..<position
                if rules.checksUTF8, !isASCII, String(validating: bytes[range], as: UTF8.self) == nil {
                    throw JSONFault(kind: .notUTF8, offset: opening)
                }
                position += 1
                return JSONToken(kind: kind, range: range, isEscaped: isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                position += 1
                try escape()
            case ..<0x20: throw fault(.controlCharacter)
            default:
                if byte >= 0x80 { isASCII = false }
                position += 1
            }
        }
        throw fault(.endInString)
    }

    /// What follows a backslash.
    private mutating func escape() throws(JSONFault) {
        guard let byte else { throw fault(.endInString) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"): break
        default: throw fault(.unknownEscape)
        }
        let unit = try codeUnit()
        guard rules.refusesHalfSurrogates, unit & 0xF800 == 0xD800 else { return }
        guard unit < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw fault(.halfSurrogate) }
        guard try codeUnit() & 0xFC00 == 0xDC00 else { throw fault(.halfSurrogate) }
    }

    /// Four hexadecimal digits.
    private mutating func codeUnit() throws(JSONFault) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte, let digit = JSONText.hexDigit(byte) else { throw fault(.hexExpected) }
            unit = unit << 4 | digit
            position += 1
        }
        return unit
    }
}
