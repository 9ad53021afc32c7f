import Testing

@testable import ModelClients

struct OpenAIEventStreamTests {
    private func events(_ pieces: [some Collection<UInt8>]) throws -> [String] {
        var stream = EventStream()
        var events: [String] = []
        for piece in pieces {
            try Array(piece).withUnsafeBytes { bytes in
                try stream.append(bytes) { events.append(String(decoding: $0, as: UTF8.self)) }
            }
        }
        return events
    }

    private static let texts: [(String, [String])] = [
        ("data: a\n\ndata: b\n\n", ["a", "b"]),
        ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data: a\r\n\rdata: b\n\r\n", ["a", "b"]),
        ("data:a\ndata:  b\n\n", ["a\n b"]),
        (": a comment\n\n\n\ndata: a\nid: 7\nevent: x\nretry: 5\n\n", ["a"]),
        ("data\n\ndata:\n\n", ["", ""]),
        ("database: no\ndat: no\n\ndata: ja 😀\n\n", ["ja 😀"]),
        ("\u{FEFF}data: after a mark\n\n", ["after a mark"]),
        ("data: whole\n\ndata: cut off\n", ["whole"]),
        ("data: {\"a\":\"b: c\"}\n\n", ["{\"a\":\"b: c\"}"]),
        ("", []), ("\n\n\n", []), ("nonsense", []),
    ]

    @Test(arguments: texts)
    func everyDivisionGivesTheSameEvents(text: String, expected: [String]) throws {
        let bytes = Array(text.utf8)
        #expect(try events([bytes]) == expected)
        #expect(try events(bytes.map { [$0] }) == expected)
        for split in bytes.indices {
            #expect(try events([bytes[..<split], bytes[split...]]) == expected, "split at \(split)")
            for second in bytes.indices[split...] where bytes.count < 40 {
                #expect(try events([bytes[..<split], bytes[split..<second], bytes[second...]]) == expected)
            }
        }
    }

    @Test func anEndlessEventIsRefused() {
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        #expect(throws: EventStream.TooLarge.self) { try events(Array(repeating: piece, count: 9)) }
        let lines = Array(("data: " + String(repeating: "x", count: 1 << 20) + "\n").utf8)
        #expect(throws: EventStream.TooLarge.self) { try events(Array(repeating: lines, count: 9)) }
    }
}
