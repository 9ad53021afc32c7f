import FermataProtocol
import Foundation
import SQLite
import SwiftProtobuf
import Testing

/// `fermata check` finds whatever was done to a store, and names it.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(3))) struct CheckTests {
        /// A store with a bit of everything, in one file: `done` has finished with a tool and an answered ask,
        /// `waiting` has an open ask, `long` is on hold with many messages and has a snapshot, `timed` lifts itself.
        private func store(
            _ body: (Service, (done: String, waiting: String, long: String, timed: String)) async throws -> Void
        ) async throws {
            let script = #"""
                [
                  {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "How?"}}]},
                  {"match": "user: tool", "tool_calls": [{"name": "terminal", "arguments": {"command": "echo hello"}}]},
                  {"match": "tool: hello", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Well?"}}]},
                  {"match": "", "text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, _ in
                let done = try await service.launch("tool")
                try await service.wait(done, .waiting)
                try await service.answer(done, 1, "Well.")
                try await service.wait(done, .finished)
                let waiting = try await service.launch("ask")
                try await service.wait(waiting, .waiting)
                let timed = try await service.launch("")
                let time = Int64(Date.now.timeIntervalSince1970 * 1e6) + 3_600_000_000
                _ = try await service.client.send(
                    FermataPause.with {
                        $0.run = timed
                        $0.resumeAt = time
                    })
                _ = try await service.client.send(
                    FermataPutAgent.with {
                        $0.agent.name = "helper"
                        $0.agent.systemPrompt = "Help."
                    })
                let long = try await service.launch("")
                try await service.pause(long)
                try await service.queue(300, in: long)
                try await service.ticks(2)
                try await body(service, (done, waiting, long, timed))
            }
        }

        private func check(_ service: Service, _ arguments: String...) async throws -> (code: Int32, output: String) {
            let (code, output, errors) = try await Service.cli(["check"] + arguments, directory: service.directory)
            return (code, output + errors)
        }

        @Test func aSoundStoreIsSoundBesideItsServerAndWithoutAndIsNotChanged() async throws {
            try await store { service, _ in
                let beside = try await check(service)
                #expect(beside.code == 0, "\(beside.output)")
                #expect(beside.output.contains("no problems in"))
                service.kill()
                let log = service.store + "-wal"
                let before = [
                    try Data(contentsOf: URL(filePath: service.store)), try Data(contentsOf: URL(filePath: log)),
                ]
                let (code, output) = try await check(service, "--json")
                #expect(code == 0)
                let report = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
                #expect(report?["runs"] as? Int == 4)
                #expect(report?["asks"] as? Int == 2)
                #expect(report?["agents"] as? Int == 1)
                #expect(report?["snapshots"] as? Int == 1)
                #expect(report?["problemCount"] as? Int == 0)
                #expect(report?["requests"] as? Int == 308)
                let after = [
                    try Data(contentsOf: URL(filePath: service.store)), try Data(contentsOf: URL(filePath: log)),
                ]
                #expect(before == after)
                try await service.start()
            }
        }

        @Test func everyDamageIsNamed() async throws {
            try await store { service, runs in
                service.kill()
                // As after an orderly end, so that the copies need no mark.
                try service.change("UPDATE store SET in_use = 0; PRAGMA wal_checkpoint(TRUNCATE)")
                let broken = service.directory + "/broken.db"
                func id(_ run: String) -> String { "x'\(run.filter { $0 != "-" })'" }
                func at(_ run: String, _ seq: Int) -> String { "WHERE run = \(id(run)) AND seq = \(seq)" }
                let (done, waiting, long, timed) = (runs.done, runs.waiting, runs.long, runs.timed)
                let cases: [(sql: String, expected: [String])] = [
                    (
                        "DELETE FROM events \(at(done, 3))",
                        ["run \(done), event 3: it is missing", "offset 3: the event is missing"]
                    ),
                    (
                        "DELETE FROM events WHERE run = \(id(long)) AND seq BETWEEN 5 AND 9",
                        ["run \(long), event 5: 5 events from here on are missing"]
                    ),
                    ("DELETE FROM events \(at(waiting, 5))", ["run \(waiting): its row says that it ends at"]),
                    ("DELETE FROM events WHERE run = \(id(timed))", ["run \(timed): it has no events"]),
                    (
                        "UPDATE events SET body = x'FF' \(at(done, 2))",
                        ["run \(done), event 2, offset 2: it does not decode"]
                    ),
                    (
                        "UPDATE events SET body = CAST(x'0B' || substr(body, 2) AS BLOB) \(at(done, 4))",
                        ["run \(done), event 4, offset 4: it "]
                    ),
                    (
                        "UPDATE events SET body = x'', kind = 999 \(at(done, 2))",
                        ["it is of a kind that is not known (999)"]
                    ),
                    ("UPDATE events SET kind = 99 \(at(done, 2))", ["its row says kind 99, it is of kind 17"]),
                    (
                        "UPDATE events SET at = at - 60000000 \(at(done, 6))",
                        ["event 6, offset 6: it has an earlier time"]
                    ),
                    (
                        "UPDATE events SET body = (SELECT body FROM events \(at(done, 2))), kind = 17 \(at(done, 1))",
                        ["a run begins with its launch"]
                    ),
                    (
                        "UPDATE events SET at = at + 1 \(at(done, 6))",
                        ["event 6, offset 6: it does not have its checksum"]
                    ),
                    (
                        "UPDATE events SET chain = chain + 1 \(at(done, 3))",
                        ["offset 3: the event does not follow the one before it"]
                    ),
                    ("UPDATE events SET sum = sum + 1 \(at(done, 3))", ["offset 3: it does not have its checksum"]),
                    (
                        "UPDATE runs SET status = 2 WHERE run = \(id(done))",
                        ["run \(done): its row says status 2, its events"]
                    ),
                    (
                        "UPDATE runs SET active = 1 WHERE run = \(id(done))",
                        ["its row says active true, its events false"]
                    ),
                    (
                        "UPDATE runs SET due = NULL WHERE run = \(id(timed))",
                        ["run \(timed): its row says due 0, its events"]
                    ),
                    ("UPDATE runs SET agent = 'x' WHERE run = \(id(done))", ["its row says agent x, its events"]),
                    (
                        "UPDATE runs SET created_at = 1 WHERE run = \(id(done))",
                        ["its row says created_at 1, its events"]
                    ),
                    (
                        "UPDATE runs SET updated_at = 1 WHERE run = \(id(done))",
                        ["its row says updated_at 1, its events"]
                    ),
                    (
                        "UPDATE runs SET last_seq = 900 WHERE run = \(id(long))",
                        ["its row says that it ends at 900, its events at"]
                    ),
                    (
                        "UPDATE runs SET last_seq = 1 WHERE run = \(id(long))",
                        ["its row says that it ends at 1, its events at"]
                    ),
                    (
                        "UPDATE runs SET summary = x'FF' WHERE run = \(id(done))",
                        ["run \(done): its summary does not decode"]
                    ),
                    (
                        "UPDATE runs SET summary = (SELECT summary FROM runs WHERE run = \(id(waiting))) WHERE run = \(id(done))",
                        ["run \(done): its summary says otherwise than its events: ", "lastSeq", "openAsks", "status"]
                    ),
                    (
                        "DELETE FROM runs WHERE run = \(id(done))",
                        ["run \(done): it has events and no row in the list of runs"]
                    ),
                    (
                        "UPDATE asks SET open = 1 WHERE run = \(id(done))",
                        ["ask 1 is open in the inbox, its events have closed it"]
                    ),
                    ("UPDATE asks SET open = 0 WHERE run = \(id(waiting))", ["ask 1 is open, and not in the inbox"]),
                    (
                        "DELETE FROM asks WHERE run = \(id(waiting))",
                        ["run \(waiting): ask 1 was opened and has no row"]
                    ),
                    (
                        "UPDATE asks SET number = 7 WHERE run = \(id(waiting))",
                        ["ask 7 was never opened", "ask 1 was opened and has no row"]
                    ),
                    ("UPDATE asks SET body = x'FF' WHERE run = \(id(waiting))", ["ask 1 does not decode"]),
                    (
                        "UPDATE asks SET run = zeroblob(16) WHERE run = \(id(waiting))",
                        ["ask 1 is of a run that is not there"]
                    ),
                    (
                        "UPDATE asks SET kind = 9 WHERE run = \(id(waiting))",
                        ["its row says another run, number, kind or time"]
                    ),
                    (
                        "UPDATE snapshots SET body = CAST(x'00' || substr(body, 2) AS BLOB)",
                        ["the run's snapshot of this event does not decode"]
                    ),
                    (
                        "UPDATE snapshots SET seq = 205",
                        ["run \(long), event 205: the run's snapshot is not what its events fold to"]
                    ),
                    (
                        "UPDATE snapshots SET seq = 9999",
                        ["run \(long), event 9999: the run's snapshot is of this event, which is not there"]
                    ),
                    ("UPDATE snapshots SET run = zeroblob(16)", ["a snapshot of a run that is not there"]),
                    ("DELETE FROM requests WHERE number = 3", ["requests 3 to 3 are missing"]),
                    ("UPDATE requests SET reply = x'FF' WHERE number = 3", ["its reply does not decode"]),
                    ("UPDATE requests SET digest = x'FF' WHERE number = 3", ["its digest is not one"]),
                    ("UPDATE agents SET body = x'FF'", ["agent helper: it does not decode"]),
                    ("UPDATE agents SET version = 7", ["agent helper: its row says another name, version or time"]),
                ]
                for (sql, expected) in cases {
                    try? FileManager.default.removeItem(atPath: broken)
                    try FileManager.default.copyItem(atPath: service.store, toPath: broken)
                    do {
                        let database = try Database(path: broken, access: .readWrite, pages: .sealed)
                        try database.execute(sql)
                        #expect(database.changes > 0, "\(sql)")
                    }
                    let (code, output) = try await check(service, broken)
                    #expect(code == 1, "\(sql)")
                    for text in expected { #expect(output.contains(text), "\(sql): \(output)") }
                }
                // What is not read by anything is no problem.
                try service.change("UPDATE snapshots SET format = format + 1, body = x'FF'")
                #expect(try await check(service).code == 0)
            }
        }

        /// Pages overwritten at random places: SQLite's own check or the reading says so, and nothing crashes.
        @Test func aDamagedFileIsNamed() async throws {
            try await store { service, _ in
                service.kill()
                try service.change("PRAGMA wal_checkpoint(TRUNCATE)")
                let whole = try Data(contentsOf: URL(filePath: service.store))
                let broken = service.directory + "/broken.db"
                for page in stride(from: 2, to: whole.count / 4096, by: 5) {
                    var bytes = whole
                    bytes.replaceSubrange(page * 4096..<(page + 1) * 4096, with: Data(repeating: 0x55, count: 4096))
                    try bytes.write(to: URL(filePath: broken))
                    let (code, output) = try await check(service, broken, "--limit", "5")
                    #expect(code == 1, "page \(page)")
                    #expect(output.contains("SQLite") || output.contains("damaged"), "page \(page): \(output)")
                }
            }
        }

        @Test func whatIsNoStoreIsSaid() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let none = try await Service.cli(["check"], directory: directory)
            #expect(none.code == 1 && none.errors.contains("No such file"), "\(none.errors)")
            try Data("no database, for certain".utf8).write(to: URL(filePath: directory + "/fermata.db"))
            let text = try await Service.cli(["check"], directory: directory)
            #expect(text.code == 1 && text.errors.contains("not a Fermata store"), "\(text.errors)")
            try FileManager.default.removeItem(atPath: directory + "/fermata.db")
            do { try Database(path: directory + "/fermata.db").execute("CREATE TABLE t(x)") }
            let foreign = try await Service.cli(["check"], directory: directory)
            #expect(foreign.code == 1 && foreign.errors.contains("of another program"), "\(foreign.errors)")
        }
    }
}
