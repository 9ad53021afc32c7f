import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

/// The committed Swift code is what protocol/fermata.proto says today.
@Suite(.enabled(if: Protoc.isPresent, "protoc is not installed"))
struct GeneratedCodeTests {
    /// The plugin, if `tools/generate` or anyone else has built it for this package: it is beside the tests.
    static let plugin: String? = {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let path = tests.deletingLastPathComponent().appending(path: "protoc-gen-swift").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    /// A line `generate SCHEMA FOLDER OPTION...` of `tools/generate`.
    struct Generation: CustomTestStringConvertible {
        let schema: String
        let folder: String
        let options: [String]

        var testDescription: String { schema }

        static func all() throws -> [Generation] {
            try Repository.text("tools/generate").split(separator: "\n").filter { $0.hasPrefix("generate ") }.map {
                let words = $0.split(separator: " ").map(String.init)
                return Generation(schema: words[1], folder: words[2], options: words[3...].map { "--swift_opt=\($0)" })
            }
        }
    }

    @Test func everySchemaIsGenerated() throws {
        #expect(
            try Generation.all().map(\.schema) == [
                "protocol/fermata.proto", "Sources/FermataCore/Snapshot/snapshot.proto",
            ])
    }

    /// As `tools/generate --check`.
    @Test(
        .enabled(if: plugin != nil, "protoc-gen-swift is not built; the comparison by meaning is made nevertheless"),
        arguments: try Generation.all())
    func isWhatThePluginMakes(_ generation: Generation) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fermata-generated-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let plugin = try #require(Self.plugin)
        _ = try Protoc.run(
            ["--plugin=protoc-gen-swift=\(plugin)", "--swift_out=\(folder.path)"] + generation.options,
            schema: generation.schema)
        let name = generation.schema.split(separator: "/").last!.split(separator: ".")[0] + ".pb.swift"
        let made = try String(contentsOf: folder.appending(path: "\(name)"), encoding: .utf8)
        let committed = try Repository.text("\(generation.folder)/\(name)")
        #expect(made == committed, "run tools/generate")
    }

    /// The same without the plugin: every field of the schema, alone, is read by the generated code under its name
    /// and with its type, and it reads no others. Blind only to comments, and to a field whose message became another
    /// one with the very same fields.
    @Test func meansWhatTheSchemaSays() throws {
        let description = try SchemaDescription()
        #expect(Set(description.messages.keys) == Set(Schema.byName.keys))
        for (name, message) in description.messages {
            let type = try #require(Schema.byName[name])
            for field in message.field {
                for sample in try description.samples(of: field) {
                    let read = try type.init(serializedBytes: sample.bytes)
                    #expect(read.unknownFields.data.isEmpty, "\(name).\(field.name)")
                    let expected = try canonical(sample.json.map { [field.jsonName: $0] } ?? [:])
                    #expect(try canonical(text: read.jsonString()) == expected, "\(name).\(field.name)")
                }
            }
            let known = Set(message.field.map(\.number))
            for number in 1...100 where !known.contains(Int32(number)) {
                for bytes in SchemaDescription.anyWireType(number) {
                    let read = try type.init(serializedBytes: bytes)
                    #expect([UInt8](read.unknownFields.data) == bytes, "the schema has no \(name) field \(number)")
                }
            }
        }
    }

    @Test func hasTheSchemasEnums() throws {
        let enums = try SchemaDescription().enums
        #expect(Set(enums.keys) == Set(Schema.enums.keys))
        for (name, described) in enums {
            let inSwift = try #require(Schema.enums[name])
            let numbers = Set(described.value.map { Int($0.number) })
            for number in Array(0...1000) + [32_767, 32_768, 32_769] {
                #expect((inSwift(number) != nil) == numbers.contains(number), "\(name) \(number)")
            }
        }
    }
}
