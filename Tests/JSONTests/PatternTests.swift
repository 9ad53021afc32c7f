import Testing

@testable import JSON

/// `pattern` means what it means in ECMA-262.
@Suite struct PatternTests {
    private func isFound(_ pattern: String, _ text: String) throws -> Bool {
        let pattern = try SchemaPattern(pattern)
        return Array(text.utf8).withUnsafeBufferPointer { pattern.isFound(in: $0) }
    }

    @Test(arguments: [
        ("a", ["a", "bab"], ["", "b"]), ("^a$", ["a"], ["a\n", "\na", "aa"]),
        ("^.$", ["x", "🎵", "\u{85}"], ["\n", "\r", "\u{2028}"]),
        ("^\\d+$", ["019"], ["٣", "a"]), ("^\\w$", ["a", "_", "9"], ["é", "-"]), ("^\\W$", ["é", "-"], ["a"]),
        ("^\\s$", [" ", "\u{FEFF}", "\u{3000}", "\u{A0}", "\u{2029}", "\u{B}"], ["a", "\u{85}", "\u{180E}"]),
        ("^\\S$", ["\u{85}", "a"], ["\u{FEFF}"]), ("^[\\s\\d]$", ["1", "\u{A0}"], ["a"]),
        ("^[^\\S1]$", [" "], ["a", "1"]),
        ("\\u0041\\x42", ["AB"], ["ab"]), ("^\\u{1F3B5}$", ["🎵"], ["x"]), ("^\\uD83C\\uDFB5$", ["🎵"], ["x"]),
        ("^\\cJ$", ["\n"], ["J"]), ("^\\p{Letter}+$", ["aé文"], ["1", ""]), ("^\\p{Lu}\\P{L}$", ["A1"], ["a1", "AA"]),
        ("^[\\p{Script=Greek}\\p{sc=Cyrl}]+$", ["αж"], ["a"]), ("^(?<year>\\d{4})-(?:\\d\\d)$", ["2026-01"], ["26-01"]),
        ("[]", [], ["", "a"]), ("[^]", ["a", "\n"], [""]), ("^[a-]$", ["a", "-"], ["b"]),
        ("^[\\w-.]+$", ["a-.b"], ["!"]),
        ("^{a}$", ["{a}"], ["a"]), ("^a{2,3}?$", ["aa", "aaa"], ["a", "aaaa"]), ("^\\/\\-\\_\\\"$", ["/-_\""], ["/"]),
        ("^(a|b|)c$", ["ac", "bc", "c"], ["dc"]), ("^[\\b]$", ["\u{8}"], ["b"]), ("\\bfoo\\b", ["a foo."], ["afoo"]),
        ("^.{0,2000}$", [String(repeating: "ä", count: 2000)], [String(repeating: "ä", count: 2001)]),
        ("^x{1500,}$", [String(repeating: "x", count: 1500)], [String(repeating: "x", count: 1499)]),
        ("^\\uD800$", [], ["\u{FFFD}", ""]), ("^a\\.b$", ["a.b"], ["axb"]), ("^\\0$", ["\0"], ["0"]),
        ("", ["", "a"], []),
    ])
    func meaning(_ pattern: String, _ found: [String], _ notFound: [String]) throws {
        for text in found { #expect(try isFound(pattern, text), "\(pattern) in \(text.debugDescription.prefix(40))") }
        for text in notFound {
            #expect(try !isFound(pattern, text), "\(pattern) not in \(text.debugDescription.prefix(40))")
        }
    }

    @Test(arguments: [
        "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "(?i)a", "(?i:a)", "(?P<n>a)", "\\Aa\\Z",
        "\\e",
        "\\p{Nonsense}", "\\p{Cn}", "\\p{Alphabetic}", "a{100000}", "(a{1000}){1000}", "[\\1]", "\\07",
    ])
    func notChecked(_ pattern: String) {
        do throws(SchemaPatternProblem) {
            _ = try SchemaPattern(pattern)
            Issue.record("compiled: \(pattern)")
        } catch {
            if case .wrong(let reason) = error { Issue.record("\(pattern): \(reason)") }
        }
    }

    @Test(arguments: [
        "(", ")", "[", "a)", "(?:a", "*a", "a**", "+", "[z-a]", "a{2,1}", "\\", "\\u12", "\\u{110000}", "\\x1", "\\c1",
        "(?<a-b>c)", "\\p", "\\p{L",
    ])
    func wrong(_ pattern: String) {
        do throws(SchemaPatternProblem) {
            _ = try SchemaPattern(pattern)
            Issue.record("compiled: \(pattern)")
        } catch {
            if case .unchecked(let reason) = error { Issue.record("\(pattern): \(reason)") }
        }
    }

    /// Nothing that a pattern is made of makes the translation fail in another way, or take long.
    @Test func anyTextIsAPatternOrNot() {
        let pieces = [
            "a", "(", ")", "[", "]", "^", "$", "\\", "{", "}", "1", ",", "?", "*", "|", "-", "p", "u", "d", "é", ":",
            "<", "=",
        ]
        var state: UInt64 = 42
        for _ in 0..<5000 {
            var text = ""
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += pieces[Int(state >> 33) % pieces.count]
            }
            do throws(SchemaPatternProblem) {
                let pattern = try SchemaPattern(text)
                #expect(pattern.cost(0) > 0)
            } catch {
                // What RE2 refuses of a translation would be a mistake of the translation.
                if case .unchecked(let reason) = error { #expect(!reason.contains("has something"), "\(text)") }
            }
        }
    }
}
