import Foundation
import Testing

import JSON

/// The canonical form is what it always was: digests of checkpoints are of its bytes.
@Suite struct CanonicalJSONTests {
    /// Each line of the golden file is a text and its canonical form in hexadecimal, or `-` where it is refused. The
    /// reader that 250992d has wrote it.
    @Test func theFormNeverChanges() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/canonical.txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 220)
        for line in lines {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            let (text, form) = (try bytes(parts[0]), parts[1] == "-" ? nil : try bytes(parts[1]))
            #expect((try? CanonicalJSON.of(text)) == form, "\(String(decoding: text, as: UTF8.self))")
        }
    }

    @Test func membersAndElementsAreReadOneByOne() throws {
        let text = Array(#" { "b" : [ {"y":1,"x":"\u0041"} , 2 ] , "a" : null } "#.utf8)
        try text.withUnsafeBufferPointer { bytes in
            var reader = CanonicalJSON(bytes)
            let members = try reader.members()
            try reader.finish()
            #expect(members.keys.sorted() == ["a", "b"])
            var elements: [String] = []
            var list = CanonicalJSON(bytes, members["b"])
            try list.forEachElement { elements.append(String(decoding: $0, as: UTF8.self)) }
            try list.finish()
            #expect(elements == [#"{"x":"A","y":1}"#, "2"])
            var value = CanonicalJSON(bytes, members["a"])
            #expect(try value.value() == Array("null".utf8))
        }
        for text in [#"{"a":1,"a":2}"#, #"{"\u0061":1}"#, "[]", #"{"a":[1}"#] {
            #expect(throws: JSONFault.self) {
                try Array(text.utf8).withUnsafeBufferPointer { bytes in
                    var reader = CanonicalJSON(bytes)
                    _ = try reader.members()
                }
            }
        }
    }

    private func bytes(_ hexadecimal: Substring) throws -> [UInt8] {
        try stride(from: 0, to: hexadecimal.utf8.count, by: 2).map { offset in
            let start = hexadecimal.utf8.index(hexadecimal.startIndex, offsetBy: offset)
            return try #require(UInt8(hexadecimal[start..<hexadecimal.utf8.index(start, offsetBy: 2)], radix: 16))
        }
    }
}
