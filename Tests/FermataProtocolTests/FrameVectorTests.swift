import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

/// protocol/vectors/frames.json and negative.json: whole messages, good and bad.
struct FrameVectorTests {
    @Test func wholeMessages() throws {
        let vectors = try Repository.vectors("frames")
        #expect(vectors.count >= 12)
        for vector in vectors {
            let name = try vector.text("name")
            var message = try vector.hex("hex")[...]
            if let topic = vector["topic"] as? [String: Any] {
                let id = try #require(RunID(try topic.text("id")), "\(name)")
                let expected = Array(try topic.text("letter").utf8) + id.bytes
                #expect(Array(message.prefix(Topic.length)) == expected, "\(name)")
                message = message.dropFirst(Topic.length)
            }
            let expected = try #require(vector["frames"] as? [[String: Any]], "\(name)")
            let frames = try expected.map { frame in
                Frame(
                    type: UInt16(try #require(frame["type"] as? Int)),
                    version: UInt8(try #require(frame["version"] as? Int)),
                    flags: UInt8(try #require(frame["flags"] as? Int)), body: try frame.hex("body"))
            }
            #expect(try Frame.frames(in: message) == frames, "\(name)")
            #expect(frames.flatMap(\.encoded) == Array(message), "\(name)")
            for (frame, said) in zip(frames, expected) {
                let type = try #require(Schema.byName[try said.text("message")], "\(name)")
                #expect(try type.init(serializedBytes: frame.body).unknownFields.data.isEmpty, "\(name)")
            }
        }
    }

    /// What a server refuses before it looks at what is asked: here judged by the codec alone.
    @Test func badMessages() throws {
        let vectors = try Repository.vectors("negative")
        #expect(vectors.count >= 38)
        for vector in vectors {
            let name = try vector.text("name")
            let message = try vector.hex("hex")
            let replies = try #require(vector["reply"] as? [String], "\(name)")
            switch Result(catching: { () throws(FramingError) in try Frame.frames(in: message) }) {
            case .success(let frames):
                #expect(frames.map { code(of: $0)?.name ?? "" } == replies, "\(name)")
            case .failure(let error):
                #expect(replies == [ErrorCode.badFrame.name], "\(name)")
                #expect(error.offset == vector["offset"] as? Int, "\(name)")
            }
            #expect(replies.allSatisfy { $0.isEmpty || ErrorCode.registry.map(\.name).contains($0) }, "\(name)")
        }
    }

    private func code(of frame: Frame) -> ErrorCode? {
        if frame.version != Frame.currentVersion { return .unknownVersion }
        if frame.flags != 0 { return .unsupported }
        guard let type = Schema.requests[frame.type] else { return .unknownType }
        guard let message = try? type.init(serializedBytes: frame.body) else { return .badMessage }
        // What Swift does not know is neither in the text form by name nor lost.
        let text = message.textFormatString()
        let hasUnknown = text.split(separator: "\n").contains { line in
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return parts[0].first?.isNumber == true || Schema.isUnknownEnum(field: parts[0], value: parts.last ?? "")
        }
        return hasUnknown ? .unsupported : nil
    }
}

extension Schema {
    /// Enum values are written by name, and by number only when they have none.
    fileprivate static func isUnknownEnum(field: String, value: String) -> Bool {
        ["status", "until", "delivery"].contains(field) && value.contains(where: \.isNumber)
    }
}
