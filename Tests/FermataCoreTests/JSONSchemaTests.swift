import Testing

@testable import FermataCore

@Suite struct JSONSchemaTests {
    private func check(_ schema: String, _ value: String) throws -> [String] {
        try JSONSchema(parsing: schema).validate(JSONValue(parsing: value))
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
        (#"{"command":7}"#, ["/command must be a string"]), (#"{"command":""}"#, ["/command must have at least 1 characters"]),
        (#"{"command":"ls","timeout_seconds":86400.5}"#, ["/timeout_seconds must be at most 86400"]),
        (#"{"command":"ls","timeout_seconds":0}"#, ["/timeout_seconds must be at least 0.1"]),
        (#"{"command":"ls","secret/~":"hunter2"}"#, [#"/secret~1~0 is not expected; known: "command", "timeout_seconds""#]),
    ])
    func argumentsOfATool(_ value: String, _ messages: [String]) throws {
        #expect(try check(JSONSchemaTests.terminal, value) == messages)
    }

    @Test(arguments: [
        (#"{"type":["string","null"]}"#, ["null", "\"\""], ["1", "[]"]),
        (#"{"type":"integer"}"#, ["1", "1.0", "-3", "1e2", "170141183460469231731687303715884105728"], ["1.5", "\"1\"", "true", "1e-1"]),
        (#"{"type":"number"}"#, ["1", "1.5"], ["\"1\"", "null"]), (#"{"type":"boolean"}"#, ["true"], ["0", "\"true\""]),
        (#"{"enum":["a",1,null,[1],{"b":2}]}"#, ["\"a\"", "1.0", "null", "[1]", #"{"b":2.0}"#], ["\"A\"", "2", "[]", "{}"]),
        (#"{"const":false}"#, ["false"], ["0", "null"]), (#"{"const":1,"enum":[1,2]}"#, ["1"], ["2"]),
        (#"{"items":{"type":"string","maxLength":2},"minItems":1,"maxItems":2}"#, [#"["äö"]"#, #"["a","b"]"#, "7", "{}"], ["[]", #"["abc"]"#, "[1]", #"["a","b","c"]"#]),
        (#"{"minimum":9007199254740993}"#, ["9007199254740993", "9007199254740994.0", "1e300", "\"x\""], ["9007199254740992", "9007199254740992.0", "-1e300"]),
        (#"{"maximum":0.5}"#, ["0", "-5", "0.5", "-1e300"], ["1", "0.6", "1e300"]), (#"{"maximum":-0.5}"#, ["-1"], ["0"]),
        (#"{"minLength":2,"maxLength":2}"#, [#""🎵🎵""#, "null"], [#""🎵""#, #""abc""#]),
        (#"{"additionalProperties":true,"required":["a"]}"#, [#"{"a":1,"b":2}"#], ["{}"]),
        (#"{"additionalProperties":false}"#, ["{}", "[]"], [#"{"a":1}"#]), (#"{"minItems":3,"maxItems":1}"#, ["1"], ["[]", "[1,2]"]),
        ("{}", ["1", "null", "{}"], []),
    ])
    func keywords(_ schema: String, _ valid: [String], _ invalid: [String]) throws {
        for value in valid { #expect(try check(schema, value) == [], "\(value)") }
        for value in invalid { #expect(try check(schema, value) != [], "\(value)") }
    }

    @Test(arguments: [
        ("{", JSONSchemaError.Code.notJSON, ""), ("[]", .badKeyword, ""), ("true", .badKeyword, ""),
        (#"{"pattern":"a"}"#, .unsupportedKeyword, "/pattern"), (#"{"anyOf":[]}"#, .unsupportedKeyword, "/anyOf"),
        (#"{"$ref":"a"}"#, .unsupportedKeyword, "/$ref"), (#"{"Type":"string"}"#, .unsupportedKeyword, "/Type"),
        (#"{"properties":{"a/b":{"items":{"not":{}}}}}"#, .unsupportedKeyword, "/properties/a~1b/items/not"),
        (#"{"type":"text"}"#, .badKeyword, "/type"), (#"{"type":1}"#, .badKeyword, "/type"), (#"{"type":[1]}"#, .badKeyword, "/type"),
        (#"{"required":"a"}"#, .badKeyword, "/required"), (#"{"properties":[]}"#, .badKeyword, "/properties"),
        (#"{"properties":{"a":true}}"#, .badKeyword, "/properties/a"), (#"{"enum":1}"#, .badKeyword, "/enum"),
        (#"{"additionalProperties":{}}"#, .badKeyword, "/additionalProperties"), (#"{"minLength":-1}"#, .badKeyword, "/minLength"),
        (#"{"maxItems":1.5}"#, .badKeyword, "/maxItems"), (#"{"minimum":"1"}"#, .badKeyword, "/minimum"), (#"{"items":[]}"#, .badKeyword, "/items"),
    ])
    func badSchemas(_ schema: String, _ code: JSONSchemaError.Code, _ pointer: String) {
        do {
            _ = try JSONSchema(parsing: schema)
            Issue.record("parsed: \(schema)")
        } catch {
            #expect(error.code == code)
            #expect(error.pointer == pointer)
        }
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

    @Test func hostileSchemasDoNotOverflow() {
        #expect(throws: JSONSchemaError.self) {
            try JSONSchema(parsing: String(repeating: #"{"items":"#, count: 100_000))
        }
    }
}
