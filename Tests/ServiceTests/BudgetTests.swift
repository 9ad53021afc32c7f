import FermataClient
import FermataProtocol
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Limits: a run that reaches one asks, and goes on when somebody lets it.
    @Suite(.timeLimit(.minutes(2))) struct BudgetTests {
        private static let script = #"""
            [
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "true"}}]},
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "true"}}]},
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "true"}}]},
              {"text": "Done."}
            ]
            """#

        private func ask(_ run: String, _ service: Service) async throws -> FermataAsk {
            try await service.wait(run, .waiting)
            return try #require(try await service.client.send(FermataListAsks.with { $0.run = run }).asks.first)
        }

        private func answer(_ ask: FermataAsk, _ verdict: FermataVerdict, _ limits: FermataLimits? = nil)
            -> FermataAnswer
        {
            .with {
                ($0.run, $0.ask, $0.verdict) = (ask.run, ask.number, verdict)
                if let limits { $0.limits = limits }
            }
        }

        private func setBudget(_ run: String, _ change: (inout FermataLimits) -> Void = { _ in }) -> FermataSetBudget {
            var set = FermataSetBudget.with { ($0.run, $0.by) = (run, "ada") }
            change(&set.limits)
            return set
        }

        @Test func aReachedLimitAsksAndABudgetLetsItGoOn() async throws {
            try await Service.run(script: Self.script) { service, model in
                let run = try await service.launch { $0.limits.maxSteps = 1 }
                let first = try await ask(run, service)
                #expect(first.kind == .budget && first.call == 0)
                #expect(model.log.entries().count == 1)
                // One more step, then the ask comes again; what is asked about is not answered by a message or a resume.
                _ = try await service.client.send(answer(first, .raise))
                let second = try await ask(run, service)
                #expect(second.number == 2)
                try await service.send(run, "go on, please")
                #expect(try await service.resume(run).changed == false)
                #expect(try await service.summary(run).openAsks == [2])
                let same = try await service.client.send(setBudget(run) { $0.maxSteps = 2 })
                #expect(same.run.status == .waiting && same.run.limits.maxSteps == 2 || same.run.status == .running)
                let set = try await service.client.send(setBudget(run) { $0.maxSteps = 50 })
                #expect(set.run.openAsks.isEmpty && set.run.limits.maxSteps == 50)
                try await service.wait(run, .finished)
                let events = try await service.events(run)
                #expect(events.last { $0.kindName == "limitsSet" }?.by == "ada")
                #expect(try await !service.client.send(setBudget(run) { $0.maxSteps = 50 }).changed)
                #expect(try await !service.client.send(setBudget(run)).run.hasLimits)
            }
        }

        @Test func aTurnThatIsEndedGoesOnWithAResume() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch { $0.limits.maxSteps = 2 }
                _ = try await service.client.send(answer(try await ask(run, service), .endTurn))
                #expect(try await service.wait(run, .failed).failure.kind == "LIMIT_REACHED")
                try await service.resume(run)
                try await service.wait(run, .finished)
            }
        }

        @Test func anAgentThatRepeatsItselfIsStuck() async throws {
            try await Service.run(script: Self.script) { service, model in
                let run = try await service.launch { $0.limits.maxRepeats = 2 }
                let stuck = try await ask(run, service)
                #expect(stuck.kind == .stuck)
                #expect(try await service.summary(run).step == 2)
                try await service.refused(.invalidAnswer) { _ = try await service.client.send(answer(stuck, .raise)) }
                try await service.refused(.invalidAnswer) { _ = try await service.client.send(answer(stuck, .guide)) }
                #expect(try await service.summary(run).openAsks == [stuck.number])
                var guide = answer(stuck, .guide)
                guide.text = "Try something else."
                _ = try await service.client.send(guide)
                try await service.wait(run, .waiting, .finished)
                #expect(try model.log.shown(3).contains("user: Try something else."))
            }
        }

        @Test func whatIsNoBudgetIsRefused() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch { $0.limits.maxSteps = 1 }
                let ask = try await ask(run, service)
                for change: (inout FermataLimits) -> Void in [
                    { $0.maxSteps = 0 }, { $0.maxCostNanoUsd = 0 }, { $0.maxCostNanoUsd = -1 }, { $0.maxRepeats = 1 },
                ] {
                    try await service.refused(.invalidArgument) {
                        _ = try await service.client.send(setBudget(run, change))
                    }
                    var limits = FermataLimits()
                    change(&limits)
                    try await service.refused(.invalidAnswer) {
                        _ = try await service.client.send(answer(ask, .raise, limits))
                    }
                }
                // Reached already.
                try await service.refused(.invalidAnswer) {
                    _ = try await service.client.send(answer(ask, .raise, .with { $0.maxSteps = 1 }))
                }
                for verdict: FermataVerdict in [.unspecified, .approve, .goOn, .tellUnknown] {
                    try await service.refused(.invalidAnswer) {
                        _ = try await service.client.send(answer(ask, verdict))
                    }
                }
                #expect(try await service.summary(run).openAsks == [ask.number])
                let shown = try await service.cli("budget", run)
                #expect(shown.output.hasPrefix("limits     1 steps a turn\nusage"), "\(shown)")
                #expect(try await service.cli("budget", run, "--unlimited", "--max-steps", "2").code == 64)
                #expect(try await service.cli("budget", run, "--max-steps", "0").code == 1)
                let unlimited = try await service.cli("budget", run, "--unlimited")
                #expect(unlimited.code == 0, "\(unlimited)")
                try await service.wait(run, .finished)
                #expect(try await service.cli("budget", run).output.hasPrefix("limits     none\n"))
                try await service.stop(run)
                try await service.refused(.wrongStatus) { _ = try await service.client.send(setBudget(run)) }
            }
        }
    }
}
