internal import FermataCore
internal import FermataProtocol
internal import JSON
internal import FoundationEssentials
internal import Journal
internal import SwiftProtobuf

/// A run as one JSON document, complete. protocol/README.md and protocol/checkpoint.schema.json say what is in it.
///
/// It is written in its canonical form, in pieces: the head, each event, the tail; and after that, as the last member
/// wherever its name belongs, its blobs. A piece is made of what never changes again, but for the head, which has the
/// stored agent. The digest is that of all but itself and the blobs: events name these by their own digests.
enum Checkpoint {
    static let format = "fermata-checkpoint"
    static let version = 1

    /// Everything before the events.
    ///
    /// - Parameter digest: nil for the form of which the digest is taken.
    static func head(agent: FermataStoredAgent?, digest: String?) throws -> [UInt8] {
        var text = "{"
        if let agent { text += "\"agent\":\(try json(agent))," }
        text += "\"by\":\"fermata \(Server.version)\",\"children\":[],"
        if let digest { text += "\"digest\":\"\(digest)\"," }
        return Array((text + "\"events\":[").utf8)
    }

    /// An event, after the ones before it.
    static func piece(of event: FermataEvent) throws -> [UInt8] {
        let json = try CanonicalJSON.of(event.travelling.jsonUTF8Bytes())
        return event.seq > 1 ? [UInt8(ascii: ",")] + json : json
    }

    /// A blob, after the ones before it; the first comes after the tail.
    static func piece(of blob: FermataKeptBlob, isFirst: Bool) throws -> [UInt8] {
        Array((isFirst ? ",\"blobs\":[" : ",").utf8) + Array(try json(blob).utf8)
    }

    /// Everything after the events and before the blobs, without the end.
    static func tail(of run: RunID, asks: [FermataAsk], exportedAt: Int64) throws -> [UInt8] {
        let asks = try asks.map { try json($0) }.joined(separator: ",")
        return Array(
            """
            ],"exportedAt":"\(exportedAt)","format":"\(format)","openAsks":[\(asks)],"run":"\(run)","version":\(version)
            """.utf8)
    }

    static func end(hasBlobs: Bool) -> [UInt8] { Array((hasBlobs ? "]}" : "}").utf8) }

    static func digest(_ bytes: [UInt8]) -> String { "sha256:" + bytes.hexadecimal }

    private static func json(_ message: some SwiftProtobuf.Message) throws -> String {
        String(decoding: try CanonicalJSON.of(message.jsonUTF8Bytes()), as: UTF8.self)
    }
}

extension FermataEvent {
    /// The event as it leaves the journal that it was written to: no place in the order of that store's events, and no
    /// token, which lifts the hold that it was given for where that was set, and nowhere else.
    var travelling: FermataEvent {
        var event = self
        event.offset = 0
        if case .held(var held) = kind, !held.tokenSha256.isEmpty {
            held.tokenSha256 = Data()
            event.kind = .held(held)
        }
        return event
    }
}
