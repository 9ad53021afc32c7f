import FermataProtocol
import Testing

struct HexadecimalTests {
    @Test func everyByteIsReadAsItWasWritten() {
        let bytes = [UInt8](0...255)
        #expect(bytes.hexadecimal.hasPrefix("000102") && bytes.hexadecimal.hasSuffix("fdfeff"))
        #expect([UInt8](hexadecimal: bytes.hexadecimal) == bytes)
        #expect([UInt8]().hexadecimal == "" && [UInt8](hexadecimal: "") == [])
        #expect([UInt8](hexadecimal: "x0aff".dropFirst()) == [10, 255])
    }

    /// Bytes have one text, by which a blob is named.
    @Test(arguments: ["0", "abc", "0A", "0g", "/0", ":0", "`a", " 0", "é", "\u{0661}\u{0662}"])
    func nothingElseIsRead(_ text: String) { #expect([UInt8](hexadecimal: text) == nil) }

    @Test func aDigestHas64Digits() {
        let digest = [UInt8](repeating: 0xa5, count: 32)
        #expect(FermataBlob.digest(digest.hexadecimal) == digest)
        for count in [0, 2, 62, 63, 65, 66] { #expect(FermataBlob.digest(String(repeating: "a", count: count)) == nil) }
        #expect(FermataBlob.digest(digest.hexadecimal.uppercased()) == nil)
    }
}
