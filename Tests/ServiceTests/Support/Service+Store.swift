import FermataProtocol
import NNG
import SQLite

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
