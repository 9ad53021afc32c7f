import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// An operator, or a machine, sets the clock by an hour or a year, forward or back, while the service runs and
    /// between two starts: every wait is as long as it was meant to be, and what is stamped follows the clock.
    @Suite(.timeLimit(.minutes(5))) struct SetClockTests {
        static let hour: Int64 = 3_600_000_000
        static let steps = [-8760 * hour, -hour, hour, 8760 * hour]
        /// How long the short waits are, and by how much later they may end on a busy machine.
        static let short: Int64 = 4
        static let slack: Int64 = 4

        static let script = #"""
            [
              {"match": "user: stream", "text": "\#((1...300).map { "word\($0)" }.joined(separator: " "))",
               "tokens_per_second": 50},
              {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
              {"match": "user: fail", "fault": {"status": 503, "retry_after": \#(short)}},
              {"match": "user: tool", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "sleep 4; echo slept", "timeout_seconds": 30}}]},
              {"match": "user: work", "tool_calls": [{"name": "search", "arguments": {"q": "pears"}}]},
              {"match": "", "text": "Done."}
            ]
            """#

        /// Everything that waits for a time, and what goes on beside it.
        private struct Scene {
            let service: Service
            let receiver: WebhookReceiver
            let begin = ContinuousClock.now
            var launch = FermataLaunch()
            var shortHold = ""
            var longHold = ""
            var shortAsk = ""
            var longAsk = ""
            var failing = ""
            var token = ""

            /// - Parameter offset: of the service's clock.
            init(_ service: Service, _ receiver: WebhookReceiver, offset: Int64) async throws {
                (self.service, self.receiver) = (service, receiver)
                launch = .with {
                    $0.requestID = UUID().uuidString.lowercased()
                    $0.task = ""
                }
                shortHold = try await service.client.send(launch).run.id
                longHold = try await service.launch("")
                let now = SetClock.machine + offset
                for (run, length) in [(shortHold, SetClockTests.short), (longHold, 1800)] {
                    _ = try await service.client.send(FermataPause.of(run, at: now + length * 1_000_000))
                }
                func asking(_ seconds: Int64) async throws -> String {
                    let run = try await service.launch("ask") {
                        $0.policy.tools = [
                            .with {
                                $0.tool = "ask_human"
                                $0.gate = .allow
                                $0.deadlineMs = UInt32(seconds * 1000)
                            }
                        ]
                    }
                    try await service.wait(run, .waiting)
                    return run
                }
                shortAsk = try await asking(SetClockTests.short)
                longAsk = try await asking(1800)
                failing = try await service.launch("fail") { $0.modelAttempts = 2 }
                try await service.event(failing) { if case .modelFailed = $0 { true } else { false } }
                let create = FermataCreateToken.with {
                    $0.name = "t"
                    $0.scope = .read
                    $0.expiresAt = now + 1_800_000_000
                }
                token = try await service.client.send(create).secret
                await receiver.wait { !$0.isEmpty }
            }

            /// Waits for the end of the short waits, and looks at the long ones.
            func check() async throws {
                try await service.event(shortHold) { if case .holdLifted = $0 { true } else { false } }
                try inTime("the hold")
                try await service.event(shortAsk) { if case .askClosed(let ask) = $0 { ask.expired } else { false } }
                try inTime("the ask's deadline")
                try await service.event(failing) {
                    if case .modelCalled(let call) = $0 { call.attempt == 2 } else { false }
                }
                try inTime("the next attempt")
                let messages = await receiver.wait { messages in
                    messages.contains { $0.isAccepted && $0.id == messages.first?.id }
                }
                #expect(messages.filter { $0.id == messages.first?.id }.map(\.isAccepted) == [false, true])
                try inTime("the webhook's next attempt")

                #expect(try await service.summary(longHold).status == .paused)
                #expect(try await service.client.send(FermataListAsks.with { $0.run = longAsk }).asks.count == 1)
                _ = try await service.client.presenting(token: token).send(FermataListRuns())
                // Its request id is as young as it was.
                #expect(try await service.client.send(launch).run.id == shortHold)
            }

            private func inTime(_ what: String) throws {
                let passed = ContinuousClock.now - begin
                #expect(
                    passed > .seconds(SetClockTests.short) - .milliseconds(200)
                        && passed < .seconds(SetClockTests.short + SetClockTests.slack), "\(what) came after \(passed)")
            }

            /// No stamp of a run is before the one that was before it; a short wait has its whole length.
            func checkStamps(offset: Int64) async throws {
                for run in [shortHold, longHold, shortAsk, longAsk, failing] {
                    let stamps = try await service.events(run).map(\.at)
                    #expect(stamps == stamps.sorted())
                }
                // What is new is stamped as the clock is now, and waits are told by it.
                let run = try await service.launch("")
                let now = SetClock.machine + offset
                let stamp = try #require(try await service.events(run).first).at
                #expect(abs(stamp - now) < 2_000_000)
                let begin = ContinuousClock.now
                let pause = FermataPause.of(run, at: SetClock.machine + offset + 1_500_000)
                #expect(try await service.client.send(pause).run.hold.resumeAt == pause.resumeAt)
                try await service.event(run) { if case .holdLifted = $0 { true } else { false } }
                let passed = ContinuousClock.now - begin
                #expect(passed > .milliseconds(1000) && passed < .seconds(5), "a new hold took \(passed)")
            }
        }

        /// Runs a body with a service whose clock can be set, and a webhook whose first message has to be sent twice.
        private func run(_ body: (Service, SetClock, WebhookReceiver) async throws -> Void) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let clock = try await SetClock(in: directory)
            let receiver = WebhookReceiver { _, number in .status(number == 0 ? 503 : 204) }
            defer { receiver.stop() }
            try Data(("whsec_" + Data("the secret of the tests, 32 bytes".utf8).base64EncodedString()).utf8).write(
                to: URL(fileURLWithPath: directory + "/secret"))
            let file = directory + "/settings.yaml"
            try Data(
                """
                webhooks:
                - {secret-file: \(directory)/secret, name: all, url: '\(receiver.url)', statuses: [WAITING], retry: [\(Self.short)]}

                """.utf8
            ).write(to: URL(fileURLWithPath: file))
            let model = try await MockModel.start(try ModelScript(json: Self.script, file: "test"))
            do {
                try await Service.run(
                    environment: [
                        "LLM_MODEL": "openai/mock", "LLM_BASE_URL": model.baseURL, "LLM_API_KEY": "test-key-1",
                        "LD_PRELOAD": clock.library,
                    ], arguments: ["--config", file]
                ) { try await body($0, clock, receiver) }
                await model.stop()
            } catch {
                await model.stop()
                throw error
            }
        }

        @Test(arguments: steps) func whileTheServiceRuns(_ step: Int64) async throws {
            try await run { service, clock, receiver in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let work = try await service.launch("work") { $0.tools = ["search"] }
                let offer = try await worker.begin(leaseMs: 5_000)
                let stream = try await service.launch("stream")
                let tool = try await service.launch("tool")
                let waiting = Task { try await service.wait(stream, .finished, .failed) }
                let scene = try await Scene(service, receiver, offset: 0)

                try clock.set(by: step)
                for _ in 0..<4 {
                    try await worker.extend(offer, leaseMs: 5_000)
                    try await Task.sleep(for: .milliseconds(500))
                }
                try await scene.check()
                try await worker.extend(offer, leaseMs: 5_000)
                try await worker.complete(offer, .result("Pears."))
                #expect(try await waiting.value.status == .finished)
                for run in [work, tool] { try await service.wait(run, .finished) }
                let events = try await service.events(stream) + service.events(work) + service.events(tool)
                #expect(!events.contains { ["modelFailed", "callLost", "askOpened"].contains($0.kindName) })
                #expect(events.compactMap(\.callEndedValue).allSatisfy { $0.outcome == .callFinished })
                #expect(service.serverLog.contains("the clock was set"))
                try await scene.checkStamps(offset: step)
                let check = try await service.cli("check")
                #expect(check.code == 0, "\(check.output)")
            }
        }

        @Test(arguments: steps) func betweenTwoStarts(_ step: Int64) async throws {
            try await run { service, clock, receiver in
                let scene = try await Scene(service, receiver, offset: 0)
                if step > 0 { #expect(await service.terminate() == 0) } else { service.kill() }
                try clock.set(by: step)
                try await service.start()
                // A token is until a date, and at a start the clock says what date it is.
                var expected = scene
                if step > 0 { expected.token = try await service.client.send(Self.eternal).secret }
                try await expected.check()
                try await scene.checkStamps(offset: step)
                // Set right, it goes on as if nothing had been.
                service.kill()
                try clock.set(by: 0)
                try await service.start()
                #expect(try await service.summary(scene.longHold).status == .paused)
                #expect(try await service.client.send(FermataListAsks.with { $0.run = scene.longAsk }).asks.count == 1)
                try await scene.checkStamps(offset: 0)
            }
        }

        private static let eternal = FermataCreateToken.with {
            $0.name = "e"
            $0.scope = .read
        }

        /// The store alone, on a machine whose clock is a year behind: no wait is longer than its own length.
        @Test func onAnotherMachineAWaitIsNoLongerThanItself() async throws {
            try await run { service, clock, receiver in
                let scene = try await Scene(service, receiver, offset: 0)
                #expect(await service.terminate() == 0)
                try FileManager.default.removeItem(atPath: service.directory + "/clock")
                try clock.set(by: -8760 * Self.hour)
                try await service.start()
                try await scene.check()
                try await scene.checkStamps(offset: -8760 * Self.hour)
            }
        }
    }
}
