/// Regular expressions of ECMA-262 (with its `u` flag, as JSON Schema has them) in RE2's syntax.
///
/// `\d`, `\w` are ASCII, `\s` has Unicode's spaces and the BOM, `.` is anything but the four line ends, `^` and `$` are
/// the beginning and the end of the whole text. What an implementation without the flag takes as itself (`{`, `]`, `\_`)
/// is taken as itself. Look-around and back-references have no translation, nor has what only other languages have:
/// `\A`, `(?i)`, `(?P<…>)`. Nothing recurses, and the output is at most a fixed number of times as long as the input, but
/// for counts above RE2's 1,000, which are written out.
struct ECMAPattern {
    private let input: [Unicode.Scalar]
    private var index = 0
    private var output: [UInt8] = []
    /// Where in the output the last atom begins, which a quantifier would be for; nil: there is none.
    private var atom: Int?
    /// Where groups that are open begin.
    private var groups: [Int] = []

    static func translated(_ source: String) throws(SchemaPatternProblem) -> [UInt8] {
        var pattern = ECMAPattern(input: Array(source.unicodeScalars))
        try pattern.translate()
        return pattern.output
    }

    private init(input: [Unicode.Scalar]) { self.input = input }

    private var next: Unicode.Scalar? { index < input.count ? input[index] : nil }

