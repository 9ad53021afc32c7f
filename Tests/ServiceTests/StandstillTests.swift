import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import RawServer
import Testing

extension OneServerAtATime {
    /// The service is stopped (SIGSTOP) for longer than its time-outs are, with everything going on: nothing ends that
    /// would not have ended, and an interrupt is answered within a second of the wake. FERMATA_SOAK adds a minute.
    @Suite struct StandstillTests {
        static let soak = max(1, Int(ProcessInfo.processInfo.environment["FERMATA_SOAK"] ?? "") ?? 1)
        static let lengths = soak > 1 ? [1, 10, 60] : [1, 10]

        private static let words = (1...60).map { "word\($0)" }.joined(separator: " ")
        private static let script = #"""
            [
              {"match": "user: stream", "text": "\#(words)", "tokens_per_second": 20},
              {"match": "user: endless", "text": "\#((1...60).map { _ in words }.joined(separator: " "))",
               "tokens_per_second": 20},
              {"match": "user: late", "text": "Late.", "first_token_delay_ms": 2000},
              {"match": "user: tool", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "for i in 1 2 3 4; do sleep 0.5; echo $i; done", "timeout_seconds": 3.5}}]},
              {"match": "user: slow", "text": "Slow.", "first_token_delay_ms": 4500},
              {"match": "user: sleep", "tool_calls": [{"name": "terminal", "arguments":
                {"command": "echo on; sleep 5; echo slept", "timeout_seconds": 4}}]},
              {"match": "user: work", "tool_calls": [{"name": "search", "arguments": {"q": "pears"}}]},
              {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
              {"match": "", "text": "Done."}
            ]
            """#

        /// A service whose time-outs are shorter than the stops, and a webhook that is answered when the test says so.
        private func run(
            _ body: (Service, MockModel, WebhookReceiver, Latch<Bool>) async throws -> Void
        ) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let answer = Latch<Bool>()
            let receiver = WebhookReceiver { _, number in
                if number == 0 { answer.waitBlocking() }
                return .status(204)
            }
            defer {
                answer.open(true)
                receiver.stop()
            }
            try Data(("whsec_" + Data("the secret of the tests, 32 bytes".utf8).base64EncodedString()).utf8).write(
                to: URL(fileURLWithPath: directory + "/secret"))
            let file = directory + "/settings.yaml"
            let hook =
                "{secret-file: \(directory)/secret, name: all, url: '\(receiver.url)', statuses: [WAITING], timeout: 3}"
            try Data("webhooks:\n- \(hook)\n".utf8).write(to: URL(fileURLWithPath: file))
            try await Service.run(script: Self.script, arguments: ["--config", file, "--model-silence", "3"]) {
                try await body($0, $1, receiver, answer)
            }
        }

        /// A run that asks, for so long.
        private func launchAsk(_ service: Service, deadlineMs: UInt32) async throws -> String {
            try await service.launch("ask") {
                $0.policy.tools = [
                    .with {
                        $0.tool = "ask_human"
                        $0.gate = .allow
                        $0.deadlineMs = deadlineMs
                    }
                ]
            }
        }

        private func signal(_ service: Service, _ number: Int32) { kill(service.process.processIdentifier, number) }

        /// Extends the call's lease again and again, as a worker does while it is at work.
        private func keep(_ offer: FermataCallOffer, _ worker: Worker) -> Task<Void, any Error> {
            Task {
                while !Task.isCancelled {
                    do {
                        try await worker.extend(offer, leaseMs: 1_000)
                        try await Task.sleep(for: .milliseconds(200))
                    } catch ClientError.timedOut {
                        // The stop is longer than the client waits: it asks again.
                    } catch is CancellationError { return }
                }
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: lengths)
        func nothingEndsThatWouldNotHaveEnded(_ seconds: Int) async throws {
            try await run { service, model, receiver, answer in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let work = try await service.launch("work") { $0.tools = ["search"] }
                let keeper = keep(try await worker.begin(leaseMs: 1_000), worker)
                let ask = try await launchAsk(service, deadlineMs: 4_000)
                try await service.wait(ask, .waiting)
                await receiver.wait { !$0.isEmpty }
                let stream = try await service.launch("stream")
                let late = try await service.launch("late")
                let tool = try await service.launch("tool")
                try await service.event(tool) { if case .callStarted = $0 { true } else { false } }
                let endless = try await Published.of(service) { published in
                    let run = try await service.launch("endless")
                    await published.wait(for: run)
                    return run
                }
                let waiting = Task { try await service.wait(stream, .finished, .failed) }
                let nextOffer = Task { try await Worker(client: service.client, name: "worker-2").offer() }

                signal(service, SIGSTOP)
                // All of it is said while the service does not listen.
                answer.open(true)
                let answered = Task {
                    let answer = FermataAnswer.with {
                        $0.run = ask
                        $0.ask = 1
                        $0.text = "This one."
                    }
                    return try await service.client.send(answer, timeout: .seconds(seconds + 30))
                }
                try await Task.sleep(for: .seconds(seconds))
                signal(service, SIGCONT)

                let begin = ContinuousClock.now
                let reply = try await service.interrupt(endless)
                let took = ContinuousClock.now - begin
                #expect(took < .seconds(1), "the interrupt took \(took)")
                #expect(reply.changed && reply.run.status == .paused)
                print("interrupt after a stop of \(seconds) s: \(took)")

                #expect(try await waiting.value.status == .finished)
                _ = try await answered.value
                for run in [late, tool, ask] {
                    #expect(try await service.wait(run, .finished, .failed).status == .finished)
                }
                let second = try await service.launch("work") { $0.tools = ["search"] }
                let offer = try await nextOffer.value
                #expect(offer.run == second)
                keeper.cancel()
                _ = try? await keeper.value
                let held = try #require(try await service.events(work).last { $0.kindName == "callStarted" })
                    .callStarted
                try await worker.complete(
                    .with {
                        $0.run = work
                        $0.call = held.number
                        $0.attempt = held.attempt
                    }, .result("Pears."))
                try await service.wait(work, .finished)

                for run in [stream, late, tool, ask, work] {
                    let events = try await service.events(run)
                    #expect(!events.contains { ["modelFailed", "modelCut", "callLost"].contains($0.kindName) })
                    #expect(events.compactMap(\.callEndedValue).allSatisfy { $0.outcome == .callFinished })
                    #expect(!events.contains { $0.kindName == "askOpened" } || run == ask)
                }
                let shown = try await service.events(tool).compactMap(\.callEndedValue)
                #expect(shown.map(\.output) == ["1\n2\n3\n4\n"])
                // The message was delivered by the attempt that was going on.
                let first = receiver.messages.first!.id
                while try await service.client.send(FermataStats()).webhooksPending > 0 { try await service.ticks(1) }
                #expect(receiver.messages.count { $0.id == first } == 1)
                #expect(try await service.client.send(FermataStats()).listenerRestarts == 0)
                try await service.stop(second)
            }
        }

        /// The service alone is stopped, and what it waits for goes on: a limit that is longer than all that was lived does
        /// not come with the wake, though the service slept up to just that limit when it was stopped.
        @Test(.timeLimit(.minutes(2))) func aLimitThatTheServiceSleptUpTo() async throws {
            try await run { service, model, receiver, answer in
                answer.open(true)
                let runs = try await Published.of(service) { published in
                    let runs = [try await service.launch("slow"), try await service.launch("sleep")]
                    // The command executes from here on.
                    await published.wait(for: runs[1], call: 1)
                    return runs
                }
                signal(service, SIGSTOP)
                try await Task.sleep(for: .seconds(4))
                signal(service, SIGCONT)
                for run in runs { #expect(try await service.wait(run, .finished, .failed).status == .finished) }
                let ended = try await service.events(runs[1]).compactMap(\.callEndedValue)
                #expect(ended.map(\.outcome) == [.callFinished], "\(ended)")
                #expect(ended.map(\.output) == ["on\nslept\n"])
            }
        }

        /// Stops one after the other, each shorter than any time-out and all together longer.
        @Test(.timeLimit(.minutes(2))) func manyShortOnesAreNoLongOne() async throws {
            try await run { service, model, receiver, answer in
                answer.open(true)
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let work = try await service.launch("work") { $0.tools = ["search"] }
                let offer = try await worker.begin(leaseMs: 1_000)
                let keeper = keep(offer, worker)
                let stream = try await service.launch("stream")
                for _ in 1...8 {
                    signal(service, SIGSTOP)
                    try await Task.sleep(for: .milliseconds(700))
                    signal(service, SIGCONT)
                    try await service.ticks(1)
                }
                keeper.cancel()
                _ = try? await keeper.value
                try await worker.complete(offer, .result("Pears."))
                for run in [work, stream] {
                    #expect(try await service.wait(run, .finished, .failed).status == .finished)
                }
                #expect(!(try await service.events(stream)).contains { $0.kindName == "modelFailed" })
                #expect(try await service.client.send(FermataStats()).listenerRestarts == 0)
            }
        }

        /// The loop has never nothing to do, so the stop comes in the midst of a turn, between what the turn has taken and
        /// what it judges by the time.
        @Test(.timeLimit(.minutes(2))) func aStopInMidTurnEndsNothing() async throws {
            try await run { service, model, receiver, answer in
                answer.open(true)
                let target = try await service.launch("endless")
                _ = try await service.pause(target)
                let crowd = (1...16).map { number in
                    Task {
                        while !Task.isCancelled {
                            let send = FermataSend.with {
                                $0.run = target
                                $0.text = "m\(number)"
                            }
                            do { _ = try await service.client.send(send) } catch  where Task.isCancelled {}
                        }
                    }
                }
                for _ in 1...3 * Self.soak {
                    let ask = try await launchAsk(service, deadlineMs: 3_000)
                    try await service.wait(ask, .waiting)
                    signal(service, SIGSTOP)
                    try await Task.sleep(for: .milliseconds(3_500))
                    signal(service, SIGCONT)
                    let answer = FermataAnswer.with {
                        $0.run = ask
                        $0.ask = 1
                        $0.text = "This one."
                    }
                    _ = try await service.client.send(answer)
                    try await service.wait(ask, .finished)
                }
                for task in crowd { task.cancel() }
                for task in crowd { try await task.value }
                try await service.stop(target)
            }
        }

        /// Who is dead is still noticed: the time-outs begin again after the wake, and end.
        @Test(.timeLimit(.minutes(2))) func whoIsSilentAfterTheWakeIsNoticed() async throws {
            try await run { service, model, receiver, answer in
                answer.open(true)
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec { $0.idempotent = true })
                let work = try await service.launch("work") { $0.tools = ["search"] }
                _ = try await worker.begin(leaseMs: 1_000)
                signal(service, SIGSTOP)
                try await Task.sleep(for: .seconds(3))
                signal(service, SIGCONT)
                let begin = ContinuousClock.now
                try await service.event(work) { if case .callLost = $0 { true } else { false } }
                let passed = ContinuousClock.now - begin
                #expect(passed > .milliseconds(700) && passed < .seconds(4), "the lease ended after \(passed)")
                try await service.stop(work)
            }
        }
    }
}
