import Secrets
import Testing

@Suite struct SecretMaskTests {
    /// The stream that these pieces make.
    private func play(_ pieces: [[UInt8]], _ table: SecretTable) -> [UInt8] {
        var mask = SecretMask(table)
        let passed = pieces.flatMap { piece in piece.withUnsafeBytes { mask.mask($0) } }
        return passed + mask.finish()
    }

    /// Cut at each byte, and into single bytes.
    private func cuts(_ bytes: [UInt8]) -> [[[UInt8]]] {
        (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] } + [bytes.map { [$0] }]
    }

    private static let key = "sk-A/b+c=9\"d\\e%f"

    @Test(arguments: [
        ("1 abcdefgh 2 abcdefghij 3", "1 **** 2 **** 3"), ("abcdefghi.", "****i."), ("abcdefghi", "****"),
        ("abcdefghX", "****"),
        ("aaaaaaaaaaab", "aaa****"), ("abcdefghabcdefghij", "********"), ("x\ny\nz\nzzz", "****"),
        ("abcdefg", "abcdefg"), ("abcdefg abcdefghi", "abcdefg ****"), ("äabcdefghijä", "ä****ä"),
        // Escapes, mixed at will.
        ("%61%62%63%64%65%66%67%68", "****"), ("a%62c%64e%66g%68!", "****!"), (#"\u0061bcd\u0065fgh"#, "****"),
        (#"%61\u0062cdefgh"#, "****"), ("abcdefg%", "abcdefg%"), ("abcdefg%6", "abcdefg%6"),
        ("abcdefg%6x", "abcdefg%6x"),
        ("100% abcdefgh", "100% ****"), ("%%61bcdefgh", "%****"), (#"\\abcdefgh"#, #"\\****"#),
        (#"\abcdefgh"#, #"\****"#),
        (#"\u00abcdefgh"#, #"\u00****"#), ("%6abcdefgh", "%6****"), ("%6abcdefghz", "%6****z"),
        (#"x\ny\nz\nzzz"#, "****"), (#"\u00fcmlaut-99"#, "****"), ("%C3%BCmlaut-99", "****"), ("ümlaut-99", "****"),
        (#"\ud83d\ude00abcdefgh"#, #"\ud83d\ude00****"#),
        ("percent%41x", "****"), ("percent%2541x", "****"), ("percentAx", "****"),
        (#"a\/b%2Fc\/defg"#, "****"), ("a%2Fb%2Fc%2Fdefg", "****"), ("a%2Fb%252Fc%2Fdefg", "****"),
        ("a/b%2Fc/defg", "****"),
        (#"p\u0041-q\-98765"#, "****"), (#"pA-q\-98765"#, "****"), ("p%5Cu0041-q%5C-98765", "****"),
    ])
    func valuesAreMaskedWhereverTheStreamIsCut(text: String, masked: String) {
        let table = SecretTable([
            "abcdefgh", "abcdefghij", "bcdefghX", "aaaaaaaab", "x\ny\nz\nzzz", "ümlaut-99", "percent%41x",
            "a/b%2Fc/defg", #"p\u0041-q\-98765"#,
        ])
        for pieces in cuts(Array(text.utf8)) {
            #expect(String(decoding: play(pieces, table), as: UTF8.self) == masked, "\(pieces.map(\.count))")
        }
        #expect(table.masked(text) == masked)
    }

    /// A key of every sign, in the forms in which servers give it back.
    @Test func aKeyInEveryForm() {
        let table = SecretTable([Self.key])
        let upper = Self.key.utf8.map { byte in "%" + hexadecimal(byte).uppercased() }.joined()
        let json = #"sk-A\/b+c=9\"d\\e%f"#
        let unicode = Self.key.utf8.map { byte in "\\u00" + hexadecimal(byte) }.joined()
        let form = "sk-A%2Fb%2Bc%3D9%22d%5Ce%25f"
        for text in [Self.key, upper, upper.lowercased(), json, unicode, form, "sk-A%2fb%2bc%3d9%22d%5ce%25f"] {
            for pieces in cuts(Array("Bearer \(text), and more".utf8)) {
                let masked = String(decoding: play(pieces, table), as: UTF8.self)
                #expect(masked == "Bearer ****, and more", "\(text)")
            }
        }
    }

    @Test func shortValuesAndWhiteSpaceAroundThem() {
        let table = SecretTable(["test", "1234567", " \n", "", "  12345678\n"])
        #expect(table.masked("test 1234567  \n 12345678.") == "test 1234567  \n ****.")
        #expect(SecretTable(["ollama", "EMPTY"]).isEmpty)
        #expect(SecretTable.none.masked("anything") == "anything")
        #expect("\(table) \(String(reflecting: table))".contains("12345678") == false)
    }

    @Test func aValueThatTheEndCuts() {
        let table = SecretTable(["0123456789abcdefXYZ"])
        for (text, masked) in [
            ("key 0123456789abcdef", "key ****"), ("key 012", "key 012"), ("key 01234567", "key ****"),
            ("key 0123456", "key 0123456"), ("key %301234567", "key ****"), ("key %30123456", "key %30123456"),
            ("key 01234567%", "key ****"), ("key 01234567%3", "key ****"),
        ] {
            for pieces in cuts(Array(text.utf8)) {
                #expect(String(decoding: play(pieces, table), as: UTF8.self) == masked, "\(text)")
            }
        }
    }

    /// Nothing that goes out is ever the beginning of a value that goes on, and what can go out does.
    @Test func whatMayBecomeAValueIsHeldBackAndNothingElse() {
        var mask = SecretMask(SecretTable(["abcdefgh"]))
        #expect(mask.mask("text a") == "text ")
        #expect(mask.mask("bcd") == "")
        #expect(mask.mask("x and %6") == "abcdx and ")
        #expect(mask.mask("2 ") == "%62 ")
        #expect(mask.mask("ab%63defgh") == "****")
        #expect(mask.finish() == "")
        #expect(mask.mask("ab") == "" && mask.finish() == "ab")
    }

    @Test func piecesOfWholeCharactersStayWhole() {
        var mask = SecretMask(SecretTable(["üäöüäöüä"]))
        var passed = ""
        for character in "aüäöüäöüb üäöüäöüä ü" { passed += mask.mask(String(character)) }
        #expect(passed + mask.finish() == "aüäöüäöüb **** ü")
    }

    /// Random texts of values, their parts and escapes, against a search that tries everything.
    @Test func theSameAsASearchThatTriesEverything() {
        var random = SplitMix(state: 7)
        let alphabet = ["a", "b", "%", "\\", "/"]
        for _ in 0..<3000 {
            let values = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                (0..<Int.random(in: 8...10, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
                    .joined()
            }
            var text: [UInt8] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let value = Array(values.randomElement(using: &random)!.utf8)
                let part =
                    Bool.random(using: &random) ? value : Array(value.prefix(Int.random(in: 0...9, using: &random)))
                text += part.flatMap { byte -> [UInt8] in
                    switch Int.random(in: 0...5, using: &random) {
                    case 0: Array("%\(hexadecimal(byte))".utf8)
                    case 1: Array("\\u00\(hexadecimal(byte))".utf8)
                    case 2 where byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\"): [UInt8(ascii: "\\"), byte]
                    default: [byte]
                    }
                }
                if Int.random(in: 0...3, using: &random) == 0 { text += alphabet.randomElement(using: &random)!.utf8 }
            }
            // A value that the end cuts has its own test.
            text += Array(" .".utf8)
            let table = SecretTable(values)
            // A value's own escapes are read as well.
            let given = values.map { Array($0.utf8) }
            let read = given.map { unescape($0).map(\.1) }.filter { $0.count >= SecretTable.minimumLength }
            let expected = search(text, given + read)
            let cut = Int.random(in: 0...text.count, using: &random)
            for pieces in [[text], text.map { [$0] }, [Array(text[..<cut]), Array(text[cut...])]] {
                #expect(play(pieces, table) == expected, "\(String(decoding: text, as: UTF8.self)) \(values)")
            }
        }
    }

    /// All places of all values, as the text is and with its escapes read; what overlaps is one.
    private func search(_ text: [UInt8], _ values: [[UInt8]]) -> [UInt8] {
        let plain = text.indices.map { ($0..<$0 + 1, text[$0]) }
        var ranges: [Range<Int>] = []
        for units in [plain, unescape(text)] {
            for value in values where units.count >= value.count {
                for start in 0...(units.count - value.count)
                where units[start..<start + value.count].map(\.1) == value {
                    ranges.append(units[start].0.lowerBound..<units[start + value.count - 1].0.upperBound)
                }
            }
        }
        var merged: [Range<Int>] = []
        for range in ranges.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
            if let last = merged.last, last.overlaps(range) {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        var result: [UInt8] = []
        var position = 0
        for range in merged {
            result += text[position..<range.lowerBound] + Array("****".utf8)
            position = range.upperBound
        }
        return result + text[position...]
    }

    private func unescape(_ text: [UInt8]) -> [(Range<Int>, UInt8)] {
        var units: [(Range<Int>, UInt8)] = []
        var position = 0
        while position < text.count {
            let rest = String(decoding: text[position...], as: UTF8.self)
            var (length, byte) = (1, text[position])
            if let match = rest.prefixMatch(of: /%([0-9a-fA-F]{2})|\\u00([0-7][0-9a-fA-F])/) {
                (length, byte) = (match.0.utf8.count, UInt8(match.1 ?? match.2!, radix: 16)!)
            } else if let match = rest.prefixMatch(of: /\\([\/\\"])/) {
                (length, byte) = (2, match.1.utf8.first!)
            } else if rest.prefixMatch(of: /\\[bfnrt]/) != nil {
                (length, byte) = (2, 8)
            }
            units.append((position..<position + length, byte))
            position += length
        }
        return units
    }
}

private func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

/// The same numbers every time.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
