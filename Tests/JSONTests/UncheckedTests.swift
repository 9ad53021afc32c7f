import Testing

@testable import JSON

/// What is not checked may fit and may not: a value is refused only where it fits in neither case.
@Suite struct UncheckedTests {
    private static let ahead = #"{"pattern": "^(?!x)"}"#
    private static let remote = #"{"$ref": "https://example.com/x.json"}"#

    private static let cases: [(String, String, Bool)] = [
        (#"{"not": \#(ahead)}"#, #""hello""#, true), (#"{"not": \#(remote)}"#, "1", true),
        (#"{"not": {"$dynamicRef": "https://example.com/x#a"}}"#, "1", true),
        (#"{"not": {"not": \#(ahead)}}"#, #""hello""#, true),
        // Of numbers a pattern says nothing: they fit, and so must not.
        (#"{"not": \#(ahead)}"#, "1", false),
        (#"{"not": {"allOf": [\#(ahead), {"type": "string"}]}}"#, "1", true),
        (#"{"not": {"anyOf": [\#(ahead), {"type": "string"}]}}"#, #""a""#, false),
        (#"{"oneOf": [\#(ahead), {"pattern": "^x"}]}"#, #""hello""#, true),
        (#"{"oneOf": [\#(ahead), {"pattern": "^x"}]}"#, #""x""#, true),
        (#"{"oneOf": [\#(ahead), {"minLength": 1}, {"maxLength": 9}]}"#, #""hello""#, false),
        (#"{"oneOf": [\#(remote), {"type": "string"}]}"#, "1", true),
        (#"{"not": {"oneOf": [\#(ahead), {"type": "string"}]}}"#, #""a""#, true),
        (#"{"if": \#(ahead), "then": {"maxLength": 3}}"#, #""xhello""#, true),
        (#"{"if": \#(ahead), "then": {"maxLength": 3}, "else": {"maxLength": 4}}"#, #""xhello""#, false),
        (#"{"if": \#(remote), "then": false}"#, "1", true),
        (#"{"if": \#(remote), "then": false, "else": false}"#, "1", false),
        (#"{"contains": \#(ahead), "maxContains": 1}"#, #"["abc", "xb"]"#, true),
        (#"{"contains": \#(ahead), "maxContains": 1}"#, "[1, 2]", false),
        (#"{"contains": \#(ahead), "minContains": 2}"#, #"["abc"]"#, false),
        (#"{"contains": \#(ahead), "unevaluatedItems": false}"#, #"["abc"]"#, true),
        (#"{"$ref": "https://example.com/x", "unevaluatedProperties": false}"#, #"{"a": 1}"#, true),
        (#"{"$ref": "https://example.com/x", "unevaluatedItems": false}"#, "[1]", true),
        (#"{"patternProperties": {"^(?!x)": {}}, "unevaluatedProperties": false}"#, #"{"abc": 1}"#, true),
        (#"{"patternProperties": {"^(?!x)": {}}, "additionalProperties": false}"#, #"{"abc": 1}"#, true),
        (#"{"not": {"propertyNames": \#(ahead)}}"#, #"{"xa": 1}"#, true),
        (#"{"properties": {"a": \#(ahead)}, "additionalProperties": false}"#, #"{"b": 1}"#, false),
    ]

    @Test(arguments: cases) func isJudged(schema: String, value: String, fits: Bool) throws {
        let parsed = try JSONSchema(parsing: schema)
        #expect(!parsed.unchecked.isEmpty)
        #expect(parsed.accepts(try JSONDocument(parsing: value)) == fits)
    }
}
