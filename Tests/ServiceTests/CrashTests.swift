import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Runs with model calls, tools and asks are commanded while the service is killed at random instants and started
    /// again. FERMATA_SOAK multiplies the number of kills.
    @Suite struct CrashTests {
        static let soak = max(1, Int(ProcessInfo.processInfo.environment["FERMATA_SOAK"] ?? "") ?? 1)

        @Test(.timeLimit(.minutes(5 * soak)))
        func whatWasAcknowledgedOrJournaledIsThereOnceAfterKillsAtRandomInstants() async throws {
            let mark = "crash-\(UUID().uuidString)"
            try await Service.run(script: Self.script(mark)) { service, _ in
                let ledger = Ledger(service.client)
                let tail = try await service.client.tail()
                let (recorded, record) = AsyncStream<FermataEvent>.makeStream()
                let recorder = Task {
                    defer { record.finish() }
                    for try await event in tail { record.yield(event) }
                }
                defer { recorder.cancel() }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 1...3 {
                        group.addTask { while !ledger.isEnding { try await Operator(ledger: ledger).playRun() } }
                    }
                    var acknowledgements = ledger.acknowledgements.makeAsyncIterator()
                    for _ in 1...(10 * Self.soak) {
                        for _ in 1...Int.random(in: 1...6) { _ = await acknowledgements.next() }
                        // The one place where time decides: the instant of a crash is to be any.
                        try await Task.sleep(for: .microseconds(Int.random(in: 0...40_000)))
                        ledger.serviceGoesDown()
                        service.kill()
                        try await service.start()
                        ledger.serviceIsUp()
                    }
                    ledger.end()
                    try await group.waitForAll()
                }
                let journal = try await service.everyEvent()
                // Whatever it missed while the service was down, it has in the end.
                var seen: [FermataEvent] = []
                for await event in recorded {
                    seen.append(event)
                    if event.offset >= journal.count { break }
                }
                check(seen: seen, against: journal)
                check(ledger.entries, against: journal)
                for (run, events) in Dictionary(grouping: journal, by: \.run) {
                    check(events, of: try await service.summary(run))
                }
                #expect(await processesEnd(marked: mark), "a process of a killed service is left")
            }
        }

        /// Calls 1, 2 and 4 write their number into a file; call 3 asks; then it is done, however many messages come.
        static func script(_ mark: String) -> String {
            func terminal(_ number: Int, _ more: String = "") -> String {
                #"{"name": "terminal", "arguments": {"command": ": \#(mark); \#(more)echo \#(number) >> calls; sleep 0.03"}}"#
            }
            let left = "CRASH_MARK=\(mark) setsid sleep 600 & "
            let done = Array(repeating: #"{"text": "All is done.", "tokens_per_second": 200}"#, count: 20)
            return """
                [
                  {"tool_calls": [\(terminal(1))], "first_token_delay_ms": 10},
                  {"tool_calls": [\(terminal(2, left)), {"name": "ask_human", "arguments": {"question": "Go on?"}}]},
                  {"tool_calls": [\(terminal(4))], "first_token_delay_ms": 10},
                  \(done.joined(separator: ",\n  "))
                ]
                """
        }

        /// What a subscriber was told while the service was killed is what the journal has.
        private func check(seen: [FermataEvent], against journal: [FermataEvent]) {
            #expect(journal.map(\.offset) == Array(1...UInt64(journal.count)))
            #expect(seen == Array(journal.prefix(seen.count)))
            #expect(seen.count >= journal.count)
        }

        /// Every command that was acknowledged has its events once, and every one that was refused none.
        private func check(_ entries: [Ledger.Entry], against journal: [FermataEvent]) {
            let effects = Dictionary(grouping: journal.filter { !$0.reason.isEmpty }, by: \.reason)
            for entry in entries {
                #expect(effects[entry.mark, default: []].count == entry.events, "\(entry)")
            }
            #expect(Set(effects.keys).isSubset(of: entries.map(\.mark)))
        }

        private func check(_ events: [FermataEvent], of run: FermataRunSummary) {
            #expect(events.map(\.seq) == Array(1...UInt64(events.count)))
            #expect(run.status == .finished && run.lastMessage == "All is done.", "\(run.why)")

            var (queued, delivered, started, answered) = ([UInt32](), [UInt32](), [UInt32](), [UInt32]())
            var ended: [UInt32: [FermataCallOutcome]] = [:]
            for event in events {
                switch event.kind {
                case .messageQueued(let message): queued.append(message.number)
                case .modelCalled(let call): delivered += call.delivered
                case .modelAnswered(let answer): answered.append(answer.step)
                case .callStarted(let call): started.append(call.number)
                case .callEnded(let call): ended[call.number, default: []].append(call.outcome)
                default: break
                }
            }
            #expect(delivered.sorted() == queued, "each message is shown to the model once")
            #expect(Set(answered).count == answered.count, "no step is answered twice")
            #expect(started.sorted() == [1, 2, 4], "no call of a tool starts twice")
            #expect(ended.keys.sorted() == [1, 2, 3, 4] && ended.values.allSatisfy { $0.count == 1 })
            #expect(ended[3] == [.callFinished])

            let file = try? String(contentsOfFile: run.workspace + "/calls", encoding: .utf8)
            let lines = (file ?? "").split(separator: "\n")
            for number: UInt32 in [1, 2, 4] {
                let count = lines.count { $0 == "\(number)" }
                if ended[number] == [.callFinished] {
                    #expect(count == 1, "call \(number) finished and was executed \(count) times")
                } else {
                    #expect(ended[number] == [.callUnknown] || ended[number] == [.callInterrupted])
                    #expect(count <= 1, "call \(number) was executed again")
                }
            }
        }
    }
}

extension FermataRunSummary {
    fileprivate var why: String { "\(id) \(status) \(failure.kind) \(failure.message) \(lastMessage)" }
}
