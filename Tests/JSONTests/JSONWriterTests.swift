import Foundation
import Testing

@testable import JSON

@Suite struct JSONWriterTests {
    /// As RFC 8259 says it, byte by byte.
    private static func escaped(_ text: String) -> [UInt8] {
        text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x22: Array(#"\""#.utf8)
            case 0x5C: Array(#"\\"#.utf8)
            case 0x0A: Array(#"\n"#.utf8)
            case 0x0D: Array(#"\r"#.utf8)
            case 0x09: Array(#"\t"#.utf8)
            case 0..<0x20: Array(String(format: "\\u%04x", Int(byte)).utf8)
            default: [byte]
            }
        }
    }

    /// Each byte that is escaped, and some that look like them, at each place of texts of each length.
    @Test func everyEscapeAtEveryPlace() throws {
        let odd =
            (0..<0x20).map { Character(Unicode.Scalar(UInt8($0))) } + [
                "\"", "\\", "\u{7F}", "é", "\u{2028}", "\u{1F600}",
            ]
        for length in 0..<40 {
            for character in odd {
                for place in 0..<max(length, 1) {
                    var text = String(repeating: "a", count: place) + String(character)
                    text += String(repeating: "!", count: max(0, length - place - 1))
                    let json = JSONWriter.bytes { $0.append(string: text) }
                    #expect(json == [0x22] + Self.escaped(text) + [0x22])
                }
            }
        }
        let all = String(odd) + String(repeating: "\u{1}", count: 5000) + String(odd)
        let json = JSONWriter.bytes { $0.append(string: all) }
        #expect(try JSONDecoder().decode(String.self, from: Data(json)) == all)
    }

    /// What is lent is written to as far as it goes, and not a byte further; what was written moves as a whole.
    @Test func lentMemoryHasAnEnd() {
        let text = "one \"two\"\n" + String(repeating: "three\\", count: 30)
        let expected = Array("[".utf8) + Self.escaped(text) + Array("]".utf8)
        for size in 0..<400 {
            let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: size + 64)
            defer { memory.deallocate() }
            memory.initialize(repeating: 0xEE)
            var writer = JSONWriter(lent: UnsafeMutableBufferPointer(rebasing: memory[..<size]))
            writer.append("[")
            writer.append(inString: text)
            writer.append(UInt8(ascii: "]"))
            #expect(writer.withBytes { Array($0) } == expected)
            #expect(memory[size...].allSatisfy { $0 == 0xEE })
            #expect(!writer.isInLent || memory.starts(with: expected))
            #expect(writer.isInLent || size < expected.count + 64)
        }
    }
}
