import FermataProtocol
import JSON
import Testing

@testable import FermataServer

/// Tools whose schemas are none are refused together: each by its index, with a JSON pointer and a reason.
@Suite struct SchemaRefusalTests {
    private func tool(_ parameters: String) -> FermataToolSpec {
        var tool = FermataToolSpec()
        tool.name = "t"
        tool.parameters = parameters
        return tool
    }

    @Test func namesAllPlacesOfAllTools() {
        let tools = [
            tool(#"{"type":"object"}"#), tool(#"{"type":"obj","properties":{"a":{"minimum":"x"}}}"#),
            tool(#"{"anyOf":[{"type":"string"}],"x-order":1}"#), tool("{"), tool(##"{"$ref":"#/$defs/none"}"##),
        ]
        let refusal = LaunchCheck.schemaRefusal(of: tools, field: "tools")
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

    @Test func saysNothingOfSchemasThatAreTaken() {
        let tools = [tool("true"), tool(#"{"pattern":"(?=a)"}"#), tool(#"{"$ref":"https://example.com/a"}"#)]
        #expect(LaunchCheck.schemaRefusal(of: tools, field: "tools") == nil)
        #expect(tools.uncheckedPlaces.map(\.pointer) == ["/pattern", "/$ref"])
    }

    @Test func saysNoMoreThanHelps() {
        let refusal = LaunchCheck.schemaRefusal(of: Array(repeating: tool(#"{"type":5}"#), count: 128), field: "tools")
        #expect(refusal?.details.count == 51)
        #expect(refusal?.message.hasSuffix("; and 78 more") == true)
    }
}
