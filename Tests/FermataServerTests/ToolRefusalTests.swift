import FermataProtocol
import JSON
import SwiftProtobuf
import Testing

@testable import FermataServer

/// All mistakes of all tools are told at once: each by the tool's index, in a schema with a JSON pointer, and a reason.
@Suite struct ToolRefusalTests {
    private func tools(_ parameters: String...) -> [FermataToolSpec] {
        parameters.enumerated().map { index, parameters in
            .with { ($0.name, $0.parameters) = ("t\(index)", parameters) }
        }
    }

    private func refusal(of tools: [FermataToolSpec]) -> Refusal? {
        LaunchCheck.refusal(of: tools, field: "tools", builtIn: ["terminal"])
    }

    @Test func namesAllPlacesOfAllTools() {
        let refusal = refusal(
            of: tools(
                #"{"type":"object"}"#, #"{"type":"obj","properties":{"a":{"minimum":"x"}}}"#,
                #"{"anyOf":[{"type":"string"}],"x-order":1}"#, "{", ##"{"$ref":"#/$defs/none"}"##))
        #expect(refusal?.code == .invalidArgument)
        #expect(
            refusal?.details == [
                "field": "tools.parameters",
                "tools[1].parameters#/type": "must be one of null, boolean, integer, number, string, array, object",
                "tools[1].parameters#/properties/a/minimum": "must be a number",
                "tools[3].parameters#": "a key in quotes was expected at byte 1",
                "tools[4].parameters#/$ref": "leads nowhere: the pointer leads to nothing",
            ])
        for index in [1, 3, 4] { #expect(refusal?.message.contains("tools[\(index)].parameters") == true) }
    }

    @Test func namesMistakesOfEveryKindTogether() throws {
        var tools = tools("true", "{}", "{}", "", #"{"type":5}"#, "{}", "{}", "{}")
        tools[0].name = ""
        tools[1].name = "terminal"
        tools[2].name = "t4"
        tools[5].description_p = String(repeating: "d", count: 16385)
        tools[6].idempotentWhen = [.with { ($0.pointer, $0.less) = ("x", 1) }]
        let refused = try #require(refusal(of: tools))
        #expect(
            refused.details == [
                "field": "tools.name",
                "tools[0].name": "must be 1 to 64 letters, digits, '-', '_' and '.'",
                "tools[1].name": "is that of a tool that is built in",
                "tools[3].parameters": "must have 1 to 65536 bytes",
                "tools[4].name": "is that of tools[2] as well",
                "tools[4].parameters#/type": "must be an array of strings",
                "tools[5].description": "must have at most 16384 bytes",
                "tools[6].idempotent_when[0].pointer": "must be a JSON pointer: empty, or beginning with '/'",
            ])
        #expect(
            refused.message.contains("; tools[4].parameters is not a schema at /type: must be"), "\(refused.message)")
    }

    @Test func takesNoMoreThanItLooksAt() {
        let tools = Array(repeating: FermataToolSpec.with { ($0.name, $0.parameters) = ("t", "{") }, count: 129)
        #expect(refusal(of: tools)?.details == ["field": "tools"])
    }

    @Test func saysNothingOfSchemasThatAreTaken() {
        let tools = tools("true", #"{"pattern":"(?=a)"}"#, #"{"$ref":"https://example.com/a"}"#)
        #expect(refusal(of: tools) == nil)
        #expect(tools.uncheckedPlaces.map(\.pointer) == ["/pattern", "/$ref"])
    }

    @Test func saysNoMoreThanHelps() {
        let refusal = refusal(
            of: (0..<128).map { number in .with { ($0.name, $0.parameters) = ("t\(number)", #"{"type":5}"#) } })
        #expect(refusal?.details.count == 51)
        #expect(refusal?.message.hasSuffix("; and 78 more") == true)
    }
}
