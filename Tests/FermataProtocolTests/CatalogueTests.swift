import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

/// protocol/catalogue.json is the table of frame types as a file, for those who write clients in other languages.
struct CatalogueTests {
    private static let path = "protocol/catalogue.json"

    /// One line for each frame, so that a change of one is a change of one line.
    private static var text: String {
        func line(_ members: [(String, String)]) -> String {
            "    {" + members.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
        }
        func quoted(_ text: String) -> String { "\"\(text)\"" }
        let requests = FrameKind.all.map { kind in
            line([
                ("type", "\(kind.type.rawValue)"), ("name", quoted(kind.type.protocolName)),
                ("request", quoted(kind.name)),
                ("reply", quoted(kind.replyName)), ("reply_type", "\(kind.type.rawValue | Int(Frame.replyBit))"),
                ("effect", quoted(kind.effect.rawValue)),
                ("scope", kind.scope.map { quoted($0.protocolName) } ?? "null"), ("lane", quoted(kind.lane.rawValue)),
                ("names_run", "\(kind.namesRun)"),
            ])
        }
        let published: [(FermataFrameType, String, String, Character)] = [
            (.event, "Event", "events", "e"), (.statusChanged, "StatusChanged", "events", "s"),
            (.tick, "Tick", "events", "t"),
            (.textDelta, "TextDelta", "text", "d"),
        ]
        let topics = published.map { type, message, socket, topic in
            line([
                ("type", "\(type.rawValue)"), ("name", quoted(type.protocolName)), ("message", quoted(message)),
                ("socket", quoted(socket)), ("topic", quoted(String(topic))),
            ])
        }
        let error = line([
            ("type", "\(FermataFrameType.error.rawValue)"), ("name", quoted("ERROR")), ("message", quoted("Error")),
        ])
        return """
            {
              "requests": [
            \(requests.joined(separator: ",\n"))
              ],
              "published": [
            \(topics.joined(separator: ",\n"))
              ],
              "errors": [
            \(error)
              ]
            }

            """
    }

    /// Stale: FERMATA_WRITE=1 swift test --filter CatalogueTests writes it anew.
    @Test func theFileIsTheTable() throws {
        if ProcessInfo.processInfo.environment["FERMATA_WRITE"] != nil {
            try Self.text.write(to: Repository.root.appending(path: Self.path), atomically: true, encoding: .utf8)
        }
        #expect(try Repository.text(Self.path) == Self.text)
    }

    /// Every type that is in the schema is in the table, and every row is of the type that it says.
    @Test func everyRequestIsInIt() throws {
        let isPublished: Set<FermataFrameType> = [.unspecified, .event, .statusChanged, .tick, .textDelta, .error]
        #expect(Set(FrameKind.all.map(\.type)) == Set(FermataFrameType.allCases).subtracting(isPublished))
        for kind in FrameKind.all {
            #expect(FrameKind.of(UInt16(kind.type.rawValue))?.type == kind.type)
            #expect(
                Schema.requests[UInt16(kind.type.rawValue)].map { $0.protoMessageName }
                    == "\(Schema.package).\(kind.name)")
            // What is remembered has a request id, and what is no command is not remembered; Export is both.
            #expect((kind.effect == .command) == (kind.request is any Command.Type) || kind.type == .export)
            // The field itself is the schema's.
            let block = try #require(try Schema.blocks("message").first { $0.name == kind.name })
            #expect(
                kind.namesRun == block.lines.contains { $0.contains("string run = ") } || kind.type == .listAsks,
                "\(kind.name)")
        }
        for number: UInt16 in [0, 37, 255, 256, 32768, 32769, .max] { #expect(FrameKind.of(number) == nil) }
    }
}
