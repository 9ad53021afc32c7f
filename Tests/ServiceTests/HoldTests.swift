import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Holds with a time or a token.
    @Suite(.timeLimit(.minutes(2))) struct HoldTests {
        private let script = #"""
            [{"tool_calls": [{"name": "terminal", "arguments": {"command": "true"}}], "gate": "first"},
             {"text": "Done."}]
            """#

        private func pausedRun(
            _ service: Service, _ model: MockModel, _ change: (inout FermataPause) -> Void
        ) async throws -> (run: String, pause: FermataPause, reply: FermataCommandReply) {
            let run = try await service.launch()
            await model.gates.awaited("first")
            var pause = FermataPause.with {
                $0.requestID = UUID().uuidString.lowercased()
                $0.run = run
            }
            change(&pause)
            let reply = try await service.client.send(pause)
            model.gates.open("first")
            try await service.wait(run, .paused)
            return (run, pause, reply)
        }

        private func resume(_ token: String, run: String = "") -> FermataResume {
            .with {
                $0.run = run
                $0.token = token
                $0.by = "build"
            }
        }

        @Test func aTokenLiftsTheHoldThatItWasGivenForOnce() async throws {
            try await Service.run(script: script) { service, model in
                let (run, pause, reply) = try await pausedRun(service, model) { $0.resumeToken = true }
                let token = reply.resumeToken
                #expect(token.hasPrefix("frt_") && reply.run.hold.hasToken_p)
                let again = try await service.client.send(pause)
                #expect(again == reply)
                // A pause of what is paused sets no hold, and no second token opens the first one's.
                let other = try await service.client.send(
                    FermataPause.with {
                        $0.run = run
                        $0.resumeToken = true
                    })
                #expect(!other.changed && other.resumeToken.isEmpty)

                service.kill()
                try await service.start()
                let afterRestart = try await service.client.send(pause)
                #expect(afterRestart == reply)
                // Neither the token nor the part of it that is secret is in the store.
                let files = try FileManager.default.contentsOfDirectory(atPath: service.directory)
                for file in files where file.hasPrefix("fermata.db") {
                    let bytes = FileManager.default.contents(atPath: service.directory + "/" + file) ?? Data()
                    #expect(bytes.range(of: Data(token.dropFirst(20).utf8)) == nil, "\(file)")
                }

                let lifted = try await service.client.send(resume(token))
                #expect(lifted.changed)
                try await service.wait(run, .finished)
                let event = try #require(try await service.events(run).first { $0.holdLifted.cause == .byToken })
                #expect(event.by == "build")
                try await service.refused(.tokenUsed) { _ = try await service.client.send(resume(token)) }
            }
        }

        @Test func wrongTokensLiftNothing() async throws {
            try await Service.run(script: script) { service, model in
                let (run, _, reply) = try await pausedRun(service, model) { $0.resumeToken = true }
                let idle = try await service.launch("")
                var wrong = Array(reply.resumeToken.utf8)
                for index in wrong.indices {
                    wrong[index] = wrong[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
                    let token = String(decoding: wrong, as: UTF8.self)
                    try await service.refused(.invalidToken) { _ = try await service.client.send(resume(token)) }
                    wrong[index] = Array(reply.resumeToken.utf8)[index]
                }
                for token in ["frt_", "x", "frt_%%", String(repeating: "A", count: 200), reply.resumeToken + "AAAA"] {
                    try await service.refused(.invalidToken) { _ = try await service.client.send(resume(token)) }
                }
                try await service.refused(.invalidArgument) {
                    _ = try await service.client.send(resume(String(repeating: "A", count: 4000)))
                }
                try await service.refused(.invalidToken) {
                    _ = try await service.client.send(resume(reply.resumeToken, run: idle))
                }
                #expect(try await service.summary(run).status == .paused)
                // Who resumes by hand makes the token worthless, also for a later hold.
                try await service.resume(run)
                try await service.wait(run, .finished)
                try await service.refused(.tokenUsed) {
                    _ = try await service.client.send(resume(reply.resumeToken, run: run))
                }
            }
        }

        /// A run that comes into memory for a command that changes nothing has its time all the same.
        @Test func aRefusedCommandDoesNotMakeItForgetItsTime() async throws {
            try await Service.run(script: script) { service, _ in
                let idle = try await service.launch("")
                let soon = Int64(Date.now.timeIntervalSince1970 * 1_000_000) + 1_500_000
                _ = try await service.client.send(
                    FermataPause.with {
                        $0.run = idle
                        $0.resumeAt = soon
                    })
                service.kill()
                try await service.start()
                try await service.refused(.stale) {
                    _ = try await service.client.send(
                        FermataStop.with {
                            $0.run = idle
                            $0.ifSeq = 99
                        })
                }
                try await service.event(idle) { if case .holdLifted = $0 { true } else { false } }
            }
        }

        @Test func aHoldLiftsItselfAlsoWhileNobodyIsThere() async throws {
            try await Service.run(script: script) { service, model in
                let soon = Int64(Date.now.timeIntervalSince1970 * 1_000_000) + 1_500_000
                let (run, _, reply) = try await pausedRun(service, model) { $0.resumeAt = soon }
                #expect(reply.run.hold.resumeAt == soon)
                try await service.wait(run, .finished)
                let lifted = try #require(try await service.events(run).first { $0.holdLifted.cause == .byTime })
                #expect(lifted.at >= soon && lifted.by.isEmpty)

                let idle = try await service.launch("")
                let later = Int64(Date.now.timeIntervalSince1970 * 1_000_000) + 300_000
                _ = try await service.client.send(
                    FermataPause.with {
                        $0.run = idle
                        $0.resumeAt = later
                    })
                service.kill()
                while Int64(Date.now.timeIntervalSince1970 * 1_000_000) <= later { await Task.yield() }
                try await service.start()
                let events = try await service.events(idle)
                #expect(events.compactMap(\.holdLiftedValue).map(\.cause) == [.byTime])
                #expect(try await service.summary(idle).status == .idle)
                try await service.refused(.invalidArgument) {
                    _ = try await service.client.send(
                        FermataPause.with {
                            $0.run = idle
                            $0.resumeAt = later
                        })
                }
            }
        }
    }
}
