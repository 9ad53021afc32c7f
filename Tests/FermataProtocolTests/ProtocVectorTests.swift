import Testing

/// The vectors as protoc reads them: every field is known to the schema, and its own encoder makes the same bytes.
@Suite(.enabled(if: Protoc.isPresent, "protoc is not installed"))
struct ProtocVectorTests {
    @Test(arguments: VectorTests.files) func decodesAndEncodes(file: String) throws {
        for vector in try VectorTests.vectors(file) {
            let text = try Protoc.run(["--decode=\(vector.message)"], input: vector.bytes)
            // A field that the schema does not have is decoded by its number, which the encoder does not take.
            let bytes = try Protoc.run(["--encode=\(vector.message)"], input: text)
            #expect(bytes.hex == vector.bytes.hex, "\(vector.name)")
        }
    }

    @Test func refusesABadMessage() throws {
        #expect(throws: Protoc.Failure.self) { try Protoc.run(["--decode=fermata.v1.Hello"], input: [0x0a]) }
    }
}
