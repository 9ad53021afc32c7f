import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Control is immediate, also for who is one among very many.
    @Suite(.timeLimit(.minutes(10))) struct FloodTests {
        @Test(arguments: [36, 18]) func interruptsPassAFloodOfCommands(digits: Int) async throws {
            let script = #"[{"text": "One two three.", "gate": "never", "gate_after_tokens": 1}]"#
            try await Service.run(script: script) { service, model in
                var runs: [String] = []
                for _ in 1...64 {
                    let run = try await service.launch("")
                    try await service.pause(run)
                    runs.append(run)
                }
                let count = 5000 * Abuser.factor * (Abuser.factor > 1 ? 2 : 1)
                var flood = try Abuser(service, "flood", ["64", "\(count)"] + runs)
                #expect(await flood.nextLine() == "flooding")
                let ended = Task { [flood] in
                    var flood = flood
                    return try await flood.outcome()
                }
                var closed: [Duration] = []
                var answered: [Duration] = []
                var overtaken: [UInt64] = []
                for number in 1...(30 * min(Abuser.factor, 5)) {
                    let run = try await service.launch()
                    _ = await model.log.entry(number, reaches: .atGate)
                    let before = try await service.stats.commandsAccepted
                    let sent = ClockReading.now.monotonicNanoseconds
                    let reply = try await service.interrupt(String(run.prefix(digits)))
                    answered.append(.nanoseconds(ClockReading.now.monotonicNanoseconds - sent))
                    #expect(reply.run.status == .paused)
                    let entry = try #require(await model.log.entry(number, reaches: .closed))
                    closed.append(.nanoseconds(Int64(try #require(entry.closed).monotonicNanoseconds) - Int64(sent)))
                    overtaken.append(try await service.stats.commandsAccepted - before)
                }
                let outcome = try await ended.value
                print(
                    "flood: \(outcome.outcomes ?? [:]) in \(outcome.seconds ?? 0) s;",
                    "interrupt: connection seen closed: \(Figures(closed)); answered: \(Figures(answered))")
                #expect(Figures(closed).median < .milliseconds(20))
                #expect(outcome.outcomes?["ok", default: 0] ?? 0 > count / 2)
                #expect(overtaken.contains { $0 > 1 }, "there was no flood")
            }
        }
    }
}
