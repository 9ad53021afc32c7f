import FermataClient
import FermataProtocol
import Foundation
import NNG
import Testing

extension OneServerAtATime {
    /// The service's three listeners, ended by peers that leave before the handshake as nng before 1.6 allows.
    @Suite(.timeLimit(.minutes(2))) struct ListenerTests {
        private func probe(_ path: String, _ kind: ListenerProbe.Kind) async throws -> ListenerProbe.Outcome {
            try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            try ListenerProbe.probe(path: path, expecting: kind, timeout: .milliseconds(400))
                        })
                }
            }
        }

        /// Connects and leaves until the listener is seen dead. False if it never is: nng 1.6 and later.
        private func wedge(_ service: Service, _ path: String, _ kind: ListenerProbe.Kind) async throws -> Bool {
            for _ in 1...20 {
                for _ in 1...20 { _ = RawControl(path: path, handshake: []) }
                if try await probe(path, kind) == .unresponsive { return true }
            }
            return false
        }

        @Test(arguments: ["control", "events", "text"])
        func theWatchdogRestartsAListenerThatTakesNobody(_ name: String) async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let old = try await service.client.tail(run: RunID(run))
                var oldEvents = old.makeAsyncIterator()
                #expect(try await oldEvents.next()?.seq == 1)
                let path = "\(service.directory)/\(name).sock"
                let kind: ListenerProbe.Kind = name == "control" ? .reply : .publish
                for round in 1...2 {
                    let isWedged = try await wedge(service, path, kind)
                    // Nobody tells when the listener is back; a probe says whether it is.
                    var outcome = try await probe(path, kind)
                    while outcome != .alive { outcome = try await probe(path, kind) }
                    if isWedged { #expect(try await service.stats.listenerRestarts >= UInt64(round)) }

                    // Who was there goes on, and who comes is served.
                    try await service.pause(run)
                    try await service.resume(run)
                    #expect(try await oldEvents.next()?.seq == UInt64(round * 2))
                    #expect(try await oldEvents.next()?.seq == UInt64(round * 2 + 1))
                    let newcomer = try await service.cli("show", run)
                    #expect(newcomer.code == 0, "\(newcomer)")
                }
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
