import Testing

@testable import JSON

@Suite struct SchemaTests {
    private func check(_ schema: String, _ value: String) throws -> [String] {
        try JSONSchema(parsing: schema).validate(JSONDocument(parsing: value)).map(\.description)
    }

    private static let terminal = """
        {"$schema":"https://json-schema.org/draft/2020-12/schema","title":"t","type":"object","properties":{
        "command":{"type":"string","minLength":1,"description":"d"},
        "timeout_seconds":{"type":"number","minimum":0.1,"maximum":86400,"default":120}},
        "required":["command"],"additionalProperties":false}
        """

    @Test(arguments: [
        (#"{"command":"ls"}"#, []), (#"{"command":"ls","timeout_seconds":1}"#, []),
        (#"{"command":"ls","timeout_seconds":0.1}"#, []),
        ("{}", [#"the value must have the member "command""#]), ("[]", ["the value must be an object"]),
        (#"{"command":7}"#, ["/command must be a string"]),
        (#"{"command":""}"#, ["/command must have at least 1 characters"]),
        (#"{"command":"ls","timeout_seconds":86400.5}"#, ["/timeout_seconds must be at most 86400"]),
        (#"{"command":"ls","timeout_seconds":0}"#, ["/timeout_seconds must be at least 0.1"]),
        (
            #"{"command":"ls","secret/~":"hunter2"}"#,
            [#"/secret~1~0 is not expected; known: "command", "timeout_seconds""#]
        ),
    ])
    func argumentsOfATool(_ value: String, _ messages: [String]) throws {
        #expect(try check(SchemaTests.terminal, value) == messages)
    }

    @Test(arguments: [
        (#"{"type":["string","null"]}"#, ["null", "\"\""], ["1", "[]"]),
        (
            #"{"type":"integer"}"#, ["1", "1.0", "-3", "1e2", "170141183460469231731687303715884105728"],
            ["1.5", "\"1\"", "true", "1e-1"]
        ),
        (#"{"type":"number"}"#, ["1", "1.5"], ["\"1\"", "null"]),
        (#"{"type":"boolean"}"#, ["true"], ["0", "\"true\""]),
        (
            #"{"enum":["a",1,null,[1],{"b":2}]}"#, ["\"a\"", "1.0", "null", "[1]", #"{"b":2.0}"#],
            ["\"A\"", "2", "[]", "{}"]
        ),
        (#"{"const":false}"#, ["false"], ["0", "null"]), (#"{"const":1,"enum":[1,2]}"#, ["1"], ["2"]),
        (
            #"{"items":{"type":"string","maxLength":2},"minItems":1,"maxItems":2}"#,
            [#"["äö"]"#, #"["a","b"]"#, "7", "{}"], ["[]", #"["abc"]"#, "[1]", #"["a","b","c"]"#]
        ),
        (
            #"{"minimum":9007199254740993}"#, ["9007199254740993", "9007199254740994.0", "1e300", "\"x\""],
            ["9007199254740992", "9007199254740992.0", "-1e300"]
        ),
        (#"{"maximum":0.5}"#, ["0", "-5", "0.5", "-1e300"], ["1", "0.6", "1e300"]),
        (#"{"maximum":-0.5}"#, ["-1"], ["0"]),
        (#"{"minLength":2,"maxLength":2}"#, [#""🎵🎵""#, "null"], [#""🎵""#, #""abc""#]),
        (#"{"additionalProperties":true,"required":["a"]}"#, [#"{"a":1,"b":2}"#], ["{}"]),
        (#"{"additionalProperties":false}"#, ["{}", "[]"], [#"{"a":1}"#]),
        (#"{"minItems":3,"maxItems":1}"#, ["1"], ["[]", "[1,2]"]),
        ("{}", ["1", "null", "{}"], []),
    ])
    func keywords(_ schema: String, _ valid: [String], _ invalid: [String]) throws {
        for value in valid { #expect(try check(schema, value) == [], "\(value)") }
        for value in invalid { #expect(try check(schema, value) != [], "\(value)") }
    }

    @Test(arguments: [
        ("{", [""]), ("[]", [""]), ("5", [""]), (#"{"type":"text"}"#, ["/type"]), (#"{"type":1}"#, ["/type"]),
        (#"{"type":["string","text"]}"#, ["/type/1"]), (#"{"type":[1]}"#, ["/type"]),
        (#"{"required":"a"}"#, ["/required"]),
        (#"{"properties":[]}"#, ["/properties"]), (#"{"properties":{"a":1}}"#, ["/properties/a"]),
        (#"{"enum":1}"#, ["/enum"]), (#"{"additionalProperties":1}"#, ["/additionalProperties"]),
        (#"{"minLength":-1}"#, ["/minLength"]), (#"{"maxItems":1.5}"#, ["/maxItems"]),
        (#"{"minimum":"1"}"#, ["/minimum"]),
        (#"{"anyOf":[]}"#, ["/anyOf"]), (#"{"allOf":{}}"#, ["/allOf"]), (#"{"multipleOf":0}"#, ["/multipleOf"]),
        (##"{"$ref":"#/$defs/a"}"##, ["/$ref"]), (##"{"$ref":"#a"}"##, ["/$ref"]), (#"{"$ref":1}"#, ["/$ref"]),
        (#"{"uniqueItems":1}"#, ["/uniqueItems"]), (#"{"pattern":"("}"#, ["/pattern"]),
        (#"{"pattern":1}"#, ["/pattern"]),
        (#"{"patternProperties":{"[z-a]":{}}}"#, ["/patternProperties/[z-a]"]), (#"{"not":null}"#, ["/not"]),
        (#"{"dependentRequired":{"a":"b"}}"#, ["/dependentRequired/a"]),
        (#"{"$defs":{"a":{"if":7}}}"#, ["/$defs/a/if"]),
        (
            ##"{"type":5,"minimum":"x","properties":{"a/b":{"items":{"type":"int"}},"c":{"$ref":"#/nowhere"}}}"##,
            ["/minimum", "/properties/a~1b/items/type", "/properties/c/$ref", "/type"]
        ),
    ])
    func allMistakesAreNamed(_ schema: String, _ pointers: [String]) {
        do {
            _ = try JSONSchema(parsing: schema)
            Issue.record("parsed: \(schema)")
        } catch {
            #expect(error.problems.map(\.pointer) == pointers)
            for problem in error.problems { #expect(!problem.reason.isEmpty) }
        }
    }

    /// A valid schema is taken, whatever it has that is not checked here.
    @Test(arguments: [
        (#"{"x-order":1,"Type":"string","nullable":true,"discriminator":{"propertyName":"a"}}"#, []), ("true", []),
        (#"{"$ref":"https://example.com/other.json"}"#, ["/$ref"]), (#"{"pattern":"^(?!x)"}"#, ["/pattern"]),
        (
            #"{"patternProperties":{"(.)\\1":true},"additionalProperties":false}"#,
            ["/additionalProperties", "/patternProperties/(.)\\1"]
        ),
        (#"{"pattern":"(?i)abc"}"#, ["/pattern"]), (#"{"pattern":"(?:\\p{L}{1000}){20}"}"#, ["/pattern"]),
        (#"{"items":[{"type":"string"}],"additionalItems":false,"dependencies":{"a":["b"],"c":{}}}"#, []),
        (#"{"minimum":0,"exclusiveMinimum":true,"format":"colour","contentMediaType":"a/b"}"#, []),
    ])
    func whatIsNotCheckedIsNamed(_ schema: String, _ pointers: [String]) throws {
        #expect(try JSONSchema(parsing: schema).unchecked.map(\.pointer) == pointers)
    }

    @Test func messagesNeverHaveTheValue() throws {
        let schema = """
            {"type":"object","properties":{"a":{"type":"integer"},"b":{"enum":["x"]},"c":{"maxLength":1},"d":{"maximum":1},
            "e":{"items":{"type":"null"}}},"additionalProperties":false}
            """
        let value = #"{"a":"hunter2","b":"hunter2","c":"hunter2","d":7431,"e":["hunter2"],"f":"hunter2"}"#
        let messages = try check(schema, value)
        #expect(messages.count == 6)
        for message in messages { #expect(!message.contains("hunter2") && !message.contains("7431")) }
    }

    @Test func messagesAreFewAndShort() throws {
        let many = "[" + Array(repeating: "1", count: 100_000).joined(separator: ",") + "]"
        #expect(try check(#"{"items":{"type":"string"}}"#, many).count == JSONSchema.maximumMessages)
        let name = String(repeating: "\\u0007\\n", count: 10_000)
        let messages = try check(#"{"additionalProperties":false}"#, "{\"\(name)\":1}")
        #expect(messages.count == 1 && messages[0].count < 120 && !messages[0].contains("\n"))
    }

    @Test(arguments: [
        (#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#, #""x""#, "the value must be null or an integer"),
        (
            #"{"properties":{"a":{"anyOf":[{"type":"object","required":["k"]},{"type":"string"}]}}}"#, #"{"a":{}}"#,
            #"/a must fit one of the 2 alternatives; of the nearest one: must have the member "k""#
        ),
        (
            #"{"oneOf":[{"properties":{"t":{"const":"a"},"n":{"type":"integer"}}},{"properties":{"t":{"const":"b"}}}]}"#,
            #"{"t":"a","n":"x"}"#,
            "the value must fit exactly one of the 2 alternatives; of the nearest one: /n must be an integer"
        ),
        (#"{"pattern":"^a+$"}"#, #""b""#, #"the value must match the pattern "^a+$""#),
        (#"{"format":"uuid"}"#, #""b""#, "the value must be a UUID (RFC 4122)"),
        (#"{"multipleOf":0.01}"#, "0.001", "the value must be a multiple of 0.01"),
        (#"{"uniqueItems":true}"#, "[1,1.0]", "the value must have no item twice"),
        (#"{"unevaluatedProperties":false}"#, #"{"a":1}"#, "/a is not expected"),
        (
            #"{"propertyNames":{"maxLength":1}}"#, #"{"ab":1}"#,
            "/ab has a name that is not allowed here: it must have at most 1 characters"
        ),
        (#"{"dependentRequired":{"a":["b"]}}"#, #"{"a":1}"#, #"the value must have the member "b" beside "a""#),
        (
            #"{"contains":{"const":1}}"#, "[2]",
            "the value must have at least 1 of the items that the schema's `contains` describes"
        ),
        (#"{"not":{}}"#, "2", "the value must be something other than what the schema's `not` describes"),
        (#"{"minimum":0,"exclusiveMinimum":true}"#, "0", "the value must be more than 0"),
    ])
    func messages(_ schema: String, _ value: String, _ message: String) throws {
        #expect(try check(schema, value) == [message])
    }
}
