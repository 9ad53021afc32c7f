import Testing

@testable import Models

/// What a provider is shown of a tool's parameters is an object schema, whatever the tool's own schema is.
@Suite struct ToolParametersTests {
    @Test(arguments: [
        (#"{ "type" : "object", "properties": {"a": {}} }"#, #"{ "type" : "object", "properties": {"a": {}} }"#),
        (#"{"type":"object","x-a":1}"#, #"{"type":"object","x-a":1}"#),
        ("{}", #"{"type":"object","properties":{}}"#), ("true", #"{"type":"object","properties":{}}"#),
        ("false", #"{"type":"object","properties":{}}"#),
        (#"{"type":"string"}"#, #"{"type":"object","properties":{}}"#),
        (#"{"properties":{"a":{}},"required":["a"]}"#, #"{"type":"object","properties":{"a":{}},"required":["a"]}"#),
        (#"{"type":["object","null"],"properties":{"a":{}}}"#, #"{"type":"object","properties":{"a":{}}}"#),
        (
            ##"{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"b":{"$ref":"#/$defs/B"}},"required":["b"]},"B":{"type":"string"}}}"##,
            ##"{"type":"object","$defs":{"A":{"type":"object","properties":{"b":{"$ref":"#/$defs/B"}},"required":["b"]},"B":{"type":"string"}},"properties":{"b":{"$ref":"#/$defs/B"}},"required":["b"]}"##
        ),
        (
            #"{"anyOf":[{"properties":{"k":{"const":1},"a":{}},"required":["k","a"]},{"properties":{"k":{"const":2}},"required":["k"]}]}"#,
            #"{"type":"object","properties":{"k":{"anyOf":[{"const":1},{"const":2}]},"a":{}},"required":["k"]}"#
        ),
        (
            #"{"title":"t","type":"object","properties":{"a":{}},"required":["a"],"allOf":[{"properties":{"b":{}},"required":["b"]}]}"#,
            #"{"type":"object","title":"t","properties":{"a":{},"b":{}},"required":["a","b"]}"#
        ),
        // OpenAI refuses these at the root; further in they stay.
        (
            #"{"type":"object","properties":{"a":{"enum":[1]}},"required":["a"],"not":{"required":["b"]}}"#,
            #"{"type":"object","properties":{"a":{"enum":[1]}},"required":["a"]}"#
        ),
        (
            #"{"type":"object","enum":[{"a":1},{"a":2}],"properties":{"a":{"not":{"const":3}}},"additionalProperties":false}"#,
            #"{"type":"object","properties":{"a":{"not":{"const":3}}},"additionalProperties":false}"#
        ),
        (#"{"const":{"a":1}}"#, #"{"type":"object","properties":{}}"#),
        (#"{"enum" : ["a", "b"]}"#, #"{"type":"object","properties":{}}"#),
        (
            #"{"type":"object","not":{},"anyOf":[{"properties":{"a":{}},"enum":[{}]}]}"#,
            #"{"type":"object","properties":{"a":{}}}"#
        ),
        (
            #"{"type":"object","properties":{"not":{},"const":{},"enum":{}},"description":"enum"}"#,
            #"{"type":"object","properties":{"not":{},"const":{},"enum":{}},"description":"enum"}"#
        ),
        (##"{"$ref":"#"}"##, #"{"type":"object","properties":{}}"#), ("no JSON", "no JSON"),
    ])
    func parameters(_ own: String, _ shown: String) {
        #expect(String(decoding: ToolParameters.objectSchema(own), as: UTF8.self) == shown)
    }
}
