import JSON
import Testing

@testable import FermataCore

@Suite struct ParsedSchemasTests {
    private static func schema(_ number: Int) -> String { #"{"type": "integer", "minimum": \#(number)}"# }

    @Test func givesEachTextItsOwnSchema() throws {
        let schemas = ParsedSchemas()
        for _ in 0..<2 {
            for number in 0..<10 {
                let schema = try schemas.schema(Self.schema(number))
                #expect(schema.accepts(try JSONDocument(parsing: "\(number)")))
                #expect(!schema.accepts(try JSONDocument(parsing: "\(number - 1)")))
            }
        }
    }

    @Test func whatIsNoSchemaIsAnErrorEachTime() {
        let schemas = ParsedSchemas()
        for _ in 0..<2 {
            #expect(throws: JSONSchemaError.self) { try schemas.schema(#"{"type": "colour"}"#) }
            #expect(throws: JSONSchemaError.self) { try schemas.schema("no JSON") }
        }
        #expect(schemas.byteCount == 0)
    }

    @Test func keepsNoMoreThanItsBudget() throws {
        let schemas = ParsedSchemas(budget: 200)
        for number in 0..<1000 {
            _ = try schemas.schema(Self.schema(number))
            #expect(schemas.byteCount > 0)
            #expect(schemas.byteCount <= 200)
        }
        // One that is larger than all are to be is used and not kept.
        let before = schemas.byteCount
        let large = #"{"description": "\#(String(repeating: "x", count: 300))", "const": 1}"#
        #expect(try schemas.schema(large).validate(JSONDocument(parsing: "2")).count == 1)
        #expect(schemas.byteCount == before)
    }

    /// Compiled patterns may take a MiB each: no more than 64 are kept.
    @Test func keepsFewPatterns() throws {
        let schemas = ParsedSchemas()
        for number in 0..<70 { _ = try schemas.schema(#"{"pattern": "a{\#(number)}"}"#) }
        #expect(schemas.byteCount < 7 * 30)
        let many = (0..<65).map { #""p\#($0)": {"pattern": "b{\#($0)}"}"# }.joined(separator: ",")
        #expect(try schemas.schema("{\"properties\": {\(many)}}").patternCount == 64)
    }
}
