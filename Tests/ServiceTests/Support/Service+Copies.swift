import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

extension Service {
    /// A second server on a store of its own, with the environment of the first one.
    func besideAnother<T>(_ body: (Service) async throws -> T) async throws -> T {
        try await Service.run(environment: environment, arguments: []) { try await body($0) }
    }

    /// The whole checkpoint of a run.
    func export(_ run: String, handoff: Bool = false) async throws -> String {
        var export = FermataExport.with {
            $0.run = run
            $0.handoff = handoff
        }
        var text = ""
        repeat {
            let page = try await client.send(export)
            text += page.text
            export.after = page.next
            export.requestID = ""
        } while !export.after.isEmpty
        return text
    }

    /// Imports a checkpoint, in parts of so many characters.
    @discardableResult
    func `import`(
        _ text: String, by size: Int = 1 << 20, _ change: (inout FermataImport) -> Void = { _ in }
    ) async throws -> FermataCommandReply {
        let upload = UUID().uuidString
        var rest = text[...]
        var part: UInt32 = 0
        while true {
            part += 1
            let piece = rest.prefix(size)
            rest = rest.dropFirst(piece.count)
            var message = FermataImport.with {
                $0.upload = upload
                $0.part = part
                $0.text = String(piece)
                $0.last = rest.isEmpty
            }
            if message.last { change(&message) }
            let reply = try await client.send(message)
            if message.last { return reply }
        }
    }

    @discardableResult
    func fork(_ run: String, _ change: (inout FermataFork) -> Void = { _ in }) async throws -> FermataCommandReply {
        var fork = FermataFork.with { $0.run = run }
        change(&fork)
        return try await client.send(fork)
    }

    /// `fermata check` finds nothing.
    func check(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let (code, output, errors) = try await Service.cli(["check"], directory: directory)
        #expect(code == 0, "\(output)\(errors)", sourceLocation: sourceLocation)
    }
}

/// A checkpoint taken apart, changed, and put together again.
struct CheckpointJSON {
    var document: [String: Any]

    init(_ text: String) throws {
        document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    var events: [[String: Any]] {
        get { document["events"] as? [[String: Any]] ?? [] }
        set { document["events"] = newValue }
    }

    /// As it is, with whatever digest it has.
    func text() throws -> String {
        let data = try JSONSerialization.data(withJSONObject: document, options: [.withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    /// With the digest of what it is now, as Python's standard library takes it.
    func sealed() async throws -> String {
        var copy = self
        let digest = try await CheckpointJSON.digest(of: text())
        copy.document["digest"] = digest
        return try copy.text()
    }

    /// The digest of a checkpoint by an implementation of its own.
    static func digest(of text: String) async throws -> String {
        let program = """
            import hashlib, json, sys
            document = json.load(sys.stdin)
            document.pop("digest", None), document.pop("blobs", None)
            canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            print("sha256:" + hashlib.sha256(canonical.encode()).hexdigest())
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // It reads all before it writes.
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try input.fileHandleForWriting.close()
        let digest = await output.readAll()
        _ = await process.exitCode()
        return digest.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
