public import FermataProtocol
public import Foundation
internal import SwiftProtobuf

/// A store that a binary of before left, and what that binary said of it: one folder `Tests/Golden/NAME/STORE`.
/// Tests/Golden/README.md says what is in it.
public struct GoldenStore: Sendable, CustomStringConvertible {
    public let folder: URL
    /// The folder's two last names: `250992d/killed`.
    public let description: String
    /// Every event as `ReadEvents` gave it, by offset: the exact text of its JSON.
    public let lines: [String]
    public let events: [FermataEvent]
    /// `GetRun` with `calls`, of each run.
    public let runs: [FermataGetRunReply]
    /// The asks that were open.
    public let asks: [FermataAsk]
    public let snapshots: [Snapshot]
    /// The agents that were stored.
    public let agents: [FermataStoredAgent]
    public let meta: Meta

    public struct Snapshot: Sendable {
        public let run: RunID
        public let seq: UInt64
        public let format: Int32
        public let bytes: [UInt8]
    }

    public struct Meta: Sendable, Decodable {
        /// Names of the runs, by id.
        public let names: [String: String]
        /// Messages that were accepted, and their replies, in hexadecimal.
        public let requests: [Exchange]
        public let secrets: [Secret]
        public let webhooks: Webhooks
        /// Names of the tools that workers registered.
        public let tools: [String]

        public struct Exchange: Sendable, Decodable {
            public let request: String
            public let reply: String
        }

        /// A token's secret; without a scope, of one that was revoked.
        public struct Secret: Sendable, Decodable {
            public let secret: String
            public let scope: String
        }

        public struct Webhooks: Sendable, Decodable {
            public let endpoint: String?
            public let pending: UInt64?
            public let dead: UInt64?
        }
    }

    /// Every golden store that there is, of all binaries.
    public static let all: [GoldenStore] = {
        do { return try read() } catch { fatalError("a golden store cannot be read: \(error)") }
    }()

    private static func read() throws -> [GoldenStore] {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Golden")
        let folders = try FileManager.default.subpathsOfDirectory(atPath: root.path)
            .filter { $0.hasSuffix("/store.tar.xz") }.map { String($0.dropLast("/store.tar.xz".count)) }
        return try folders.sorted().map { try GoldenStore(root.appending(path: $0), name: $0) }
    }

    private init(_ folder: URL, name: String) throws {
        func lines(_ file: String) throws -> [String] {
            try String(contentsOf: folder.appending(path: file), encoding: .utf8).split(separator: "\n").map(
                String.init)
        }
        self.folder = folder
        description = name
        self.lines = try lines("events.jsonl")
        events = try self.lines.map { try FermataEvent(jsonString: $0) }
        runs = try lines("runs.jsonl").map { try FermataGetRunReply(jsonString: $0) }
        asks = try lines("asks.jsonl").map { try FermataAsk(jsonString: $0) }
        agents = try lines("agents.jsonl").map { try FermataStoredAgent(jsonString: $0) }
        snapshots = try lines("snapshots.jsonl").map {
            try JSONDecoder().decode(SnapshotLine.self, from: Data($0.utf8)).snapshot
        }
        meta = try JSONDecoder().decode(Meta.self, from: Data(contentsOf: folder.appending(path: "meta.json")))
    }

    /// The events of one run, in order.
    public func events(of run: String) -> [FermataEvent] { events.filter { $0.run == run } }

    /// The run's name for people.
    public func name(_ run: String) -> String { meta.names[run] ?? run }

    /// Puts the server's directory, as it was left, or the checkpoints into a directory.
    public func unpack(_ archive: Archive, into directory: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-m", "tarfile", "-e", folder.appending(path: archive.rawValue).path, directory,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.fileReadCorruptFile) }
    }

    public enum Archive: String, Sendable {
        case store = "store.tar.xz"
        case checkpoints = "checkpoints.tar.xz"
    }

    private struct SnapshotLine: Decodable {
        let run: String
        let seq: UInt64
        let format: Int32
        let body: String

        var snapshot: Snapshot {
            get throws {
                guard let run = RunID(run), let bytes = [UInt8](hexadecimal: body) else {
                    throw CocoaError(.fileReadCorruptFile)
                }
                return Snapshot(run: run, seq: seq, format: format, bytes: bytes)
            }
        }
    }
}
