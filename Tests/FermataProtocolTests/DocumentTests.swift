import FermataProtocol
import SwiftProtobuf
import Testing

/// protocol/README.md says what the code does: names and numbers, and the dump at its end.
struct DocumentTests {
    /// The rows of the table that begins with this line, cut into cells.
    private func table(_ head: String) throws -> [[String]] {
        let rows = try Repository.text("protocol/README.md").split(separator: "\n")
            .drop { $0 != head }.dropFirst(2).prefix { $0.hasPrefix("|") }
        return rows.map { row in
            row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map { cell in
                cell.filter { $0 != "`" }.trimming(while: \.isWhitespace)
            }
        }
    }

    @Test func everyRequestIsInTheCatalogue() throws {
        let rows = try table("| type | request | reply | does |")
        let documented = rows.map { "\($0[0]) \($0[1]) → \($0[2])" }.sorted()
        let actual = Schema.requests.map { "\($0) \(Self.signature($1))" }.sorted()
        #expect(documented == actual)
        let text = try Repository.text("protocol/README.md")
        for row in rows { #expect(text.contains("\n### \(row[1])\n"), "\(row[1])") }
    }

    private static func signature<R: ControlRequest>(_ request: R.Type) -> String {
        [R.protoMessageName, R.Reply.protoMessageName].map { $0.split(separator: ".").last.map(String.init) ?? "" }
            .joined(separator: " → ")
    }

    @Test func everyEventIsInTheCatalogue() throws {
        let rows = try table("| no. | kind | when | what it carries |")
        let block = try #require(try Schema.blocks("message").first { $0.name == "Event" })
        let kinds = block.lines.compactMap { $0.firstMatch(of: /^    [A-Za-z]+ ([a-z_]+) = (\d+);/) }
        #expect(Set(rows.map { $0[1] + " " + $0[0] }) == Set(kinds.map { $0.1 + " " + $0.2 }))
    }

    @Test func everyStatusIsInBothTables() throws {
        let statuses = Set(FermataStatus.allCases.filter { $0 != .unspecified }.map(\.protocolName))
        #expect(Set(try table("| status | when |").map { $0[0] }) == statuses)
        let head = "| | IDLE | RUNNING | PAUSING | PAUSED | WAITING | FINISHED | FAILED | STOPPED |"
        let commands = try table(head)
        let columns = head.split(separator: "|").map { $0.trimming(while: \.isWhitespace) }.filter { !$0.isEmpty }
        #expect(Set(columns) == statuses)
        #expect(commands.allSatisfy { $0.count == statuses.count + 1 })
    }

    @Test func everyTopicIsInTheTable() throws {
        let rows = try table("| letter | socket | frame | when | numbered by |")
        let expected: [(UInt8, FermataFrameType)] = [
            (Topic.event, .event), (Topic.status, .statusChanged), (Topic.tick, .tick), (Topic.text, .textDelta),
        ]
        #expect(rows.map { $0[0] } == expected.map { String(UnicodeScalar($0.0)) })
        #expect(rows.map { $0[2].prefix { $0.isNumber } } == expected.map { "\($0.1.rawValue)" })
    }

    /// The bytes in the document are those of the vectors, and are what the words beside them say.
    @Test func theDumpIsAVector() throws {
        var blocks: [[UInt8]] = []
        var isInside = false
        for line in try Repository.text("protocol/README.md").split(separator: "\n") {
            if line == "```hex" {
                isInside = true
                blocks.append([])
            } else if line == "```" {
                isInside = false
            } else if isInside {
                let digits = line.prefix(while: { $0.isHexDigit || $0 == " " }).prefix(48)
                blocks[blocks.count - 1] += try #require([UInt8](hex: digits), "\(line)")
            }
        }
        let vectors = try Repository.vectors("frames")
        let expected = try ["one frame: Pause", "its reply"].map { name in
            try #require(vectors.first { $0["name"] as? String == name }).hex("hex")
        }
        #expect(blocks.map(\.hex) == expected.map(\.hex))
        let reply = try FermataCommandReply(serializedBytes: try #require(try Frame.frames(in: blocks[1]).first).body)
        #expect(reply.run.status == .pausing && reply.changed)
    }
}

extension StringProtocol {
    fileprivate func trimming(while isUnwanted: (Character) -> Bool) -> String {
        String(drop(while: isUnwanted).reversed().drop(while: isUnwanted).reversed())
    }
}
