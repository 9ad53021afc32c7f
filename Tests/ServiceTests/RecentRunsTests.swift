import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Runs that nothing goes on of are in memory for a moment after they were touched, and then cost nothing.
    @Suite(.timeLimit(.minutes(3))) struct RecentRunsTests {
        private func inMemory(_ service: Service) async throws -> UInt64 {
            try await service.client.send(FermataStats()).runsInMemory
        }

        private func paused(_ service: Service, prompt: String = "") async throws -> String {
            let run = try await service.launch("") { $0.systemPrompt = prompt }
            try await service.pause(run)
            return run
        }

        /// Runs are remembered, and not touches: one that is touched again and again drives nobody out, and all of them
        /// leave. What is in flight stays.
        @Test func theyAreRememberedOnceEachAndForgottenSoon() async throws {
            let script = #"""
                [{"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
                 {"match": "user: hang", "text": "Never.", "gate": "never"}, {"match": "", "text": "Done."}]
                """#
            try await Service.run(script: script) { service, model in
                let hanging = try await service.launch("hang")
                await model.gates.awaited("never")
                let waiting = try await service.launch("ask")
                try await service.wait(waiting, .waiting)
                let runs = [try await paused(service), try await paused(service), try await paused(service)]
                try await service.queue(1000, in: runs[0])
                #expect(try await inMemory(service) == 5)
                while try await inMemory(service) > 1 { try await service.ticks(1) }

                // They are rows: every read and every command finds them as they were.
                #expect(try await service.summary(hanging).status == .running)
                #expect(try await service.summary(waiting).openAsks == [1])
                #expect(try await service.summary(runs[0]).queuedMessages == 1000)
                #expect(try await inMemory(service) == 1)
                try await service.answer(waiting, 1, "This one.")
                try await service.wait(waiting, .finished)
                try await service.resume(runs[1])
                #expect(try await service.summary(runs[1]).status == .idle)
                #expect(try await inMemory(service) == 3)
                try await service.stop(hanging)
                while try await inMemory(service) > 0 { try await service.ticks(1) }
                try await service.check()
            }
        }

        /// In a burst they have a budget, whatever their number and size is.
        @Test func manyAndLargeOnesHaveABudget() async throws {
            try await Service.run(script: "[]") { service, _ in
                for _ in 0..<400 { _ = try await paused(service) }
                let many = try await inMemory(service)
                #expect(many <= 256)
                let prompt = String(repeating: "p", count: 1_000_000)
                let large = [
                    try await paused(service, prompt: prompt), try await paused(service, prompt: prompt),
                    try await paused(service, prompt: prompt), try await paused(service, prompt: prompt),
                    try await paused(service, prompt: prompt), try await paused(service, prompt: prompt),
                ]
                #expect(try await inMemory(service) <= 4)
                for run in large { #expect(try await service.summary(run).status == .paused) }
            }
        }

        /// A hold that lifts by its time, an ask with a deadline: what waits for its time as a row comes back for it.
        @Test func whatHasATimeComesBackForIt() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let run = try await service.launch("")
                let now = try await service.client.send(FermataHello()).nowAt
                _ = try await service.client.send(FermataPause.of(run, at: now + 15_000_000))
                try await service.send(run, "go")
                while try await inMemory(service) > 0 { try await service.ticks(1) }
                #expect(try await service.wait(run, .finished).lastMessage == "Done.")
            }
        }
    }
}
