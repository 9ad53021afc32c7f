import FermataProtocol
import SwiftProtobuf
import Testing

@testable import FermataCore

/// Expressions of policies: what they find, what they are not, and that none takes long.
@Suite struct PatternTests {
    @Test(arguments: [
        ("abc", "xabcx", true), ("abc", "xabx", false), ("^a", "ab", true), ("^a", "ba", false), ("a$", "ba", true),
        ("a$", "ab", false), ("^$", "", true), ("^$", "a", false), ("a*", "", true), ("^a+$", "aaa", true),
        ("^a+$", "", false), ("^a?b$", "b", true), ("^(ab|cd)+$", "abcdab", true), ("^(ab|cd)+$", "abc", false),
        ("^a{2,3}$", "a", false), ("^a{2,3}$", "aaa", true), ("^a{2,3}$", "aaaa", false), ("^a{2,}$", "aaaaa", true),
        ("^a{2}$", "aa", true), ("[a-c]x", "bx", true), ("^[^a-c]$", "b", false), ("^[^a-c]$", "é", true),
        ("^[]a]$", "]", true), ("^[a-]$", "-", true), ("^[[:digit:]_]+$", "1_2", true), ("^[[:alpha:]]$", "1", false),
        (#"^\.\*$"#, ".*", true), (#"^\.$"#, "a", false), ("^.$", "é", true), ("^.$", "\n", true), ("a|b|c", "c", true),
        ("^(a|b)*c$", "ababc", true), ("(^a|b$)", "cb", true), ("^((a*)*)*$", "aaa", true), ("^/tmp/", "/tmp/x", true),
        ("^(a{0,2}b){2}$", "aabb", true), (#"[\]"#, #"\"#, true), ("x", "a\0x", true), ("}]", "}]", true),
    ])
    func finds(_ expression: String, _ text: String, _ isFound: Bool) throws {
        #expect(try #require(Pattern(expression)).isFound(in: text) == isFound)
    }

    /// What the standard leaves undefined, and what other dialects mean otherwise.
    @Test(arguments: [
        "", "(", ")", "()", "a)", "(a", "[", "[a", "[]", "*", "+a", "a|", "|a", "(|a)", "a**", "a+?", "a++", "^*",
        "{1}", "a{",
        "a{1", "a{1,2", "a{2,1}", "a{0}", "a{0,0}", "a{256}", "a{,3}", "a{x}", "\\", #"\d"#, #"\1"#, #"(a)\1"#, "[z-a]",
        "[[:nope:]]", "[[.a.]]", "[[=a=]]", "(?:a)", String(repeating: "a", count: 257),
        String(repeating: "(", count: 40) + "a" + String(repeating: ")", count: 40),
        // Their counts written out they are too large.
        "(.{64}){64}", "((a?b?c?d?){64}){64}", "((((a{9}){9}){9}){9}){9}", "a{255}b{255}",
    ])
    func isNone(_ expression: String) { #expect(Pattern(expression) == nil) }

    /// Expressions that take other matchers a second or for ever. Doubling the text about doubles the work.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "(a|b)*a(a|b){64}z", "(a*)*(a*)*(a*)*z", "((a|b)*a(a|b)){30}z", "(.*a.*b){40}z", "([ab]?){100}z",
            "((((((a+)+)+)+)+)+)+z", "(a?){60}a{60}z", "(a|aa)+z",
        ])
    func noneTakesLong(_ expression: String) throws {
        let pattern = try #require(Pattern(expression))
        // Others are lost with forty characters.
        let text = String((0..<2048).map { $0.nonzeroBitCount % 2 == 0 ? "a" : "b" })
        #expect(pattern.isFound(in: text) == false)
        #expect(pattern.isFound(in: String(repeating: "a", count: Pattern.maximumSubjectLength + 1)) == nil)
    }

    @Test(arguments: ["echo $HOME", "a^b", "$a", "(a$)b", "(^a|b$)c^", "x+^y", "[a-c]{2}^"])
    func whatIsFoundInNoText(_ text: String) throws {
        let pattern = try #require(Pattern(text))
        #expect(!pattern.canBeFound)
        let condition = FermataCondition.with {
            $0.pointer = "/command"
            $0.matches = text
        }
        #expect(condition.problem?.rule.contains("can be found in no text") == true)
    }

    @Test(arguments: [
        "^a$", "^", "$", "^$", "a|b^c", #"\$HOME"#, "[$]HOME", "(^a|b)c", "a(b$|c)", "^^a", "a$$", "(^|a)b", "a*^b",
    ])
    func whatIsFoundSomewhere(_ text: String) throws {
        #expect(try #require(Pattern(text)).canBeFound)
    }
}
