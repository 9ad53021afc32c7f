import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// What model calls have used, summed from the journal.
    @Suite(.timeLimit(.minutes(2))) struct UsageTests {
        private static let script = #"""
            [{"match": "user: slow", "text": "one two three four", "gate": "g", "gate_after_tokens": 2},
             {"match": "user: cached", "text": "Yes.",
              "usage": {"prompt_tokens": 1000, "completion_tokens": 5, "cached_tokens": 870}},
             {"match": "user: wrong", "fault": {"status": 401}, "times": 9},
             {"match": "", "text": "Done.", "usage": {"prompt_tokens": 100, "completion_tokens": 10}}]
            """#

        private func rows(_ service: Service, _ get: FermataGetUsage = .init()) async throws -> [FermataUsageRow] {
            var (get, rows) = (get, [FermataUsageRow]())
            repeat {
                let reply = try await service.client.send(get)
                rows += reply.rows
                get.after = reply.next
            } while get.after > 0
            return rows
        }

        @Test func itIsOfTheModelsThatWereAskedAndCountedOnce() async throws {
            try await Service.run(script: Self.script) { service, _ in
                _ = try await service.client.send(
                    FermataPutAgent.with {
                        $0.requestID = UUID().uuidString.lowercased()
                        $0.agent.name = "helper"
                        $0.agent.model = "openai/m-one"
                    })
                let first = try await service.launch("go") { $0.agent = "helper" }
                try await service.wait(first, .finished)
                _ = try await service.client.send(
                    FermataResume.with {
                        ($0.run, $0.requestID) = (first, UUID().uuidString.lowercased())
                        ($0.text, $0.model) = ("cached", "openai/m-two")
                    })
                try await service.wait(first, .finished)
                let failed = try await service.launch("wrong") { $0.model = "openai/m-one" }
                try await service.wait(failed, .failed)
                let cut = try await Published.of(service) { published in
                    let run = try await service.launch("slow") { $0.model = "openai/m-one" }
                    await published.wait(for: run)
                    try await service.interrupt(run)
                    return run
                }
                // A fork brings along what its source has used, and uses more.
                let fork = try await service.client.send(
                    FermataFork.with {
                        ($0.run, $0.requestID) = (first, UUID().uuidString.lowercased())
                        ($0.text, $0.start) = ("again", true)
                    }
                ).run.id
                try await service.wait(fork, .finished)

                let all = try await rows(service)
                func row(_ run: String, _ model: String) -> FermataUsage? {
                    all.first { $0.run == run && $0.model == model }?.usage
                }
                #expect(all.count == 5)
                #expect(row(first, "openai/m-one")?.inputTokens == 100 && row(first, "openai/m-one")?.modelCalls == 1)
                #expect(row(first, "openai/m-two")?.cachedInputTokens == 870)
                #expect(row(failed, "openai/m-one")?.modelCalls == 1 && row(failed, "openai/m-one")?.inputTokens == 0)
                #expect(row(cut, "openai/m-one")?.modelCalls == 1 && row(cut, "openai/m-one")?.outputTokens ?? 0 > 0)
                #expect(row(fork, "openai/m-two")?.modelCalls == 1 && row(fork, "openai/m-two")?.inputTokens == 100)
                let day = try #require(all.first?.dayAt)
                #expect(day % 86_400_000_000 == 0 && Set(all.map(\.dayAt)).count <= 2)
                #expect(all.filter { $0.agent == "helper" }.count == 3)

                // The same as the runs' own sums, but for what the fork brought along.
                for run in [first, failed, cut] {
                    let sum = all.filter { $0.run == run }.reduce(0) { $0 + $1.usage.inputTokens }
                    #expect(
                        try await service.client.send(FermataGetRun.with { $0.run = run }).run.usage.inputTokens == sum)
                }
                #expect(try await rows(service, .with { $0.run = first }).count == 2)
                #expect(try await rows(service, .with { $0.agent = "helper" }).count == 3)
                #expect(try await rows(service, .with { $0.sinceAt = .max }).isEmpty)
                #expect(try await rows(service, .with { $0.untilAt = 1 }).isEmpty)
                let stats = try await service.client.send(FermataStats())
                #expect(stats.modelCalls == 5 && stats.cachedInputTokens == 870 && stats.callsOfUnknownCost == 4)

                // Nothing of it is lost with the process.
                service.kill()
                try await service.start()
                #expect(try await rows(service) == all)
                let table = try await service.cli("usage", "--by", "model")
                #expect(table.code == 0, "\(table)")
                #expect(table.output.contains("openai/m-two") && table.output.contains("79 %"), "\(table.output)")
                #expect(table.output.contains("4 calls of unknown cost"), "\(table.output)")
                let json = try await service.cli("usage", "--by", "run", "agent", "day", "--json")
                #expect(json.output.split(separator: "\n").count == 4, "\(json)")
                let nothing = try await service.cli("usage", "--run", "01a1fd62-0ace-73f3-b7a9-654f5c091bd4")
                #expect(nothing.code == 1 && nothing.errors.contains("there is no run"), "\(nothing)")
                let twice = try await service.cli("usage", "--by", "run", "run")
                #expect(twice.code == 64, "\(twice)")
                let show = try await service.cli("show", first)
                #expect(show.output.contains("of the input cached"), "\(show.output)")
            }
        }
    }
}
