import Testing

@testable import JSON

/// What is made to be slow, large or deep ends soon (debug builds, busy machines: in seconds), and says why.
@Suite struct HostileTests {
    private func soon<Result>(_ limit: Duration = .seconds(20), _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer { #expect(ContinuousClock.now - start < limit) }
        return try body()
    }

    private func isTooMuch(_ schema: String, _ value: String) throws -> Bool {
        let schema = try JSONSchema(parsing: schema)
        let document = try JSONDocument(parsing: value)
        #expect(!schema.accepts(document))
        return soon { schema.validate(document).map(\.keyword) == ["steps"] }
    }

    @Test func nestingIsBounded() throws {
        for text in ["[", "{\"a\":", "{\"items\":", "{\"not\":"] {
            let many = String(repeating: text, count: 1 << 20)
            #expect(throws: JSONFault.self) { try JSONDocument(parsing: many) }
            #expect(throws: JSONSchemaError.self) { try JSONSchema(parsing: many) }
        }
        let deepest = String(repeating: "{\"items\":", count: 127) + "{}" + String(repeating: "}", count: 127)
        let value = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try JSONSchema(parsing: deepest).validate(JSONDocument(parsing: value)).isEmpty)
    }

    @Test func schemasThatGoRoundAreGivenUp() throws {
        for schema in [
            ##"{"$ref":"#"}"##, ##"{"allOf":[{"$ref":"#"}]}"##, ##"{"$dynamicAnchor":"a","$dynamicRef":"#a"}"##,
            ##"{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##,
        ] { #expect(try isTooMuch(schema, "1")) }
    }

    /// Each level tries two alternatives, each of which goes on: 2^60 ways.
    @Test func alternativesOfAlternativesAreGivenUp() throws {
        let schema = ##"{"anyOf":[{"items":{"$ref":"#"},"minItems":1},{"minItems":1,"items":{"$ref":"#"}}]}"##
        let value = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(try isTooMuch(schema, value))
    }

    @Test func aDeepValueOfARecursiveSchemaIsChecked() throws {
        let schema =
            ##"{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[{"type":"integer"},{"$ref":"#/$defs/l"}]},"l":{"allOf":[{"items":{"$ref":"#/$defs/n"}}],"type":"array"}}}"##
        func value(_ inner: String) -> String {
            String(repeating: "[", count: 62) + inner + String(repeating: "]", count: 62)
        }
        let compiled = try JSONSchema(parsing: schema)
        #expect(try compiled.validate(JSONDocument(parsing: value("1"))).isEmpty)
        #expect(try compiled.validate(JSONDocument(parsing: value("true"))).count == 1)
    }

    @Test func hugeNumbersCostTheirDigitsOnly() throws {
        let digits = String(repeating: "7", count: 100_000)
        let document = try soon {
            try JSONDocument(parsing: "[\(digits),\(digits).0,1e\(digits),-1E-\(digits),0.\(digits)]")
        }
        let schema = try JSONSchema(parsing: #"{"uniqueItems":true,"items":{"minimum":-1,"type":"number"}}"#)
        #expect(soon { schema.validate(document).map(\.keyword) } == ["uniqueItems"])
        for (multiple, value, fits) in [
            ("3", "1e400", false), ("1e-400", "1", true), ("0.01", "19.99", true), ("0.01", "19.995", false),
            ("1e300", "1e400", true), ("123456789012345678901234567890", "1e40", false),
            ("123456789012345678901234567890", "246913578024691357802469135780", true), ("7", digits, true),
        ] {
            let schema = try JSONSchema(parsing: #"{"multipleOf":\#(multiple)}"#)
            #expect(
                try soon { try schema.accepts(JSONDocument(parsing: value)) } == fits, "\(multiple) \(value.prefix(40))"
            )
        }
        #expect(try isTooMuch(#"{"multipleOf":7}"#, "1e\(digits)"))
    }

    @Test func manyMembersAndItemsAreLinear() throws {
        let members = (0..<100_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        let document = try soon { try JSONDocument(parsing: "{\(members)}") }
        let schema = try JSONSchema(
            parsing: #"{"properties":{"k5":{"type":"string"}},"additionalProperties":{"type":"integer"}}"#)
        #expect(soon { schema.validate(document).map(\.pointer) } == ["/k5"])
        #expect(throws: JSONFault(kind: .duplicateKey, offset: members.utf8.count + 2)) {
            try soon { try JSONDocument(parsing: "{\(members),\"k7\":1}") }
        }
        let twice = String(repeating: "\"a\":1,", count: 100_000)
        #expect(throws: JSONFault.self) { try soon { try JSONDocument(parsing: "{\(twice)\"a\":1}") } }
        let items = (0..<100_000).map { "\($0)" }.joined(separator: ",")
        let unique = try JSONSchema(parsing: #"{"uniqueItems":true}"#)
        #expect(try soon { try unique.validate(JSONDocument(parsing: "[\(items)]")) }.isEmpty)
    }

    @Test func patternsTakeLinearTime() throws {
        let text = String(repeating: "a", count: 100_000)
        for pattern in ["^(a+)+$", "(a|aa)*b", "^(a|a?)+$", "(.*)*x", "a{0,500}b"] {
            let schema = try JSONSchema(parsing: #"{"pattern":"\#(pattern)"}"#)
            _ = try soon { try schema.validate(JSONDocument(parsing: "\"\(text)\"")) }
        }
        let large = try JSONSchema(parsing: #"{"pattern":"(\\p{L}{40}x?){20}y"}"#)
        #expect(large.unchecked.map(\.pointer) == ["/pattern"])
        #expect(try isTooMuch(#"{"pattern":"(x{20}|y?){40}z"}"#, "\"\(String(repeating: "x", count: 1_000_000))\""))
    }

    @Test func manyAlternativesOnALargeValueAreGivenUp() throws {
        let schema =
            "{\"anyOf\":[\((0..<2000).map { "{\"uniqueItems\":true,\"const\":\($0)}" }.joined(separator: ","))]}"
        let value = "[\"\(String(repeating: "x", count: 1_000_000))\",1]"
        #expect(try isTooMuch(schema, value))
    }
}
