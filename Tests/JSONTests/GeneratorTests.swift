import Foundation
import Testing

@testable import JSON

/// The schemas that real generators and MCP servers write are all taken, and check what they say.
/// Generated/generate.py and Generated/servers.py wrote the files.
@Suite struct GeneratorTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Generated")

    static var files: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }.sorted())
            ?? []
    }

    @Test(arguments: files)
    func everySchemaIsTaken(_ file: String) throws {
        let data = try Data(contentsOf: Self.folder.appending(path: file))
        let document = try JSONDocument(parsing: Array(data), .init(maximumDepth: 128, checksUTF8: true))
        #expect(document.elements(0).count >= (file.hasPrefix("servers") ? 10 : 22))
        for entry in document.elements(0) {
            let name = document.text(try #require(document.member("name", of: entry)))
            let source = document.source(try #require(document.member("schema", of: entry)))
            let schema: JSONSchema
            do {
                schema = try JSONSchema(parsing: source)
            } catch {
                Issue.record("\(file): \(name): \(error)")
                continue
            }
            #expect(schema.unchecked == [] || name == "formats", "\(name)")
            for value in document.member("valid", of: entry).map(document.elements) ?? [] {
                let messages = try schema.validate(JSONDocument(parsing: document.source(value)))
                #expect(messages == [], "\(name): \(document.source(value))")
            }
            for value in document.member("invalid", of: entry).map(document.elements) ?? [] {
                #expect(
                    try !schema.accepts(JSONDocument(parsing: document.source(value))),
                    "\(name): \(document.source(value))")
            }
        }
    }

    @Test func allGeneratorsAreThere() {
        let packages = [
            "fastmcp", "langchain-core", "llama-index-core", "mcp", "msgspec", "openai-agents", "pydantic",
            "pydantic-ai-slim",
            "servers",
        ]
        for package in packages { #expect(Self.files.contains { $0.hasPrefix(package) }, "\(package)") }
    }
}