    private func looksAt(_ text: String) -> Bool {
        input[index...].starts(with: text.unicodeScalars)
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    private mutating func emit(_ text: String) { output.append(contentsOf: text.utf8) }

    private mutating func emit(atom text: String) {
        atom = output.count
        emit(text)
    }

    // MARK: - The parts of a pattern

    private mutating func translate() throws(SchemaPatternProblem) {
        while let scalar = next {
            index += 1
            switch scalar {
            case "^": assertion("\\A")
            case "$": assertion("\\z")
            case "|": assertion("|")
            case ".": emit(atom: "[^\\n\\r\\x{2028}\\x{2029}]")
            case "(": try openGroup()
            case ")":
                guard let start = groups.popLast() else { throw .wrong("a parenthesis is closed that was not opened") }
                emit(")")
                atom = start
            case "[": emit(atom: try characterClass())
            case "*", "+", "?": try quantify(scalar == "*" ? 0 : scalar == "+" ? 1 : 0, scalar == "?" ? 1 : nil)
            case "{":
                if let (least, most) = try count() {
                    try quantify(least, most)
                } else {
                    emit(atom: "\\{")
                }
            case "\\": try escape()
            default: emit(atom: CodePointSet.literal(scalar.value))
            }
            guard output.count <= SchemaPattern.maximumLength else {
                throw .unchecked("the pattern is too large to be checked")
            }
        }
        guard groups.isEmpty else { throw .wrong("a parenthesis is not closed") }
    }

    private mutating func assertion(_ text: String) {
        emit(text)
        atom = nil
    }

    private mutating func openGroup() throws(SchemaPatternProblem) {
        guard groups.count < 200 else { throw .unchecked("the pattern is nested too deep to be checked") }
        let start = output.count
        if take("?") {
            if take(":") {
                // As it is.
            } else if looksAt("=") || looksAt("!") || looksAt("<=") || looksAt("<!") {
                throw .unchecked("look-around in a pattern is not checked")
            } else if take("<") {
                while let scalar = next, scalar != ">" {
                    guard scalar.properties.isIDContinue || scalar == "$" || scalar == "\\" else {
                        throw .wrong("a group has a name with other characters than letters and digits")
                    }
                    index += 1
                }
                guard take(">") else { throw .wrong("the name of a group has no end") }
            } else {
                throw .unchecked("groups that are not ECMA-262's, or that change flags, are not checked")
            }
        }
        emit("(?:")
        groups.append(start)
        atom = nil
    }

    /// Behind a `{`: two numbers, if this is a count; otherwise it stays where it is.
    private mutating func count() throws(SchemaPatternProblem) -> (Int, Int?)? {
        let start = index
        func number(_ pattern: inout ECMAPattern) -> Int? {
            var value: Int?
            while let scalar = pattern.next, "0"..."9" ~= scalar {
                value = min(1 << 40, (value ?? 0) * 10 + Int(scalar.value) - 48)
                pattern.index += 1
            }
            return value
        }
        let least = number(&self)
        var most = least
        if take(",") { most = number(&self) }
        guard let least, take("}") else {
            index = start
            return nil
        }
        if let most, most < least { throw .wrong("a count's numbers are in the wrong order") }
        return (least, most)
    }

    /// - Parameter most: nil is without an end.
    private mutating func quantify(_ least: Int, _ most: Int?) throws(SchemaPatternProblem) {
        guard let start = atom else { throw .wrong("there is nothing to repeat") }
        // Whether as few or as many as possible: it is found or it is not.
        _ = take("?")
        atom = nil
        switch (least, most) {
        case (0, nil): return emit("*")
        case (1, nil): return emit("+")
        case (0, 1): return emit("?")
        default: break
        }
        let repeated = Array(output[start...])
        output.removeSubrange(start...)
        emit("(?:")
        // RE2 takes no count above 1,000: x{2500} is x{1000}x{1000}x{500}.
        var (least, most) = (least, most)
        repeat {
            guard output.count <= SchemaPattern.maximumLength else {
                throw .unchecked("the pattern is too large to be checked")
            }
            output += repeated
            let part = min(least, 1000)
            let optional = min(most.map { $0 - part } ?? 0, 1000 - part)
            if most == nil, least <= 1000 {
                emit("{\(part),}")
                break
            }
            emit(optional > 0 ? "{\(part),\(part + optional)}" : "{\(part)}")
            least -= part
            most = most.map { $0 - part - optional }
        } while least > 0 || most ?? 0 > 0
        emit(")")
    }

    // MARK: - Escapes

    private mutating func escape() throws(SchemaPatternProblem) {
        guard let scalar = next else { throw .wrong("it ends with a backslash") }
        switch scalar {
        case "b", "B":
            index += 1
            assertion(scalar == "b" ? "\\b" : "\\B")
        case "1"..."9", "k": throw .unchecked("back-references in a pattern are not checked")
        default:
            switch try escaped() {
            case .scalar(let value): emit(atom: CodePointSet.literal(value))
            case .set(let ranges): emit(atom: "[\(ranges)]")
            }
        }
    }

    private enum Escaped {
        case scalar(UInt32)
        /// The inside of a class of RE2's.
        case set(String)
    }

    /// What follows a backslash, inside and outside of classes.
    private mutating func escaped() throws(SchemaPatternProblem) -> Escaped {
        guard let scalar = next else { throw .wrong("it ends with a backslash") }
        index += 1
        switch scalar {
        case "d": return .set(CodePointSet.digits.text)
        case "D": return .set(CodePointSet.digits.inverted.text)
        case "w": return .set(CodePointSet.word.text)
        case "W": return .set(CodePointSet.word.inverted.text)
        case "s": return .set(CodePointSet.space.text)
        case "S": return .set(CodePointSet.space.inverted.text)
        case "t": return .scalar(0x09)
        case "n": return .scalar(0x0A)
        case "v": return .scalar(0x0B)
        case "f": return .scalar(0x0C)
        case "r": return .scalar(0x0D)
        case "0":
            if let digit = next, "0"..."9" ~= digit { throw .unchecked("octal escapes in a pattern are not checked") }
            return .scalar(0)
        case "c":
            guard let letter = next, letter.isASCII, letter.properties.isAlphabetic else {
                throw .wrong("\\c is not followed by a letter")
            }
            index += 1
            return .scalar(letter.value % 32)
        case "x": return .scalar(try hex(2))
        case "u": return .scalar(try unicodeEscape())
        case "p", "P": return .set(try property(isInverted: scalar == "P"))
        default:
            if scalar.isASCII, scalar.properties.isAlphabetic || "0"..."9" ~= scalar {
                throw .unchecked("\\\(scalar) is no escape of ECMA-262")
            }
            return .scalar(scalar.value)
        }
    }

    private mutating func hex(_ digits: Int) throws(SchemaPatternProblem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let scalar = next, scalar.isASCII, let digit = JSONText.hexDigit(UInt8(scalar.value)) else {
                throw .wrong("an escape has too few hexadecimal digits")
            }
            value = value << 4 | digit
            index += 1
        }
        return value
    }

