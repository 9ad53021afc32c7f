import Secrets
import Testing

@Suite struct SecretMaskTests {
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
        var mask = SecretMask(SecretTable(["abcdefgk"]))
        #expect(mask.mask("text a") == "text ")
        #expect(mask.mask("bcd") == "")
        #expect(mask.mask("x and %6") == "abcdx and ")
        #expect(mask.mask("2 ") == "%62 ")
        #expect(mask.mask("ab%63defgk") == "****")
        #expect(mask.finish() == "")
        #expect(mask.mask("ab") == "" && mask.finish() == "ab")
    }

    @Test func piecesOfWholeCharactersStayWhole() {
        var mask = SecretMask(SecretTable(["üäöüäöüä"]))
        var passed = ""
        for character in "aüäöüäöüb üäöüäöüä ü" { passed += mask.mask(String(character)) }
        #expect(passed + mask.finish() == "aüäöüäöüb **** ü")
    }
}
