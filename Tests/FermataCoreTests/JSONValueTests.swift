import FoundationEssentials
import Testing

@testable import FermataCore

@Suite struct JSONValueTests {
    @Test(arguments: [
        ("null", JSONValue.null), (" true\n", .bool(true)), ("\tfalse\r", .bool(false)), ("0", .integer(0)),
        ("-0", .integer(0)), ("9223372036854775808", .integer(9_223_372_036_854_775_808)),
        ("-170141183460469231731687303715884105728", .integer(.min)), ("1.5e3", .number(1500)), ("1E-2", .number(0.01)),
        ("0.1", .number(0.1)), ("-0.0", .number(0)), ("\"\"", .string("")),
        (#""\u0041\n\/\\\"\b\f\r\t""#, .string("A\n/\\\"\u{8}\u{C}\r\t")),
        (#""\ud834\udd1e 🎵 \u0000""#, .string("\u{1D11E} 🎵 \0")), ("[]", .array([])),
        ("[ 1 , [ ] , { } ]", .array([.integer(1), .array([]), .object([:])])),
        (#"{"a":1,"":{"b":[null]}}"#, .object(["a": .integer(1), "": .object(["b": .array([.null])])])),
    ])
    func parses(_ text: String, _ value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "1_0", "NaN", "Infinity",
        "1e999",
        "-1e999", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud834\"", "\"\\ud834\\u0041\"",
        "\"\\udd1e\"",
        "\"\u{1}\"", "\"\n\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
        "{\"a\":1,}", "{a:1}",
        "{1:1}", "{\"a\" 1}", "1 2", "[]]", "{}x", "\u{FEFF}1", "'a'", "// c\n1", "{\"a\":1,\"a\":1}",
        #"{"a":1,"\u0061":2}"#, "\u{A0}1",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func numbersAreEqualByValueAndStringsByScalars() throws {
        #expect(JSONValue.integer(1) == .number(1))
        #expect(JSONValue.integer(1 << 60 + 1) != .number(Double(1 << 60)))
        #expect(JSONValue.number(1e300) != .integer(.max))
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
        #expect(JSONValue.null != .bool(false))
    }

    @Test func hostileNestingIsRefused() throws {
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        _ = try JSONValue(parsing: deepest)
        for text in [
            "[" + deepest + "]", String(repeating: "[", count: 4 << 20), String(repeating: "{\"a\":", count: 1 << 20),
        ] {
            #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        }
    }

    @Test func errorsNameThePlaceAndNotTheText() {
        do {
            _ = try JSONValue(parsing: #"{"secret": hunter2}"#)
            Issue.record("parsed")
        } catch {
            #expect(error == JSONError(message: "a value was expected", offset: 11))
        }
    }

    /// FoundationEssentials' decoder agrees with what is taken.
    @Test func agreesWithFoundation() throws {
        for text in [#"["a\u00e4\ud83c\udfb5\\","\t"]"#, #"["",  "x" , "\"" ]"#] {
            let theirs = try JSONDecoder().decode([String].self, from: Data(text.utf8))
            #expect(try JSONValue(parsing: text) == .array(theirs.map(JSONValue.string)))
        }
        for text in ["[0.1,1e22,5e-324,1.7976931348623157e308,123456789.123456789,-2.5E+3]"] {
            let theirs = try JSONDecoder().decode([Double].self, from: Data(text.utf8))
            #expect(try JSONValue(parsing: text) == .array(theirs.map(JSONValue.number)))
        }
    }
}
