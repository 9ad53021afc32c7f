internal import FermataCore
internal import FermataProtocol
internal import FoundationEssentials
internal import JSON
internal import Journal
internal import OpenSSL
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// A checkpoint that was read and verified from end to end, before anyone writes anything.
package struct ReadCheckpoint: Sendable {
    package var prepared: PreparedRun
    package let digest: String

    /// - Parameter bytes: valid UTF-8.
    /// - Throws: `Refusal` with code NOT_A_CHECKPOINT, NEWER_FORMAT, WRONG_DIGEST or BROKEN_JOURNAL.
    package init(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        do {
            var reading = try CheckpointReading(bytes)
            self = try reading.read()
        } catch let mistake as JSONFault {
            throw Refusal(.notACheckpoint, "this is no checkpoint: \(mistake)")
        }
    }

    fileprivate init(prepared: PreparedRun, digest: String) {
        self.prepared = prepared
        self.digest = digest
    }
}

/// It holds one event at a time besides the rows that it makes.
private struct CheckpointReading {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let members: [String: Range<Int>]

    private static let required: Set = [
        "by", "children", "digest", "events", "exportedAt", "format", "openAsks", "run", "version",
    ]
    private static let optional: Set = ["agent", "blobs"]

    init(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        self.bytes = bytes
        var reader = CanonicalJSON(bytes)
        members = try reader.members()
        try reader.finish()
        guard try text("format") == Checkpoint.format else {
            throw Refusal(.notACheckpoint, "the document does not say that it is a checkpoint of Fermata")
        }
        guard let version = Int(String(decoding: try value("version"), as: UTF8.self)), version >= Checkpoint.version
        else {
            throw Refusal(.notACheckpoint, "the document says no version of its format")
        }
        guard version == Checkpoint.version else {
            throw Refusal(
                .newerFormat, "the checkpoint is of format \(version), this server knows \(Checkpoint.version)",
                details: ["version": String(Checkpoint.version)])
        }
        let names = Set(members.keys)
        if let missing = Self.required.subtracting(names).sorted().first {
            throw Refusal(.notACheckpoint, "the document has no \(missing)", details: ["field": missing])
        }
        guard names.subtracting(Self.required).subtracting(Self.optional).isEmpty else {
            throw Refusal(.notACheckpoint, "the document has members that no checkpoint has")
        }
    }

    mutating func read() throws -> ReadCheckpoint {
        let digest = try text("digest")
        guard let run = RunID(try text("run")) else {
            throw Refusal(.notACheckpoint, "run is not the id of a run", details: ["field": "run"])
        }
        var stream = SHA256Stream()
        var journal = ArrivingJournal(run: run)
        var separator = UInt8(ascii: "{")
        for (name, range) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        where name != "digest" && name != "blobs" {
            stream.update([separator] + Array("\"\(name)\":".utf8))
            separator = UInt8(ascii: ",")
            if name == "events" {
                try readEvents(range, &stream, &journal)
            } else {
                stream.update(try value(name))
            }
        }
        stream.update([UInt8(ascii: "}")])
        guard digest == Checkpoint.digest(stream.finish()) else {
            throw Refusal(.wrongDigest, "the checkpoint's digest is not that of its contents")
        }
        if let problem = journal.problem { throw Refusal(.brokenJournal, problem) }
        guard try value("children") == Array("[]".utf8) else {
            throw Refusal(.brokenJournal, "this server does not know children of runs", details: ["field": "children"])
        }
        var prepared = journal.prepared
        guard !prepared.events.isEmpty else { throw Refusal(.brokenJournal, "there are no events") }
        let naming = Set(prepared.blobUses.map(\.seq))
        prepared.blobs = try readBlobs(
            namedBy: prepared.events.filter { naming.contains($0.seq) }.map { try FermataEvent($0) })
        if members["agent"] != nil {
            guard let stored = try? FermataStoredAgent(jsonUTF8Bytes: try value("agent")),
                (try? StrictnessVisitor.check(stored)) != nil, stored.agent.problems.isEmpty
            else { throw Refusal(.brokenJournal, "its agent is none", details: ["field": "agent"]) }
            prepared.agent = stored.agent
        }
        return ReadCheckpoint(prepared: prepared, digest: digest)
    }

