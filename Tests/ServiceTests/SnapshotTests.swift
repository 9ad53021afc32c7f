import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

/// Snapshots are a cache: with them, without them and with broken ones a run is the same.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct SnapshotTests {
        private func look(_ run: String, _ service: Service) async throws -> String {
            try await service.client.send(
                FermataGetRun.with {
                    $0.run = run
                    $0.calls = true
                }
            ).jsonString()
        }

        private func snapshot(_ service: Service) throws -> Int {
            let rows = try service.query("SELECT seq FROM snapshots")
            #expect(rows.count == 1)
            return rows.first.flatMap { Int($0) } ?? 0
        }

        /// A run on hold with 450 messages, its snapshot written, its server killed.
        private func longRun(_ body: (Service, _ run: String, _ shown: String) async throws -> Void) async throws {
            try await Service.run(script: #"[{"match": "", "text": "Done."}]"#) { service, _ in
                let run = try await service.launch("") { $0.labels = [.with { $0.key = "kept" }] }
                try await service.pause(run)
                try await service.queue(450, in: run)
                try await service.ticks(2)
                let shown = try await look(run, service)
                service.kill()
                // It may have been written on the way, but there are never 200 events after it.
                #expect((253...452).contains(try snapshot(service)))
                try await body(service, run, shown)
            }
        }

        /// The run as the next server shows it, from its rows and, after one more message, from memory.
        private func expectSame(_ run: String, _ shown: String, _ service: Service, _ what: Comment) async throws {
            try await service.start()
            #expect(try await look(run, service) == shown, what)
            let message = try await service.send(run, "one more", .whenIdle).message
            #expect(message == 451, what)
            let queued = try await look(run, service)
            #expect(queued.contains(#""number":450"#) && queued.contains(#""number":451"#), what)
            service.kill()
            try service.change(
                """
                DELETE FROM events WHERE seq = 453;
                UPDATE runs SET last_seq = 452, (updated_at, summary) = (SELECT updated_at, summary FROM kept);
                """)
            // The mark knows of an event that is not there any more.
            #expect(try await service.cli("accept", "452").code == 0, what)
        }

        @Test func withoutThemAndWithBrokenOnesARunIsTheSame() async throws {
            try await longRun { service, run, shown in
                try service.change("CREATE TABLE kept AS SELECT updated_at, summary FROM runs")
                try service.change("CREATE TABLE good AS SELECT * FROM snapshots")
                try await expectSame(run, shown, service, "as it is")
                for (what, sql) in [
                    ("dropped", "DELETE FROM snapshots"),
                    ("a flipped byte", "UPDATE snapshots SET body = CAST(x'00' || substr(body, 2) AS BLOB)"),
                    ("cut", "UPDATE snapshots SET body = substr(body, 1, length(body) / 2)"),
                    ("empty", "UPDATE snapshots SET body = x''"),
                    ("another format", "UPDATE snapshots SET format = format + 1"),
                    ("another seq", "UPDATE snapshots SET seq = 7"),
                    ("ahead of the journal", "UPDATE snapshots SET seq = 453"),
                    ("another run's", "UPDATE snapshots SET body = CAST(zeroblob(5000) AS BLOB)"),
                ] {
                    try service.change("DELETE FROM snapshots; INSERT INTO snapshots SELECT * FROM good; \(sql)")
                    try await expectSame(run, shown, service, "\(what)")
                }
            }
        }

        /// What makes a start fast is that the events before the snapshot are not read: so one of them may be missing.
        @Test func onlyWhatComesAfterItIsRead() async throws {
            try await longRun { service, run, shown in
                try service.change("DELETE FROM events WHERE seq = 100")
                try await service.start()
                #expect(try await look(run, service) == shown)
                #expect(try await service.send(run, "one more", .whenIdle).message == 451)
                service.kill()
                // Nothing fits without it: the run cannot be read, and that is said.
                try service.change("DELETE FROM snapshots")
                try await service.start()
                await #expect(throws: (any Error).self) { _ = try await look(run, service) }
            }
        }

        /// A run that goes on has a new one every 200 events, and one that has fewer has none.
        @Test func theyAreWrittenNowAndThen() async throws {
            try await longRun { service, run, _ in
                try await service.start()
                let other = try await service.launch("")
                try await service.pause(other)
                let first = try snapshot(service)
                try await service.queue(first + 199 - 452, in: run)
                try await service.ticks(2)
                #expect(try snapshot(service) == first)
                try await service.queue(60, in: run)
                try await service.ticks(2)
                let second = try snapshot(service)
                #expect((first + 200...first + 259).contains(second))
                try await service.queue(100, in: other)
                try await service.ticks(2)
                #expect(try snapshot(service) == second)
            }
        }
    }
}
