/// Reads a POSIX extended regular expression.
struct PatternParser {
    indirect enum Expression {
        case one(CharacterSet)
        case atStart
        case atEnd
        case sequence([Expression])
        case choice([Expression])
        /// `most` nil: without end.
        case count(Expression, least: Int, most: Int?)
    }

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    /// How deep groups may be nested.
    private static let maximumDepth = 32
    /// The standard's RE_DUP_MAX.
    private static let maximumCount = 255

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    /// nil if the text is no expression.
    mutating func parse() -> Expression? {
        guard let expression = parseChoice(), position == scalars.count else { return nil }
        return expression
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private mutating func parseChoice() -> Expression? {
        var branches: [Expression] = []
        repeat {
            guard let branch = parseSequence() else { return nil }
            branches.append(branch)
        } while take("|")
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    /// At least one piece: an empty one would match everything, which is hardly what its author meant.
    private mutating func parseSequence() -> Expression? {
        var pieces: [Expression] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            guard let piece = parsePiece() else { return nil }
            pieces.append(piece)
        }
        return pieces.isEmpty ? nil : .sequence(pieces)
    }

    private mutating func parsePiece() -> Expression? {
        guard let atom = parseAtom() else { return nil }
        guard let counts = parseCounts() else { return nil }
        guard let (least, most) = counts else { return atom }
        switch atom {
        case .atStart, .atEnd: return nil
        default: return .count(atom, least: least, most: most)
        }
    }

    private mutating func parseAtom() -> Expression? {
        guard let scalar = next else { return nil }
        position += 1
        switch scalar {
        case "(":
            depth += 1
            defer { depth -= 1 }
            guard depth <= PatternParser.maximumDepth, let group = parseChoice(), take(")") else { return nil }
            return group
        case "[": return parseBracket().map(Expression.one)
        case ".": return .one(.all)
        case "^": return .atStart
        case "$": return .atEnd
        case "*", "+", "?", "{", ")", "|": return nil
        case "\\":
            // Before a letter or a digit it means something else in every other dialect.
            guard let escaped = next, escaped.isASCII, "^.[]$()|*+?{}\\/-".unicodeScalars.contains(escaped) else {
                return nil
            }
            position += 1
            return .one(CharacterSet([escaped.value...escaped.value]))
        default: return .one(CharacterSet([scalar.value...scalar.value]))
        }
    }

    /// - Returns: nil if there is something that is no count; an inner nil if there is nothing.
    private mutating func parseCounts() -> (least: Int, most: Int?)?? {
        guard let scalar = next else { return .some(nil) }
        let counts: (Int, Int?)
        switch scalar {
        case "*": counts = (0, nil)
        case "+": counts = (1, nil)
        case "?": counts = (0, 1)
        case "{":
            position += 1
            guard let braces = parseBraces() else { return nil }
            counts = braces
            position -= 1
        default: return .some(nil)
        }
        position += 1
        if let again = next, "*+?{".unicodeScalars.contains(again) { return nil }
        return counts
    }

    /// `m}`, `m,}` or `m,n}`.
    private mutating func parseBraces() -> (Int, Int?)? {
        guard let least = parseNumber() else { return nil }
        if take("}") { return least > 0 ? (least, least) : nil }
        guard take(",") else { return nil }
        if take("}") { return (least, nil) }
        guard let most = parseNumber(), most >= max(least, 1), take("}") else { return nil }
        return (least, most)
    }

    private mutating func parseNumber() -> Int? {
        var number = 0
        let start = position
        while let digit = next, ("0"..."9").contains(digit), position - start < 3 {
            number = number * 10 + Int(digit.value - 48)
            position += 1
        }
        return position > start && number <= PatternParser.maximumCount ? number : nil
    }

    // MARK: - Brackets

    private mutating func parseBracket() -> CharacterSet? {
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while let scalar = next {
            position += 1
            if scalar == "]", !isFirst { return CharacterSet(ranges, isInverted: isInverted) }
            isFirst = false
            if scalar == "[", let kind = next, ":.=".unicodeScalars.contains(kind) {
                guard kind == ":", let members = parseClass() else { return nil }
                ranges += members
                continue
            }
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                ranges.append(scalar.value...scalar.value)
                continue
            }
            let last = scalars[position + 1]
            guard last != "[", scalar <= last else { return nil }
            position += 2
            ranges.append(scalar.value...last.value)
        }
        return nil
    }

    /// After `[` of `[:name:]`.
    private mutating func parseClass() -> [ClosedRange<UInt32>]? {
        position += 1
        var name = ""
        while let scalar = next, scalar != ":", name.utf8.count < 8 {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(":"), take("]") else { return nil }
        return PatternParser.classes[name]
    }

    /// Of the POSIX locale.
    private static let classes: [String: [ClosedRange<UInt32>]] = [
        "digit": [48...57], "upper": [65...90], "lower": [97...122], "alpha": [65...90, 97...122],
        "alnum": [48...57, 65...90, 97...122], "xdigit": [48...57, 65...70, 97...102], "space": [9...13, 32...32],
        "blank": [9...9, 32...32], "cntrl": [0...31, 127...127], "graph": [33...126], "print": [32...126],
        "punct": [33...47, 58...64, 91...96, 123...126],
    ]
}

extension PatternParser.Expression {
    /// Instructions that it takes, never more than a little above what is allowed.
    var size: Int {
        let limit = Pattern.maximumSize
        switch self {
        case .one, .atStart, .atEnd: return 1
        case .sequence(let parts): return parts.reduce(0) { min(limit, $0 + $1.size) }
        case .choice(let parts): return parts.reduce(0) { min(limit, $0 + $1.size + 2) }
        case .count(let part, let least, let most): return min(limit, (part.size + 2) * max(1, most ?? least + 1))
        }
    }

    /// Appends the instructions; behind them is what comes next.
    func write(to program: inout [Pattern.Instruction]) {
        switch self {
        case .one(let characters): program.append(.one(characters))
        case .atStart: program.append(.atStart)
        case .atEnd: program.append(.atEnd)
        case .sequence(let parts): for part in parts { part.write(to: &program) }
        case .choice(let parts):
            var ends: [Int] = []
            for part in parts.dropLast() {
                let fork = program.count
                program.append(.fork(1, 1))
                part.write(to: &program)
                ends.append(program.count)
                program.append(.fork(1, 1))
                program[fork] = .fork(1, program.count - fork)
            }
            parts[parts.count - 1].write(to: &program)
            for end in ends { program[end] = .fork(program.count - end, program.count - end) }
        case .count(let part, let least, let most):
            for _ in 0..<least { part.write(to: &program) }
            guard let most else { return part.writeRepeated(to: &program) }
            var forks: [Int] = []
            for _ in least..<most {
                forks.append(program.count)
                program.append(.fork(1, 1))
                part.write(to: &program)
            }
            for fork in forks { program[fork] = .fork(1, program.count - fork) }
        }
    }

    /// Any number of times, none as well.
    private func writeRepeated(to program: inout [Pattern.Instruction]) {
        let start = program.count
        program.append(.fork(1, 1))
        write(to: &program)
        program.append(.fork(start - program.count, 1))
        program[start] = .fork(1, program.count - start)
    }
}
