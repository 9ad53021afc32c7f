import Secrets
import Testing

/// The mask against a search that tries everything.
@Suite struct SecretSearchTests {
    /// Random texts of values, their parts and escapes. A value that the end cuts has its own test.
    @Test(arguments: [["a", "b", "%", "\\", "/"], ["n", "\\", "\"", "%", "2", "5"], ["\\", "%", "4", "1", "A"]])
    func theSameAsASearchThatTriesEverything(alphabet: [String]) {
        var random = SplitMix(state: 7)
        for _ in 0..<400 {
            let values = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                (0..<Int.random(in: 8...10, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
                    .joined()
            }
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let value = Array(values.randomElement(using: &random)!.utf8)
                let part =
                    Bool.random(using: &random) ? value : Array(value.prefix(Int.random(in: 0...9, using: &random)))
                text += part.flatMap { escaped($0, &random) }
                if Int.random(in: 0...3, using: &random) == 0 { text += alphabet.randomElement(using: &random)!.utf8 }
            }
            text += Array(" .".utf8)
            let table = SecretTable(values)
            let expected = search(text, values.flatMap(readings).filter { $0.count >= SecretTable.minimumLength })
            let cut = Int.random(in: 0...text.count, using: &random)
            for pieces in [[text], text.map { [$0] }, [Array(text[..<cut]), Array(text[cut...])]] {
                #expect(play(pieces, table) == expected, "\(String(decoding: text, as: UTF8.self)) \(values)")
            }
        }
    }

    private func escaped(_ byte: UInt8, _ random: inout SplitMix) -> [UInt8] {
        let backslash = UInt8(ascii: "\\")
        let run = { (count: Int) in [UInt8](repeating: backslash, count: count) }
        return switch Int.random(in: 0...9, using: &random) {
        case 0: Array("%\(hexadecimal(byte))".utf8)
        case 1: Array("%25\(hexadecimal(byte).uppercased())".utf8)
        case 2: run([1, 2, 4, 9].randomElement(using: &random)!) + Array("u00\(hexadecimal(byte))".utf8)
        case 3 where byte == backslash: run([2, 3, 4, 8].randomElement(using: &random)!)
        case 3 where byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\""):
            run(Int.random(in: 1...10, using: &random)) + [byte]
        default: [byte]
        }
    }

    /// The value, and what it reads with its own escapes read.
    private func readings(_ value: String) -> [[UInt8]] {
        let percent = { (text: String) in
            text.replacing(/%([0-9a-fA-F]{2})/) { String(UnicodeScalar(UInt8($0.1, radix: 16)!)) }
        }
        let names = ["b": "\u{8}", "t": "\t", "n": "\n", "f": "\u{C}", "r": "\r"]
        let json = { (text: String) in
            text.replacing(/\\(?:u00([0-7][0-9a-fA-F])|([bfnrt])|(["\\\/]))/) { match in
                if let digits = match.1 { return String(UnicodeScalar(UInt8(digits, radix: 16)!)) }
                return match.2.map { names[String($0)]! } ?? String(match.3!)
            }
        }
        return [value, percent(value), json(value), percent(json(value)), json(percent(value))].map { Array($0.utf8) }
    }

    /// All places of all values in all readings of the text; what overlaps is one.
    private func search(_ text: [UInt8], _ values: [[UInt8]]) -> [UInt8] {
        var masked = [Bool](repeating: false, count: text.count)
        var ranges: [Range<Int>] = []
        let tokens = text.indices.map { self.tokens(text, at: $0) }
        for value in values {
            for start in text.indices {
                var ends: Set = [start]
                for (index, byte) in value.enumerated() {
                    var next: Set<Int> = []
                    for place in ends where place < text.count {
                        for token in tokens[place] where token.read == byte && (index > 0 || token.mayBegin) {
                            next.insert(place + token.length)
                        }
                    }
                    ends = next
                }
                for end in ends { ranges.append(start..<end) }
            }
        }
        for range in ranges { for place in range { masked[place] = true } }
        var result: [UInt8] = []
        for place in text.indices {
            if !masked[place] {
                result.append(text[place])
            } else if !ranges.contains(where: { $0.lowerBound < place && place < $0.upperBound }) {
                // No value goes on from the byte before to this one.
                result += Array("****".utf8)
            }
        }
        return result
    }

    private struct Token {
        var length: Int
        var read: UInt8
        /// Whether a value may begin with it: of a long run of backslashes, an even number is left before it.
        var mayBegin = true
    }

    /// All that the bytes from a place on may stand for.
    private func tokens(_ text: [UInt8], at place: Int) -> [Token] {
        var tokens = [Token(length: 1, read: text[place])]
        let rest = text[place...]
        for prefix in ["%", "%25", "%2525"] where rest.starts(with: prefix.utf8) {
            guard let read = digits(rest.dropFirst(prefix.utf8.count), 2) else { continue }
            tokens.append(Token(length: prefix.utf8.count + 2, read: read))
        }
        let run = rest.prefix { $0 == UInt8(ascii: "\\") }.count
        for length in [2, 4, 8] where length <= run { tokens.append(Token(length: length, read: UInt8(ascii: "\\"))) }
        guard (1...8).contains(run), let next = rest.dropFirst(run).first else { return tokens }
        let mayBegin = text[..<place].reversed().prefix { $0 == UInt8(ascii: "\\") }.count.isMultiple(of: 2)
        let names: [Character: UInt8] = ["b": 8, "t": 9, "n": 10, "f": 12, "r": 13, "/": 47, "\"": 34, "%": 37]
        if next == UInt8(ascii: "u"), let read = digits(rest.dropFirst(run + 1), 4) {
            tokens.append(Token(length: run + 5, read: read, mayBegin: mayBegin))
        } else if let read = names[Character(UnicodeScalar(next))] {
            tokens.append(Token(length: run + 1, read: read, mayBegin: mayBegin))
        }
        return tokens
    }

    /// The number of so many hexadecimal digits; nil: it is none, or no ASCII character or byte.
    private func digits(_ text: ArraySlice<UInt8>, _ count: Int) -> UInt8? {
        let digits = text.prefix(count)
        guard digits.count == count, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
