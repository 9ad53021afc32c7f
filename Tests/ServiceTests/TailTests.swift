import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct TailTests {
        /// What the command line's `tail --json` prints, up to the message with this text.
        private func events(of tail: RunningCommand, upTo text: String) async throws -> [FermataEvent] {
            var events: [FermataEvent] = []
            while let line = await tail.nextLine() {
                events.append(try FermataEvent(jsonString: line))
                if case .messageQueued(let message) = events.last?.kind, message.text == text { break }
            }
            return events
        }

        /// The socket drops what a stopped subscriber does not take: `tail` reads it afterwards.
        @Test func stoppedAndContinuedItHasEveryEventOnce() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                let ofRun = try RunningCommand(service, "tail", run, "--json")
                let ofAll = try RunningCommand(service, "tail", "--json", "--after", "0")
                defer {
                    ofRun.kill()
                    ofAll.kill()
                }
                try await service.send(run, "before")
                #expect(try await events(of: ofRun, upTo: "before").map(\.seq) == [1, 2, 3])
                #expect(try await events(of: ofAll, upTo: "before").map(\.offset) == [1, 2, 3])

                ofRun.signal(SIGSTOP)
                ofAll.signal(SIGSTOP)
                let text = String(repeating: "More than fits into the buffers of a socket. ", count: 40)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 1...8 {
                        group.addTask { for _ in 1...300 { try await service.send(run, text) } }
                    }
                    try await group.waitForAll()
                }
                ofRun.signal(SIGCONT)
                ofAll.signal(SIGCONT)
                try await service.send(run, "after")
                #expect(try await events(of: ofRun, upTo: "after").map(\.seq) == Array(4...2404))
                #expect(try await events(of: ofAll, upTo: "after").map(\.offset) == Array(4...2404))
            }
        }

        @Test func itGoesOnAcrossRestarts() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                let tail = try RunningCommand(service, "tail", run, "--json")
                defer { tail.kill() }
                try await service.send(run, "one")
                #expect(try await events(of: tail, upTo: "one").map(\.seq) == [1, 2, 3])

                #expect(await service.terminate() == 0)
                try await service.start()
                try await service.send(run, "two")
                #expect(try await events(of: tail, upTo: "two").map(\.seq) == [4])

                service.kill()
                try await service.start()
                try await service.send(run, "three")
                try await service.send(run, "four")
                #expect(try await events(of: tail, upTo: "four").map(\.seq) == [5, 6])
            }
        }

        @Test func readEventsPagesByBytes() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                let text = String(repeating: "x", count: 1 << 20)
                for _ in 1...6 { try await service.send(run, text) }

                var (seqs, pages, after) = ([UInt64](), 0, UInt64(0))
                while true {
                    let page = try await service.client.send(
                        FermataReadEvents.with {
                            $0.run = run
                            $0.after = after
                        })
                    #expect(page.last == 8)
                    seqs += page.events.map(\.seq)
                    pages += 1
                    guard page.more else { break }
                    after = try #require(page.events.last).seq
                }
                #expect(seqs == Array(1...8))
                #expect(pages >= 3)
                let two = try await service.client.send(FermataReadEvents.with { $0.limit = 2 })
                #expect(two.events.map(\.offset) == [1, 2] && two.more)
            }
        }
    }
}
