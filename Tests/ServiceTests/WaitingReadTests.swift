import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// GetRun with `until`, ReadEvents with `wait_ms`.
    @Suite(.timeLimit(.minutes(2))) struct WaitingReadTests {
        private func get(_ run: String, _ status: FermataStatus, waitMs: UInt32) -> FermataGetRun {
            .with {
                $0.run = run
                $0.until = [status]
                $0.waitMs = waitMs
            }
        }

        private func read(_ run: String, after: UInt64, waitMs: UInt32) -> FermataReadEvents {
            .with {
                $0.run = run
                $0.after = after
                $0.waitMs = waitMs
            }
        }

        /// The longest wait is longer than this request's time-out: only a commit can answer it in time.
        @Test func aCommitWakesThem() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "answer"}]"#) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                let seq = try await service.summary(run).lastSeq
                async let finished = service.client.send(get(run, .finished, waitMs: 25_000), timeout: .seconds(15))
                async let ofRun = service.client.send(read(run, after: seq, waitMs: 25_000), timeout: .seconds(15))
                async let ofAll = service.client.send(read("", after: seq, waitMs: 25_000), timeout: .seconds(15))
                // A wait for what is there already is no wait.
                let running = try await service.client.send(get(run, .running, waitMs: 25_000), timeout: .seconds(15))
                #expect(running.matched && running.run.status == .running)
                model.gates.open("answer")
                let reply = try await finished
                #expect(reply.matched && reply.run.lastMessage == "Done.")
                #expect(try await ofRun.events.first?.seq == seq + 1)
                #expect(try await ofAll.events.first?.offset == seq + 1)
            }
        }

        @Test func theyEndAfterTheirTime() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let clock = ContinuousClock()
                let start = clock.now
                let status = try await service.client.send(get(run, .finished, waitMs: 200))
                #expect(!status.matched && status.run.status == .idle)
                #expect(clock.now - start >= .milliseconds(200))
                let events = try await service.client.send(read(run, after: 1, waitMs: 200))
                #expect(events.events.isEmpty && events.last == 1)
                #expect(clock.now - start >= .milliseconds(400))
            }
        }

        @Test func theyHaveToBeAloneInTheirMessage() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let wire = try Wire(service)
                let replies = try await wire.send([
                    Frame(get(run, .idle, waitMs: 100)), Frame(read(run, after: 0, waitMs: 100)), Frame(FermataHello()),
                ])
                #expect(try replies[0].error.code == ErrorCode.invalidArgument.name)
                #expect(try replies[1].error.code == ErrorCode.invalidArgument.name)
                #expect(replies[2].type == UInt16(FermataFrameType.hello.rawValue) | Frame.replyBit)
            }
        }

        /// 192 may wait; whoever comes after them is answered at once, and commands always are.
        /// A race: a client dies with its read on the way, so that the server hears of its end before it enters the read.
        /// The 25 s of each would otherwise be taken from the share of the living.
        @Test func thoseOfDeadClientsDoNotWait() async throws {
            try await Service.run(script: "[]") { service, _ in
                let read = try Frame(
                    FermataReadEvents.with {
                        $0.after = 1 << 40
                        $0.waitMs = 25_000
                    })
                let clock = ContinuousClock()
                let start = clock.now
                for number in 0..<400 {
                    let control = try #require(RawControl(service))
                    control.send([read], as: UInt32(number + 1))
                }
                var stats = try await service.client.send(FermataStats())
                while stats.readsWaiting > 0 || stats.requestsInProgress > 1 {
                    stats = try await service.client.send(FermataStats())
                }
                #expect(clock.now - start < .seconds(20))
            }
        }

        @Test func beyondTheirShareTheyAreAnsweredAtOnce() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "answer"}]"#) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 1...200 {
                        let request = get(run, .finished, waitMs: 25_000)
                        group.addTask { try await service.client.send(request, timeout: .seconds(20)).matched }
                    }
                    for _ in 1...8 {
                        let matched = try await group.next()
                        #expect(matched == false)
                    }
                    let other = try await service.launch("")
                    try await service.pause(other)
                    model.gates.open("answer")
                    for try await matched in group { #expect(matched) }
                }
            }
        }
    }
}
