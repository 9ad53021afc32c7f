import FermataProtocol
import SwiftProtobuf
import Testing

/// Which blocks a message or a result may have.
@Suite struct BlockRulesTests {
    private static let digest = String(repeating: "a1", count: 32)

    private static func text(_ count: UInt64) -> FermataBlock { .with { $0.text = count } }

    private static func image(_ change: (inout FermataBlob) -> Void = { _ in }) -> FermataBlock {
        .with {
            $0.image.sha256 = digest
            $0.image.mediaType = "image/png"
            change(&$0.image)
        }
    }

    private static func file(_ change: (inout FermataBlob) -> Void = { _ in }) -> FermataBlock {
        .with {
            $0.file.sha256 = digest
            $0.file.mediaType = "application/pdf"
            change(&$0.file)
        }
    }

    @Test func textAloneHasNoBlocks() throws {
        #expect(try [FermataBlock]().completed(with: "text") == [])
        #expect(try [Self.text(4)].completed(with: "text") == [])
        #expect(try [Self.text(2), Self.text(2)].completed(with: "text") == [])
    }

    @Test func withoutTextBlocksTheTextComesFirst() throws {
        #expect(try [Self.image()].completed(with: "text") == [Self.text(4), Self.image()])
        #expect(try [Self.image(), Self.file()].completed(with: "") == [Self.image(), Self.file()])
    }

    @Test func theirOrderStays() throws {
        let blocks = [Self.text(2), Self.image(), Self.text(3), Self.file()]
        #expect(try blocks.completed(with: "äabc") == blocks)
        #expect(try [Self.text(0), Self.image()].completed(with: "") == [Self.text(0), Self.image()])
    }

    @Test(arguments: [
        [text(3), image()], [text(5), image()], [text(.max), image()], [text(1), image(), text(3)],
    ]) func textsAreTheText(_ blocks: [FermataBlock]) {
        // The first character has two bytes.
        #expect(throws: FieldProblem.self) { try blocks.completed(with: "äbc") }
    }

    @Test(arguments: [
        FermataBlock(), .with { $0.reasoning = "why" }, .with { $0.call = 1 }, .with { $0.opaque = "x" },
        image { $0.sha256 = "" }, image { $0.sha256 = digest.uppercased() }, image { $0.sha256 += "0" },
        image { $0.mediaType = "image/svg+xml" }, image { $0.mediaType = "" }, image { $0.mediaType = "IMAGE/PNG" },
        file { $0.mediaType = "application" }, file { $0.mediaType = "a/b; c=d" }, file { $0.mediaType = "a/b/c" },
        file { $0.mediaType = "/" }, file { $0.name = "../x" }, file { $0.name = "a\nb" },
        file { $0.name = String(repeating: "x", count: 256) },
        .with {
            $0 = image(); $0.json = "{}"
        },
    ]) func othersAreNone(_ block: FermataBlock) throws {
        let problem = try #require(throws: FieldProblem.self) { try [block].completed(with: "") }
        #expect(problem.field == "blocks" && !problem.rule.isEmpty)
    }

    @Test func thereAreSixtyFourAtMost() throws {
        #expect(try [FermataBlock](repeating: Self.image(), count: 64).completed(with: "").count == 64)
        #expect(throws: FieldProblem.self) {
            try [FermataBlock](repeating: Self.image(), count: 65).completed(with: "")
        }
    }

    /// What was completed is complete: soundness of journals rests on that.
    @Test func completeIsComplete() throws {
        for blocks in [[Self.image()], [Self.text(1), Self.file(), Self.text(3)], []] {
            let complete = try blocks.completed(with: "text")
            #expect(try complete.completed(with: "text") == complete)
        }
    }

    @Test func imagesAreKnownByTheirFirstBytes() {
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0]
        #expect(FermataBlob.isImage(png, of: "image/png") && !FermataBlob.isImage(png, of: "image/jpeg"))
        #expect(FermataBlob.isImage(Array("RIFF....WEBPVP8 ".utf8), of: "image/webp"))
        #expect(!FermataBlob.isImage(Array("RIFF....WAVE".utf8), of: "image/webp"))
        #expect(FermataBlob.isImage(Array("GIF89a".utf8), of: "image/gif"))
        #expect(
            !FermataBlob.isImage(Array("<svg/>".utf8), of: "image/svg+xml") && !FermataBlob.isImage([], of: "image/png")
        )
    }
}