    private mutating func unicodeEscape() throws(SchemaPatternProblem) -> UInt32 {
        if take("{") {
            var value: UInt32 = 0
            let start = index
            while let scalar = next, scalar.isASCII, let digit = JSONText.hexDigit(UInt8(scalar.value)) {
                value = min(0x110000, value << 4 | digit)
                index += 1
            }
            guard index > start, take("}"), value <= 0x10FFFF else { throw .wrong("\\u{…} is no code point") }
            return value
        }
        let unit = try hex(4)
        guard unit & 0xFC00 == 0xD800, looksAt("\\u") else { return unit }
        let after = index
        index += 2
        guard let low = try? hex(4), low & 0xFC00 == 0xDC00 else {
            index = after
            return unit
        }
        return 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF)
    }

    private mutating func property(isInverted: Bool) throws(SchemaPatternProblem) -> String {
        guard take("{") else { throw .wrong("\\p is not followed by {…}") }
        var name = ""
        while let scalar = next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            index += 1
        }
        guard take("}") else { throw .wrong("\\p{ has no end") }
        guard let set = UnicodeProperty.set(named: name, isInverted: isInverted) else {
            throw .unchecked("a Unicode property that cannot be checked")
        }
        return set
    }

    // MARK: - Classes

    /// Behind a `[`.
    private mutating func characterClass() throws(SchemaPatternProblem) -> String {
        let isInverted = take("^")
        var inside = ""
        while true {
            guard let scalar = next else { throw .wrong("a character class is not closed") }
            if scalar == "]" {
                index += 1
                break
            }
            let first = try classAtom()
            guard looksAt("-"), index + 1 < input.count, input[index + 1] != "]" else {
                append(first, to: &inside)
                continue
            }
            index += 1
            let last = try classAtom()
            if case .scalar(let low) = first, case .scalar(let high) = last {
                guard low <= high else { throw .wrong("a range of a character class is in the wrong order") }
                inside += CodePointSet([low...high]).text
            } else {
                append(first, to: &inside)
                inside += CodePointSet([0x2D...0x2D]).text
                append(last, to: &inside)
            }
            if inside.utf8.count > SchemaPattern.maximumLength {
                throw .unchecked("the pattern is too large to be checked")
            }
        }
        if inside.isEmpty { return isInverted ? "[\\x{0}-\\x{10FFFF}]" : "[^\\x{0}-\\x{10FFFF}]" }
        return (isInverted ? "[^" : "[") + inside + "]"
    }

    private func append(_ part: Escaped, to inside: inout String) {
        switch part {
        case .scalar(let value): inside += CodePointSet([value...value]).text
        case .set(let ranges): inside += ranges
        }
    }

    private mutating func classAtom() throws(SchemaPatternProblem) -> Escaped {
        guard let scalar = next else { throw .wrong("a character class is not closed") }
        index += 1
        guard scalar == "\\" else { return .scalar(scalar.value) }
        switch next {
        case "b":
            index += 1
            return .scalar(0x08)
        case "-":
            index += 1
            return .scalar(0x2D)
        case let digit? where "1"..."9" ~= digit: throw .unchecked("octal escapes in a pattern are not checked")
        default: return try escaped()
        }
    }
}
