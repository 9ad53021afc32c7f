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

    /// As `tools/generate --check`, with the options that stand there.
    @Test(.enabled(if: plugin != nil, "protoc-gen-swift is not built; the comparison by meaning is made nevertheless"))
    func isWhatThePluginMakes() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fermata-generated-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let options = try Repository.text("tools/generate").matches(of: /--swift_opt=[A-Za-z=]+/).map { String($0.0) }
        #expect(!options.isEmpty)
        let plugin = try #require(Self.plugin)
        _ = try Protoc.run(["--plugin=protoc-gen-swift=\(plugin)", "--swift_out=\(folder.path)"] + options)
        let made = try String(contentsOf: folder.appending(path: "fermata.pb.swift"), encoding: .utf8)
        let committed = try Repository.text("Sources/FermataProtocol/Generated/fermata.pb.swift")
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
