import Testing

@testable import EventStreams

@Suite struct EventStreamReaderTests {
    private func events(_ pieces: [some Collection<UInt8>]) throws -> [String] {
        try all(pieces).map { String(decoding: $0.data, as: UTF8.self) }
    }

    private func all(
        _ pieces: [some Collection<UInt8>], takesErrorField: Bool = false
    ) throws -> [StreamEvent] {
        var stream = EventStreamReader(takesErrorField: takesErrorField)
        var events: [StreamEvent] = []
        for piece in pieces {
            try Array(piece).withUnsafeBytes { bytes in try stream.append(bytes) { events.append($0) } }
        }
        return events
    }

    @Test func namesAndIDsGoWithTheirEvents() throws {
        let text = """
            event: first
            id: 7
            data: a

            data: b

            event: lost with its data that is not there

            id
            event: c
            event: d
            data: d
            id: x\u{0}y

            """ + "\n"
        let events = try all([Array(text.utf8)])
        #expect(
            events == [
                StreamEvent(name: "first", id: "7", data: Array("a".utf8)), StreamEvent(id: "7", data: Array("b".utf8)),
                StreamEvent(name: "d", id: "", data: Array("d".utf8)),
            ])
        #expect(try all(Array(text.utf8).map { [$0] }) == events)
    }

    @Test func theTimeToConnectAgainIsANumber() throws {
        var stream = EventStreamReader()
        for (text, expected) in [
            ("retry: 5\n", 5), ("retry: -5\n", 5), ("retry: 6 s\n", 5), ("retry\n", 5), ("retry:70\n", 70),
            ("retry: 99999999999999999999999\n", 70),
        ] {
            try Array(text.utf8).withUnsafeBytes { try stream.append($0) { _ in Issue.record("no event") } }
            #expect(stream.retry == expected)
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        for data in [
            "", "one", "{\"a\":\"b\"}", "two\nlines", "\n", "ends\n", "\r\n\r", "data: x\n\nid: 3", ": no comment",
        ] {
            let text =
                EventStreamText.comment + EventStreamText.event(name: "n", id: "9", data: data, retry: 12)
                + EventStreamText.event(data: "after")
            let expected = data.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
            #expect(
                try all([Array(text.utf8)]) == [
                    StreamEvent(name: "n", id: "9", data: Array(expected.utf8)),
                    StreamEvent(id: "9", data: Array("after".utf8)),
                ])
        }
        #expect(EventStreamText.event(id: "5", retry: 1000) == "retry: 1000\nid: 5\n\n")
    }

    @Test func anErrorFieldIsDataOnlyWhereItIsMeantTo() throws {
        let text = Array("error: {\"code\":400}\n\n".utf8)
        #expect(try all([text]).isEmpty)
        #expect(
            try all([text], takesErrorField: true).map { String(decoding: $0.data, as: UTF8.self) }
                == ["{\"error\":{\"code\":400}}"])
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
        #expect(throws: EventStreamReader.TooLarge.self) { try events(Array(repeating: piece, count: 9)) }
        let lines = Array(("data: " + String(repeating: "x", count: 1 << 20) + "\n").utf8)
        #expect(throws: EventStreamReader.TooLarge.self) { try events(Array(repeating: lines, count: 9)) }
    }
}
