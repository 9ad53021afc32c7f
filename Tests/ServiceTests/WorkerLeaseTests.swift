import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// How long a worker has a call, and what becomes of one whose worker is not heard of any more.
    @Suite(.timeLimit(.minutes(3))) struct WorkerLeaseTests {
        @Test func aLostCallThatMayRunAgainIsOfferedAgain() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec { $0.idempotent = true })
                let run = try await Worker.launch(service)
                let lost = try await worker.begin(leaseMs: 1_000)
                let other = Worker(client: service.client, name: "worker-2")
                let offer = try await other.offer()
                #expect(offer.run == run && offer.call == 1 && offer.attempt == 2)
                try await service.refused(.callEnded) { try await worker.extend(lost) }
                try await other.start(offer)
                // The first worker was only slow: its word does not count any more.
                try await service.refused(.callEnded) { try await worker.complete(lost, .result("Old pears.")) }
                try await other.complete(offer, .result("Pears."))
                try await service.wait(run, .finished)
                let events = try await service.events(run)
                #expect(events.count { $0.kindName == "callLost" } == 1)
                #expect(events.compactMap(\.callEndedValue).map(\.output) == ["Pears."])
            }
        }

        @Test func aLostCallThatMayNotRunAgainIsAskedAbout() async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                for round in 1...2 {
                    let run = try await Worker.launch(service)
                    let lost = try await worker.begin(leaseMs: 1_000)
                    let waiting = try await service.wait(run, .waiting)
                    #expect(waiting.openAsks == [1] && waiting.waitsForTools.isEmpty)
                    let asks = try await service.client.send(FermataListAsks.with { $0.run = run }).asks
                    #expect(asks.map(\.kind) == [.outcome] && asks.first?.tool == "search")
                    #expect(try await worker.take().isEmpty)
                    // The true result comes late, and closes the ask.
                    try await service.refused(.callEnded) { try await worker.extend(lost) }
                    try await worker.complete(lost, .result("Pears."))
                    try await service.wait(run, .finished)
                    #expect(try model.log.shown(2 * round).last == "tool: Pears.")
                    let left = try await service.client.send(FermataListAsks.with { $0.run = run })
                    #expect(left.asks.isEmpty)
                }
            }
        }

        @Test func runAgainIsOfferedAsTheNextAttempt() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let lost = try await worker.begin(leaseMs: 1_000)
                try await service.wait(run, .waiting)
                _ = try await service.client.send(
                    FermataAnswer.with {
                        $0.run = run
                        $0.ask = 1
                        $0.verdict = .runAgain
                    })
                let offer = try await worker.offer()
                #expect(offer.attempt == lost.attempt + 1)
                try await worker.start(offer)
                try await worker.complete(offer, .result("Pears."))
                try await service.wait(run, .finished)
            }
        }

        @Test func aWorkerThatExtendsKeepsItsCall() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.begin(leaseMs: 1_000)
                // Here time is what is tested: three leases in succession, each extended before its end.
                for _ in 1...12 {
                    try await Task.sleep(for: .milliseconds(250))
                    try await worker.extend(offer, leaseMs: 1_000)
                }
                #expect(try await service.summary(run).status == .running)
                try await worker.complete(offer, .result("Pears."))
                try await service.wait(run, .finished)
                let kinds = Set(try await service.events(run).map(\.kindName))
                #expect(kinds.isDisjoint(with: ["callLost", "askOpened"]))
            }
        }

        /// The service is killed, or ended, while a worker executes: the call is the worker's all the same.
        @Test(arguments: [false, true]) func aCallOutlivesTheService(isOrderly: Bool) async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.begin(leaseMs: 5_000)
                if isOrderly { #expect(await service.terminate() == 0) } else { service.kill() }
                try await service.start()
                #expect(try await service.summary(run).status == .running)
                #expect(try await service.stats.leases == 1)
                #expect(try await worker.take().isEmpty)
                try await worker.extend(offer)
                try await worker.complete(offer, .result("Pears."))
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2).last == "tool: Pears.")
                #expect(try await service.starts(of: run).count == 1)
            }
        }

        /// A call that waits for a worker waits on after a kill, and so does who asks for it.
        @Test func anOfferOutlivesTheService() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                try await service.wait(run, .waiting)
                let before = try await worker.offer()
                service.kill()
                try await service.start()
                #expect(try await service.summary(run).waitsForTools == ["search"])
                let offer = try await worker.offer()
                #expect(offer == before)
                try await worker.start(offer)
                try await worker.complete(offer, .result("Pears."))
                try await service.wait(run, .finished)
            }
        }

        /// A copy of a run that waits for a worker waits for one of its own.
        @Test func aForkOffersItsOwnCall() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                try await service.wait(run, .waiting)
                let fork = FermataFork.with {
                    $0.run = run
                    $0.start = true
                }
                let copy = try await service.client.send(fork).run
                #expect(copy.status == .waiting && copy.waitsForTools == ["search"])
                let offers = try await worker.take(limit: 9)
                #expect(offers.map(\.run) == [run, copy.id])
                for offer in offers {
                    try await worker.start(offer)
                    try await worker.complete(offer, .result("Pears."))
                    try await service.wait(offer.run, .finished)
                }
            }
        }

        /// Races: eight workers ask for 200 calls of fifty runs at once. Each call has one result,
        /// and none was started twice.
        @Test func manyWorkersShareALoad() async throws {
            let calls = (1...4).map { #"{"name": "search", "arguments": {"q": "\#($0)"}}"# }.joined(separator: ", ")
            try await Service.run(script: #"[{"tool_calls": [\#(calls)]}, {"text": "Done."}]"#) { service, _ in
                let first = Worker(client: service.client)
                try await first.register(Worker.spec { $0.parallel = true })
                let workers = (1...8).map { number in
                    Task {
                        let worker = Worker(client: service.client, name: "worker-\(number)")
                        var done = 0
                        while !Task.isCancelled {
                            for offer in try await worker.client.offers(to: worker.name, of: worker.tools, limit: 3) {
                                do {
                                    try await worker.start(offer)
                                    try await worker.complete(offer, .result("\(offer.run) \(offer.call)"))
                                    done += 1
                                } catch ClientError.refused(let error) where error.class == "STATE" {
                                    // Another one has it.
                                }
                            }
                        }
                        return done
                    }
                }
                var runs: [String] = []
                for _ in 1...50 { runs.append(try await Worker.launch(service)) }
                for run in runs { try await service.wait(run, .finished) }
                for worker in workers { worker.cancel() }
                for run in runs {
                    let events = try await service.events(run)
                    let starts = try await service.starts(of: run)
                    #expect(starts.map(\.number).sorted() == [1, 2, 3, 4] && starts.allSatisfy { $0.attempt == 1 })
                    let ended = events.compactMap(\.callEndedValue)
                    #expect(Set(ended.map(\.output)) == Set((1...4).map { "\(run) \($0)" }) && ended.count == 4)
                    #expect(ended.allSatisfy { $0.outcome == .callFinished })
                }
                let stats = try await service.stats
                #expect(stats.leases == 0 && stats.callOffers >= 200)
                print("200 calls, 8 workers: \(stats.callOffers) offers")
            }
        }
    }
}
