/// Why a text is not the JSON that it should be, and where.
struct JSONMistake: Error, CustomStringConvertible {
    let offset: Int
    let what: String

    var description: String { "\(what) at byte \(offset)" }
}

/// Reads JSON strictly, and writes it in the one form in which digests are taken: no white space, the members of
/// objects in the order of their names' bytes, strings with the shortest escapes and without needless ones, numbers as
/// they are written. protocol/README says it for other languages.
///
/// It reads bytes of valid UTF-8 that outlive it.
struct CanonicalJSON {
    private let bytes: UnsafeBufferPointer<UInt8>
    /// The next byte to read.
    private(set) var index: Int
    private let end: Int
    /// What was written.
    private var output: [UInt8] = []

    /// Objects and arrays inside each other.
    private static let maximumDepth = 64

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>? = nil) {
        self.bytes = bytes
        index = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    /// The canonical form of one value.
    static func of(_ json: [UInt8]) throws -> [UInt8] {
        try json.withUnsafeBufferPointer { bytes in
            var reader = CanonicalJSON(bytes)
            let value = try reader.value()
            try reader.finish()
            return value
        }
    }

    /// Reads one value.
    ///
    /// - Returns: its canonical form.
    mutating func value() throws(JSONMistake) -> [UInt8] {
        output.removeAll(keepingCapacity: true)
        try write(depth: 0)
        return output
    }

    /// Nothing but white space may be left.
    mutating func finish() throws(JSONMistake) {
        skipSpace()
        guard index == end else { throw mistake("something follows the value") }
    }

    /// The members of an object, each with the place of its value, which has been looked at only as far as its end.
    mutating func members() throws(JSONMistake) -> [String: Range<Int>] {
        var members: [String: Range<Int>] = [:]
        try expect("{")
        if skip("}") { return members }
        repeat {
            skipSpace()
            output.removeAll(keepingCapacity: true)
            try writeName()
            let name = String(decoding: output.dropFirst().dropLast(), as: UTF8.self)
            try expect(":")
            skipSpace()
            let start = index
            try pass()
            guard members.updateValue(start..<index, forKey: name) == nil else { throw mistake("a name comes twice") }
        } while skip(",")
        try expect("}")
        return members
    }

    /// Calls `body` with the canonical form of each element of an array.
    mutating func forEachElement(_ body: ([UInt8]) -> Void) throws(JSONMistake) {
        try expect("[")
        if skip("]") { return }
        repeat { body(try value()) } while skip(",")
        try expect("]")
    }

    // MARK: - Reading

    private func mistake(_ what: String) -> JSONMistake { JSONMistake(offset: index, what: what) }

    private var next: UInt8? { index < end ? bytes[index] : nil }

    private mutating func skipSpace() {
        while index < end {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSONMistake) {
        guard skip(character) else { throw mistake("\(character) is missing") }
    }

    /// Goes to the end of a value without reading it.
    private mutating func pass() throws(JSONMistake) {
        var depth = 0
        while index < end {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                while index < end, bytes[index] != UInt8(ascii: "\"") {
                    index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
                }
                guard index < end else { throw mistake("a string has no end") }
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { return }
                depth -= 1
            case UInt8(ascii: ",") where depth == 0: return
            default: break
            }
            index += 1
        }
        throw mistake("a value has no end")
    }

    // MARK: - Writing

    private mutating func write(depth: Int) throws(JSONMistake) {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): try writeObject(depth: depth + 1)
        case UInt8(ascii: "["): try writeArray(depth: depth + 1)
        case UInt8(ascii: "\""): try writeString()
        case UInt8(ascii: "t"): try write(literal: "true")
        case UInt8(ascii: "f"): try write(literal: "false")
        case UInt8(ascii: "n"): try write(literal: "null")
        default: try writeNumber()
        }
    }

    private func check(depth: Int) throws(JSONMistake) {
        guard depth <= Self.maximumDepth else { throw mistake("more than \(Self.maximumDepth) levels") }
    }

    private mutating func writeArray(depth: Int) throws(JSONMistake) {
        try check(depth: depth)
        try expect("[")
        output.append(UInt8(ascii: "["))
        if !skip("]") {
            try write(depth: depth)
            while skip(",") {
                output.append(UInt8(ascii: ","))
                try write(depth: depth)
            }
            try expect("]")
        }
        output.append(UInt8(ascii: "]"))
    }

    /// Members are written as they come, and put into their order afterwards if they were not.
    private mutating func writeObject(depth: Int) throws(JSONMistake) {
        try check(depth: depth)
        try expect("{")
        output.append(UInt8(ascii: "{"))
        let start = output.count
        var members: [(name: Range<Int>, all: Range<Int>)] = []
        var isSorted = true
        if !skip("}") {
            repeat {
                if !members.isEmpty { output.append(UInt8(ascii: ",")) }
                skipSpace()
                let first = output.count
                try writeName()
                let name = first..<output.count
                try expect(":")
                output.append(UInt8(ascii: ":"))
                try write(depth: depth)
                if let last = members.last, !comesBefore(last.name, name) { isSorted = false }
                members.append((name, first..<output.count))
            } while skip(",")
            try expect("}")
        }
        if !isSorted { try sort(&members, from: start) }
        output.append(UInt8(ascii: "}"))
    }

    private mutating func sort(
        _ members: inout [(name: Range<Int>, all: Range<Int>)], from start: Int
    ) throws(JSONMistake) {
        members.sort { comesBefore($0.name, $1.name) }
        var sorted: [UInt8] = []
        sorted.reserveCapacity(output.count - start)
        for (number, member) in members.enumerated() {
            if number > 0 {
                guard comesBefore(members[number - 1].name, member.name) else { throw mistake("a name comes twice") }
                sorted.append(UInt8(ascii: ","))
            }
            sorted.append(contentsOf: output[member.all])
        }
        output.replaceSubrange(start..., with: sorted)
    }

    private func comesBefore(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        // Without the quotation marks: the shorter of two names that begin alike is the first.
        output[left.dropFirst().dropLast()].lexicographicallyPrecedes(output[right.dropFirst().dropLast()])
    }

    /// Names are of printable ASCII, so that their order is the same in every language.
    private mutating func writeName() throws(JSONMistake) {
        let first = index
        guard next == UInt8(ascii: "\"") else { throw mistake("a name is missing") }
        index += 1
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\\") else {
                throw mistake("a name has other characters than ASCII's")
            }
            index += 1
        }
        guard next != nil else { throw mistake("a name has no end") }
        index += 1
        append(first..<index)
    }

    private mutating func append(_ range: Range<Int>) {
        output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[range]))
    }

    private mutating func write(literal: StaticString) throws(JSONMistake) {
        for offset in 0..<literal.utf8CodeUnitCount {
            guard next == literal.utf8Start[offset] else { throw mistake("there is no value") }
            output.append(bytes[index])
            index += 1
        }
    }

    private mutating func writeNumber() throws(JSONMistake) {
        let first = index
        if next == UInt8(ascii: "-") { index += 1 }
        if next == UInt8(ascii: "0") {
            index += 1
        } else {
            try passDigits()
        }
        if next == UInt8(ascii: ".") {
            index += 1
            try passDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            index += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
            try passDigits()
        }
        append(first..<index)
    }

    private mutating func passDigits() throws(JSONMistake) {
        let first = index
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { index += 1 }
        guard index > first else { throw mistake("there is no value") }
    }

    private mutating func writeString() throws(JSONMistake) {
        output.append(UInt8(ascii: "\""))
        index += 1
        var plain = index
        while true {
            guard let byte = next else { throw mistake("a string has no end") }
            if byte == UInt8(ascii: "\"") { break }
            guard byte >= 0x20 else { throw mistake("a string has a control character") }
            guard byte == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            append(plain..<index)
            index += 1
            try writeEscaped()
            plain = index
        }
        append(plain..<index)
        output.append(UInt8(ascii: "\""))
        index += 1
    }

    /// What follows a backslash.
    private mutating func writeEscaped() throws(JSONMistake) {
        guard let byte = next else { throw mistake("a string has no end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): write(Unicode.Scalar(byte))
        case UInt8(ascii: "b"): write("\u{08}")
        case UInt8(ascii: "f"): write("\u{0C}")
        case UInt8(ascii: "n"): write("\n")
        case UInt8(ascii: "r"): write("\r")
        case UInt8(ascii: "t"): write("\t")
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if code & 0xFC00 == 0xD800 {
                guard index + 1 < end, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
                    throw mistake("half a character")
                }
                index += 2
                let low = try codeUnit()
                guard low & 0xFC00 == 0xDC00 else { throw mistake("half a character") }
                code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else { throw mistake("half a character") }
            write(scalar)
        default: throw mistake("there is no such escape")
        }
    }

    private mutating func codeUnit() throws(JSONMistake) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw mistake("an escape is not whole")
            }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }

    /// One character of a string.
    private mutating func write(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": output.append(contentsOf: "\\\"".utf8)
        case "\\": output.append(contentsOf: "\\\\".utf8)
        case "\u{08}": output.append(contentsOf: "\\b".utf8)
        case "\u{0C}": output.append(contentsOf: "\\f".utf8)
        case "\n": output.append(contentsOf: "\\n".utf8)
        case "\r": output.append(contentsOf: "\\r".utf8)
        case "\t": output.append(contentsOf: "\\t".utf8)
        case "\0"..<" ":
            let digits = String(scalar.value, radix: 16)
            output.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
        default: output.append(contentsOf: String(Character(scalar)).utf8)
        }
    }
}
