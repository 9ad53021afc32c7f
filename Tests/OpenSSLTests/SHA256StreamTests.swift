import OpenSSL
import Testing

struct SHA256StreamTests {
    /// However the bytes are cut, around the blocks of 64 as well.
    @Test(arguments: [0, 1, 63, 64, 65, 200, 1000]) func piecesHaveTheDigestOfTheWhole(piece: Int) {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var stream = SHA256Stream()
        var rest = bytes[...]
        while piece > 0, !rest.isEmpty {
            stream.update(Array(rest.prefix(piece)))
            rest = rest.dropFirst(piece)
        }
        stream.update(Array(rest))
        #expect(stream.finish() == sha256(bytes))
    }

    @Test func nothingHasTheDigestOfNothing() {
        #expect(SHA256Stream().finish() == sha256([]))
    }
}
