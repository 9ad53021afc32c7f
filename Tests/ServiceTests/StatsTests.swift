import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct StatsTests {
        @Test func itCountsWhatIsAndWhatWas() async throws {
            let script = #"""
                [{"text": "one two", "gate": "rest", "gate_after_tokens": 1}]
                """#
            try await Service.run(script: script) { service, model in
                let before = try await service.client.send(FermataStats())
                #expect(before.commandsAccepted == 0 && before.events == 0 && before.modelCallsInFlight == 0)
                let run = try await service.launch()
                await model.gates.awaited("rest")
                try await service.refused(.invalidArgument) { try await service.send(run, "") }
                _ = try await service.summary(run)

                let during = try await service.client.send(FermataStats())
                #expect(during.instance == before.instance && during.startedAt == before.startedAt)
                #expect(during.modelCallsInFlight == 1 && during.toolsExecuting == 0 && during.runsInMemory == 1)
                #expect(during.commandsAccepted == 1 && during.commandsRefused == 1 && during.commandsOverloaded == 0)
                #expect(during.events == 3 && during.lastOffset == 3 && during.commits >= 1)
                #expect(during.requests >= before.requests + 4)
                // Of this very request.
                #expect(during.requestsInProgress == 1 && during.requestBytes == 8)
                #expect(during.storeBytes > 0 && during.logBytes > 0)
                #expect(during.residentBytes > 1 << 20 && during.descriptors > 10)
                #expect(during.descriptorLimit > during.descriptors)
                #expect(!during.storeIsFull && during.listenerRestarts == 0)

                async let waiting = service.client.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.until = [.finished]
                        $0.waitMs = 25_000
                    })
                while try await service.client.send(FermataStats()).readsWaiting == 0 { await Task.yield() }
                model.gates.open("rest")
                #expect(try await waiting.matched)
                let after = try await service.client.send(FermataStats())
                #expect(after.modelCallsInFlight == 0 && after.readsWaiting == 0 && after.historyBytes > 0)

                // Every command counts, whatever it is about.
                _ = try await service.client.send(
                    FermataSetBudget.with {
                        $0.requestID = UUID().uuidString.lowercased()
                        $0.run = run
                        $0.limits.maxSteps = 7
                    })
                _ = try await service.client.send(
                    FermataSetPolicy.with {
                        $0.requestID = UUID().uuidString.lowercased()
                        $0.run = run
                    })
                let counted = try await service.client.send(FermataStats())
                #expect(counted.commandsAccepted == after.commandsAccepted + 2)

                service.kill()
                try await service.start()
                let again = try await service.client.send(FermataStats())
                #expect(
                    again.instance != before.instance && again.events == 0 && again.lastOffset == counted.lastOffset)
                #expect(again.runsInMemory == 0 && again.historyBytes == 0)
            }
        }
    }
}
