import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

/// protocol/vectors: the bytes and the JSON of every message, read in both directions.
struct VectorTests {
    static let files = ["commands", "reads", "events", "published"]

    struct Vector: Sendable, CustomTestStringConvertible {
        let name: String
        let message: String
        let json: String
        let bytes: [UInt8]
        var testDescription: String { name }
    }

    static func vectors(_ file: String) throws -> [Vector] {
        try Repository.vectors(file).map { object in
            guard let json = object["json"] else { throw Repository.BadFile(description: "json is missing: \(object)") }
            return Vector(
                name: try object.text("name"), message: try object.text("message"), json: try canonical(json),
                bytes: try object.hex("hex"))
        }
    }

    @Test(arguments: files) func readsBothWays(file: String) throws {
        for vector in try Self.vectors(file) {
            let type = try #require(Schema.byName[vector.message], "\(vector.name)")
            try check(vector, type)
        }
    }

    private func check<M: SwiftProtobuf.Message>(_ vector: Vector, _ type: M.Type) throws {
        let fromBytes = try M(serializedBytes: vector.bytes)
        let fromJSON = try M(jsonString: vector.json)
        #expect(fromBytes.isEqualTo(message: fromJSON), "\(vector.name)")
        #expect(fromBytes.unknownFields.data.isEmpty, "\(vector.name)")
        let bytes: [UInt8] = try fromJSON.serializedBytes()
        #expect(bytes.hex == vector.bytes.hex, "\(vector.name)")
        #expect(try canonical(text: fromBytes.jsonString()) == vector.json, "\(vector.name)")
    }

    @Test func everyMessageHasVectors() throws {
        let covered = try Set(Self.files.flatMap { try Self.vectors($0).map(\.message) })
        let messages = try Schema.blocks("message").map { "\(Schema.package).\($0.name)" }
        #expect(messages.count > 50)
        #expect(Set(messages).subtracting(covered).isEmpty)
        #expect(Set(messages) == Set(Schema.byName.keys))
    }

    /// A vector is found by its name; two of one name would hide one.
    @Test func namesAreUnique() throws {
        let names = try Self.files.flatMap { try Self.vectors($0).map(\.name) }
        #expect(Set(names).count == names.count)
    }

    @Test func everyKindOfEventHasAVector() throws {
        let kinds = try Self.vectors("events").filter { $0.message == "\(Schema.package).Event" }
            .compactMap { try FermataEvent(serializedBytes: $0.bytes).kind }
            .compactMap { Mirror(reflecting: $0).children.first?.label }
        let block = try #require(try Schema.blocks("message").first { $0.name == "Event" })
        let isKind = { (line: Substring) in line.hasPrefix("    ") && line.contains(" = ") }
        #expect(Set(kinds).count == block.lines.count(where: isKind))
    }
}