    /// All blobs that the events name, and no others.
    private func readBlobs(namedBy events: [FermataEvent]) throws -> [BlobRow] {
        var named: [[UInt8]: UInt64] = [:]
        for blob in events.flatMap(\.blobs) { if let digest = blob.digest { named[digest] = blob.bytes } }
        var found: [[UInt8]: BlobRow] = [:]
        var problem: Refusal?
        if let range = members["blobs"] {
            var reader = CanonicalJSON(bytes, range)
            try reader.forEachElement { element in
                guard problem == nil else { return }
                do throws(Refusal) {
                    let blob = try CheckpointReading.blob(element)
                    guard let size = named[blob.sha256] else {
                        throw Refusal(.brokenJournal, "it has a blob that no event names", details: ["field": "blobs"])
                    }
                    guard size == UInt64(blob.data.count), found.updateValue(blob, forKey: blob.sha256) == nil else {
                        throw Refusal(
                            .brokenJournal, "it has a blob twice, or of another size than its events say",
                            details: ["field": "blobs"])
                    }
                } catch { problem = error }
            }
            try reader.finish()
        }
        if let problem { throw problem }
        guard found.count == named.count else {
            throw Refusal(.brokenJournal, "its events name a blob that it does not have", details: ["field": "blobs"])
        }
        return Array(found.values)
    }

    private static func blob(_ json: [UInt8]) throws(Refusal) -> BlobRow {
        guard let kept = try? FermataKeptBlob(jsonUTF8Bytes: json), (try? StrictnessVisitor.check(kept)) != nil,
            let digest = FermataBlob.digest(kept.sha256)
        else { throw Refusal(.brokenJournal, "one of its blobs is none", details: ["field": "blobs"]) }
        let data = [UInt8](kept.data)
        guard sha256(data) == digest else {
            throw Refusal(.wrongDigest, "a blob's digest is not that of its data", details: ["field": "blobs"])
        }
        return BlobRow(sha256: digest, at: WallTime.microseconds, data: data)
    }

    private func readEvents(
        _ range: Range<Int>, _ stream: inout SHA256Stream, _ journal: inout ArrivingJournal
    ) throws {
        var reader = CanonicalJSON(bytes, range)
        var separator = UInt8(ascii: "[")
        try reader.forEachElement { element in
            stream.update([separator])
            stream.update(element)
            separator = UInt8(ascii: ",")
            journal.read(element)
        }
        stream.update(Array((separator == UInt8(ascii: "[") ? "[]" : "]").utf8))
        try reader.finish()
    }

    /// The canonical form of a member.
    private func value(_ name: String) throws -> [UInt8] {
        guard let range = members[name] else {
            throw Refusal(.notACheckpoint, "the document has no \(name)", details: ["field": name])
        }
        var reader = CanonicalJSON(bytes, range)
        let value = try reader.value()
        try reader.finish()
        return value
    }

    /// A member that is a string without anything to escape.
    private func text(_ name: String) throws -> String {
        let value = try value(name)
        guard value.count >= 2, value.first == UInt8(ascii: "\""), !value.contains(UInt8(ascii: "\\")) else {
            throw Refusal(.notACheckpoint, "\(name) is not the text that it should be", details: ["field": name])
        }
        return String(decoding: value.dropFirst().dropLast(), as: UTF8.self)
    }
}

/// The events of a checkpoint, one after the other, until one is not possible.
private struct ArrivingJournal {
    private(set) var prepared: PreparedRun
    private(set) var problem: String?
    private var count = 0

    init(run: RunID) { prepared = PreparedRun(id: run) }

    mutating func read(_ json: [UInt8]) {
        guard problem == nil else { return }
        count += 1
        guard let event = try? FermataEvent(jsonUTF8Bytes: json), (try? StrictnessVisitor.check(event)) != nil else {
            problem = "event \(count) is none that this server knows"
            return
        }
        if let what = prepared.run.problem(withNext: event) {
            problem = "event \(count): \(what)"
            return
        }
        guard event.offset == 0, !event.truncated, event == event.travelling else {
            problem = "event \(count) has what does not travel"
            return
        }
        prepared.append(event)
    }
}
