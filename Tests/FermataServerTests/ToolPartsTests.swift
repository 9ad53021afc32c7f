import FermataCore
import FermataProtocol
import Journal
import Testing
import Tools

@testable import FermataServer
import RunRows

/// Results of tools that are more than text.
@Suite struct ToolPartsTests {
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static func media(_ type: String, _ data: [UInt8], _ name: String = "") -> ToolResult.Part {
        .media(ToolMedia(type: type, name: name, data: data))
    }

    private func expectComplete(_ parts: ToolParts, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let (text, blocks) = (parts.content.text, parts.content.blocks)
        #expect(try blocks.completed(with: text) == blocks, sourceLocation: sourceLocation)
        #expect(
            Set(blocks.blobs.map(\.sha256)) == Set(parts.blobs.map(\.sha256.hexadecimal)),
            sourceLocation: sourceLocation)
    }

    @Test func textsBecomeOne() throws {
        let parts = ToolParts([.text("a"), .text(""), .text("é")])
        #expect(parts.content.text == "aé" && parts.content.blocks.isEmpty && parts.blobs.isEmpty)
    }

    @Test func theOrderStays() throws {
        let parts = ToolParts([Self.media("image/png", Self.png), .text("a"), .text("b"), Self.media("a/b", [1])])
        #expect(parts.content.text == "ab" && parts.content.blocks.map(\.text) == [0, 2, 0])
        #expect(
            parts.content.blocks[0].image.mediaType == "image/png" && parts.content.blocks[2].file.mediaType == "a/b")
        try expectComplete(parts)
    }

    /// The first bytes say what it is, whatever the tool says.
    @Test(arguments: [
        ("image/jpeg", png, "image/png", true), ("", png, "image/png", true),
        ("image/png", Array("<svg/>".utf8), "application/octet-stream", false),
        ("IMAGE/SVG+XML; charset=utf-8", Array("<svg/>".utf8), "image/svg+xml", false),
        ("not a type", [1], "application/octet-stream", false),
    ]) func anImageIsWhatItIs(_ type: String, _ data: [UInt8], _ expected: String, _ isImage: Bool) throws {
        let parts = ToolParts([Self.media(type, data)])
        let block = try #require(parts.content.blocks.first)
        #expect(block.blob?.mediaType == expected && (block.image.mediaType == expected) == isImage)
        try expectComplete(parts)
    }

    @Test func namesAreHarmless() throws {
        let names = ["/etc/../shot.png", "a\u{1B}[31m\nb", String(repeating: "x", count: 300), "dir/"]
        let parts = ToolParts(names.map { Self.media("a/b", Self.png, $0) })
        #expect(parts.content.blocks.compactMap(\.blob?.name) == ["shot.png", "a[31mb", "", "dir"])
        try expectComplete(parts)
    }

    @Test func whatIsTooLargeOrTooMuchIsSaid() throws {
        let large = [UInt8](repeating: 1, count: FermataBlob.maximumBytes + 1)
        let one = ToolParts([.text("a"), Self.media("a/b", large), Self.media("a/b", [])])
        #expect(one.blobs.isEmpty && one.content.blocks.isEmpty)
        #expect(one.content.text.contains("4000001 bytes") && one.content.text.contains("0 bytes"))
        // Of texts nothing is left out.
        let many = ToolParts(
            [[ToolResult.Part]](repeating: [.text("x"), Self.media("a/b", Self.png)], count: 50).flatMap(\.self))
        #expect(
            many.content.text == String(repeating: "x", count: 50)
                + "[19 more images or files of the result were left out.]")
        #expect(many.content.blocks.count <= 64)
        try expectComplete(many)
    }
}
