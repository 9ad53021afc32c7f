import FermataClient
import FermataProtocol
import Foundation
import NNG
import Testing

extension OneServerAtATime {
    /// The service's three listeners, and what would end them.
    @Suite(.timeLimit(.minutes(2))) struct ListenerTests {
        private func probe(_ path: String, _ kind: ListenerProbe.Kind) async throws -> ListenerProbe.Outcome {
            try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            try ListenerProbe.probe(path: path, expecting: kind, timeout: .seconds(5))
                        })
                }
            }
        }

        /// nng before 1.6 ends a listener for them, if nothing stands before that.
        @Test(arguments: ["control", "events", "text"])
        func peersThatLeaveBeforeTheHandshakeEndNoListener(_ name: String) async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let old = try await service.client.tail(run: RunID(run))
                var oldEvents = old.makeAsyncIterator()
                #expect(try await oldEvents.next()?.seq == 1)
                let path = "\(service.directory)/\(name).sock"
                for _ in 1...400 { _ = RawControl(path: path, handshake: []) }
                // They come faster than they are taken, so its queue may be full for a moment; a listener that ended would
                // be alive again only after a restart.
                let kind: ListenerProbe.Kind = name == "control" ? .reply : .publish
                var outcome = try await probe(path, kind)
                while outcome == .unresponsive { outcome = try await probe(path, kind) }
                #expect(outcome == .alive)
                #expect(try await service.stats.listenerRestarts == 0)
                // Who was there goes on, and who comes is served.
                try await service.pause(run)
                #expect(try await oldEvents.next()?.seq == 2)
                #expect(try await service.cli("show", run).code == 0)
            }
        }

        /// The socket's file may be removed by a cleaner of /tmp: it comes back.
        @Test func aRemovedSocketFileComesBack() async throws {
            try await Service.run(script: "[]") { service, _ in
                let path = service.directory + "/control.sock"
                try FileManager.default.removeItem(atPath: path)
                while try await probe(path, .reply) != .alive { try await Task.sleep(for: .milliseconds(10)) }
                #expect(try await service.cli("list").code == 0)
            }
        }
    }
}
