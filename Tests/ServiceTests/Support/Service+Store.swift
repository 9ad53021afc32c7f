import FermataClient
import FermataProtocol
import Foundation
import NNG
import SQLite
import Testing

extension Service {
    var store: String { directory + "/fermata.db" }

    /// Changes the store with SQL, while no server has it.
    func change(_ sql: String) throws {
        let database = try Database(path: store, access: .readWrite, pages: .sealed)
        try database.execute(sql)
    }

    /// The first column of a query's rows as text; a server may have the store.
    func query(_ sql: String) throws -> [String] {
        let database = try Database(path: store, access: .readOnly, busyTimeout: 10_000, pages: .sealed)
        let statement = try database.prepare(sql)
        var rows: [String] = []
        while try statement.step() { rows.append(statement.text(at: 0)) }
        return rows
    }

    /// Waits until the loop's tick has come so many times: it works once a second, after it has said so.
    func ticks(_ count: Int) async throws {
        let (socket, messages) = try SubscribeSocket.stream(
            "ipc://\(directory)/events.sock", prefixes: [Array("t".utf8)], maximumMessageSize: 1 << 20)
        var rest = count
        for await _ in messages {
            rest -= 1
            if rest == 0 { break }
        }
        withExtendedLifetime(socket) {}
    }

    /// The kernel refuses writes beyond so many bytes of any file, as a quota does (`EFBIG`); nil: none.
    func limitFiles(to bytes: UInt64?) async throws {
        let prlimit = Process()
        prlimit.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        let limit = "--fsize=\(bytes.map(String.init) ?? "unlimited"):unlimited"
        prlimit.arguments = ["--pid", String(process.processIdentifier), limit]
        try prlimit.run()
        #expect(await prlimit.exitCode() == 0)
    }

    /// Leaves no room in the store, whose log is longer than what is allowed then: sends to the run until one is refused.
    func fillStore(by run: String) async throws {
        try await limitFiles(to: 64 << 10)
        for _ in 0..<200 {
            do {
                try await send(run, "more", .whenIdle)
            } catch ClientError.refused(let error) {
                #expect(error.code == "STORE_FULL")
                return
            }
        }
        Issue.record("the store does not become full")
    }

    /// Queues so many messages, as few requests as the protocol allows.
    func queue(_ count: Int, in run: String) async throws {
        let wire = try Wire(self)
        var rest = count
        while rest > 0 {
            let frames = try (0..<min(rest, 200)).map { number in
                try Frame(
                    FermataSend.with {
                        $0.requestID = RunID(microseconds: 1, random: UInt64.random(in: 0...UInt64.max)).description
                        $0.run = run
                        $0.text = "message \(rest - number)"
                        $0.delivery = .whenIdle
                    })
            }
            rest -= frames.count
            for reply in try await wire.send(frames) where try !reply.error.code.isEmpty {
                throw ReplyError(description: "\(try reply.error)")
            }
        }
    }

    struct ReplyError: Error, CustomStringConvertible {
        let description: String
    }
}
