import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Control is immediate: a command waits for the disk, and for nothing else. `tools/bench` measures this exactly;
    /// the limits here are what no machine may exceed.
    @Suite(.timeLimit(.minutes(2))) struct LatencyTests {
        @Test func anInterruptClosesTheModelsConnectionWithinFiveMilliseconds() async throws {
            let script = #"[{"text": "One two three.", "gate": "never", "gate_after_tokens": 1}]"#
            try await Service.run(script: script) { service, model in
                var closed: [Duration] = []
                var answered: [Duration] = []
                for number in 1...50 {
                    let run = try await service.launch()
                    _ = await model.log.entry(number, reaches: .atGate)
                    let sent = ClockReading.now.monotonicNanoseconds
                    let reply = try await service.interrupt(run)
                    answered.append(.nanoseconds(ClockReading.now.monotonicNanoseconds - sent))
                    #expect(reply.run.status == .paused)
                    // Both clocks are the machine's own: the server and the model are on it.
                    let entry = try #require(await model.log.entry(number, reaches: .closed))
                    let moment = try #require(entry.closed).monotonicNanoseconds
                    #expect(entry.end == .clientClosed)
                    closed.append(.nanoseconds(Int64(moment) - Int64(sent)))
                }
                print("interrupt: connection seen closed: \(Figures(closed)); answered: \(Figures(answered))")
                #expect(Figures(closed).median < .milliseconds(5))
            }
        }

        @Test func nothingWaitsForAToolOrAModel() async throws {
            let turns = #"""
                {"match": "user: tool", "tool_calls": [
                  {"name": "terminal", "arguments": {"command": "echo $$; exec sleep 60"}}]},
                {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
                """#
            try await Streaming.run(turns: turns) { service, model, streaming in
                let busy = try await Situation.toolExecuting.enter(service)
                var times: [String: [Duration]] = [:]
                func timed<T>(_ name: String, _ body: () async throws -> T) async throws -> T {
                    let start = ContinuousClock.now
                    let result = try await body()
                    times[name, default: []].append(.now - start)
                    return result
                }
                for _ in 1...20 {
                    for run in [busy, streaming] {
                        let sent = try await timed("Send") { try await service.send(run, "Later.", .whenIdle) }
                        _ = try await timed("Withdraw") {
                            try await service.client.send(
                                FermataWithdraw.with {
                                    $0.run = run
                                    $0.message = sent.message
                                })
                        }
                        #expect(try await timed("Pause") { try await service.pause(run) }.run.status == .pausing)
                        #expect(try await timed("Resume") { try await service.resume(run) }.run.status == .running)
                        #expect(try await timed("GetRun") { try await service.summary(run) }.status == .running)
                        _ = try await timed("ReadEvents") {
                            try await service.client.send(FermataReadEvents.with { $0.run = run })
                        }
                    }
                    let run = try await timed("Launch") { try await service.launch("ask") }
                    try await service.wait(run, .waiting)
                    _ = try await timed("ListAsks") { try await service.client.send(FermataListAsks()) }
                    _ = try await timed("ListRuns") { try await service.client.send(FermataListRuns()) }
                    _ = try await timed("Hello") { try await service.client.send(FermataHello()) }
                    _ = try await timed("Interrupt") { try await service.interrupt(run) }
                    _ = try await timed("Answer") { try await service.answer(run, 1, "This one.") }
                    _ = try await timed("Stop") { try await service.stop(run) }
                }
                // They were busy all the time.
                #expect(model.log.entry(1)?.end == nil)
                #expect(try await service.events(busy).allSatisfy { $0.kindName != "callEnded" })
                #expect(try await timed("Interrupt") { try await service.interrupt(busy) }.run.status == .pausing)
                #expect(try await timed("Stop") { try await service.stop(streaming) }.run.status == .stopped)
                for (name, figures) in times.mapValues(Figures.init).sorted(by: { $0.key < $1.key }) {
                    print("\(name): \(figures)")
                    #expect(figures.longest < .seconds(1), "\(name)")
                }
            }
        }
    }
}

/// Durations, summed up.
struct Figures: CustomStringConvertible {
    private let sorted: [Duration]

    init(_ durations: [Duration]) { sorted = durations.sorted() }

    var median: Duration { sorted[sorted.count / 2] }
    var longest: Duration { sorted[sorted.count - 1] }

    var description: String {
        func milliseconds(_ duration: Duration) -> String {
            let microseconds = Int64(duration / .microseconds(1))
            return "\(microseconds / 1000).\(String(microseconds % 1000 + 1000).dropFirst())"
        }
        return "median \(milliseconds(median)) ms, longest \(milliseconds(longest)) ms of \(sorted.count)"
    }
}
