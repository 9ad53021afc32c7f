/// Reads JSON strictly, and writes it in the one form in which digests are taken: no white space, the members of
/// objects in the order of their names' bytes, strings with the shortest escapes and without needless ones, numbers as
/// they are written. protocol/README says it for other languages.
///
/// frozen: digests of checkpoints are of these bytes (Tests/JSONTests/Golden/canonical.txt).
///
/// It reads bytes of valid UTF-8 that outlive it; values are at most 64 deep. Threads: one.
package struct CanonicalJSON {
    private let bytes: UnsafeBufferPointer<UInt8>
    /// The next byte to read.
    package private(set) var index: Int
    private let end: Int

    package init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>? = nil) {
        self.bytes = bytes
        index = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    /// The canonical form of one value.
    package static func of(_ json: [UInt8]) throws(JSONFault) -> [UInt8] {
        try json.withUnsafeBufferPointer { (bytes) throws(JSONFault) in
            var reader = CanonicalJSON(bytes)
            let value = try reader.value()
            try reader.finish()
            return value
        }
    }

    /// Reads one value.
    ///
    /// - Returns: its canonical form.
    package mutating func value() throws(JSONFault) -> [UInt8] {
        let text = UnsafeBufferPointer(rebasing: bytes[index..<end])
        var tokenizer = JSONTokenizer(text)
        var writer = CanonicalWriter(text)
        while !tokenizer.isComplete {
            guard let token = try next(&tokenizer, from: index) else { break }
            try at(index) { () throws(JSONFault) in try writer.write(token) }
        }
        index += tokenizer.position
        return writer.output
    }

    /// Nothing but white space may be left.
    package mutating func finish() throws(JSONFault) {
        skipSpace()
        guard index == end else { throw JSONFault(kind: .textAfterValue, offset: index) }
    }

    /// The members of an object, each with the place of its value.
    package mutating func members() throws(JSONFault) -> [String: Range<Int>] {
        let start = index
        let text = UnsafeBufferPointer(rebasing: bytes[start..<end])
        // A value in a list in this object.
        var tokenizer = JSONTokenizer(text, .init(maximumDepth: 66))
        guard let first = try next(&tokenizer, from: start), first.kind == .object else {
            throw JSONFault(kind: .valueExpected, offset: start)
        }
        var members: [String: Range<Int>] = [:]
        while let key = try next(&tokenizer, from: start), key.kind == .key {
            try at(start) { () throws(JSONFault) in try CanonicalWriter.check(name: key, text) }
            guard let token = try next(&tokenizer, from: start) else { break }
            let value = token.kind == .string ? token.range.lowerBound - 1 : token.range.lowerBound
            var depth = token.kind == .array || token.kind == .object ? 1 : 0
            while depth > 0, let token = try next(&tokenizer, from: start) {
                if token.kind == .array || token.kind == .object { depth += 1 }
                if token.kind == .end { depth -= 1 }
            }
            let name = String(decoding: text[key.range], as: UTF8.self)
            guard members.updateValue(start + value..<start + tokenizer.position, forKey: name) == nil else {
                throw JSONFault(kind: .duplicateKey, offset: start + key.range.lowerBound - 1)
            }
        }
        index = start + tokenizer.position
        return members
    }

    /// Calls `body` with the canonical form of each element of an array.
    package mutating func forEachElement(_ body: ([UInt8]) -> Void) throws(JSONFault) {
        guard skip("[") else { throw JSONFault(kind: .valueExpected, offset: index) }
        if skip("]") { return }
        repeat { body(try value()) } while skip(",")
        guard skip("]") else { throw JSONFault(kind: .commaOrBracketExpected, offset: index) }
    }

    private mutating func skipSpace() {
        while index < end, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard index < end, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private func next(_ tokenizer: inout JSONTokenizer, from start: Int) throws(JSONFault) -> JSONToken? {
        do throws(JSONFault) {
            return try tokenizer.next()
        } catch {
            throw JSONFault(kind: error.kind, offset: start + error.offset)
        }
    }

    private func at(_ start: Int, _ body: () throws(JSONFault) -> Void) throws(JSONFault) {
        do throws(JSONFault) {
            try body()
        } catch {
            throw JSONFault(kind: error.kind, offset: start + error.offset)
        }
    }
}

/// Writes tokens in the canonical form.
private struct CanonicalWriter {
    private let text: UnsafeBufferPointer<UInt8>
    private(set) var output: [UInt8] = []
    private var open: [Level] = []

    /// An array or object that is being written.
    private struct Level {
        let isObject: Bool
        /// Of what is in it.
        let start: Int
        var count = 0
        var isSorted = true
        var members: [(name: Range<Int>, all: Range<Int>)] = []
        /// Of the member that is being written.
        var name = 0..<0
    }

    init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

    /// Names are of printable ASCII, so that their order is the same in every language.
    static func check(name: JSONToken, _ text: UnsafeBufferPointer<UInt8>) throws(JSONFault) {
        guard !name.isEscaped, text[name.range].allSatisfy({ 0x20..<0x7F ~= $0 }) else {
            throw JSONFault(kind: .nameNotASCII, offset: name.range.lowerBound)
        }
    }

    mutating func write(_ token: JSONToken) throws(JSONFault) {
        switch token.kind {
        case .key:
            try Self.check(name: token, text)
            separate()
            let first = output.count
            output.append(UInt8(ascii: "\""))
            output += text[token.range]
            output += "\":".utf8
            open[open.count - 1].name = first + 1..<output.count - 2
        case .end:
            try close(token)
        case .array, .object:
            separateElement()
            output.append(token.kind == .object ? UInt8(ascii: "{") : UInt8(ascii: "["))
            open.append(Level(isObject: token.kind == .object, start: output.count))
        case .string:
            separateElement()
            write(string: token)
            endValue()
        case .null, .true, .false, .number:
            separateElement()
            output += text[token.range]
            endValue()
        }
    }

    private mutating func separate() {
        if open[open.count - 1].count > 0 { output.append(UInt8(ascii: ",")) }
        open[open.count - 1].count += 1
    }

    private mutating func separateElement() {
        if let level = open.last, !level.isObject { separate() }
    }

    /// Members are written as they come, and put into their order afterwards if they were not.
    private mutating func endValue() {
        guard let last = open.indices.last, open[last].isObject else { return }
        let name = open[last].name
        if let before = open[last].members.last, !comesBefore(before.name, name) { open[last].isSorted = false }
        open[last].members.append((name, name.lowerBound - 1..<output.count))
    }

    private mutating func close(_ token: JSONToken) throws(JSONFault) {
        let level = open.removeLast()
        if !level.isSorted {
            let members = level.members.sorted { comesBefore($0.name, $1.name) }
            var sorted: [UInt8] = []
            sorted.reserveCapacity(output.count - level.start)
            for (number, member) in members.enumerated() {
                if number > 0 {
                    guard comesBefore(members[number - 1].name, member.name) else {
                        throw JSONFault(kind: .duplicateKey, offset: token.range.lowerBound)
                    }
                    sorted.append(UInt8(ascii: ","))
                }
                sorted += output[member.all]
            }
            output.replaceSubrange(level.start..., with: sorted)
        }
        output.append(level.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        endValue()
    }

    /// The shorter of two names that begin alike is the first.
    private func comesBefore(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        output[left].lexicographicallyPrecedes(output[right])
    }

    private mutating func write(string token: JSONToken) {
        output.append(UInt8(ascii: "\""))
        if token.isEscaped {
            var unescaped: [UInt8] = []
            JSONText.appendUnescaped(text[token.range], to: &unescaped)
            for byte in unescaped { write(byte) }
        } else {
            output += text[token.range]
        }
        output.append(UInt8(ascii: "\""))
    }

    private mutating func write(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
        case 0x08: output += "\\b".utf8
        case 0x0C: output += "\\f".utf8
        case 0x0A: output += "\\n".utf8
        case 0x0D: output += "\\r".utf8
        case 0x09: output += "\\t".utf8
        case ..<0x20:
            output += "\\u00".utf8
            for digit in [byte >> 4, byte & 15] { output.append(digit + (digit < 10 ? 48 : 87)) }
        default: output.append(byte)
        }
    }
}
