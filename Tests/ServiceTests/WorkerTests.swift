import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Calls that workers execute, from the offer to the result.
    @Suite(.timeLimit(.minutes(3))) struct WorkerTests {
        @Test func aCallGoesFromTheModelToTheWorkerAndBack() async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let waiting = try await service.wait(run, .waiting)
                #expect(waiting.waitsForTools == ["search"] && waiting.openAsks.isEmpty)

                let offer = try await worker.offer()
                #expect(offer.run == run && offer.call == 1 && offer.attempt == 1 && offer.tool == "search")
                #expect(offer.workspace == waiting.workspace)
                let started = try await worker.start(offer, leaseMs: 5_000)
                #expect(started.call.number == 1 && started.call.state == .started && started.call.worker == "worker-1")
                #expect(started.call.arguments == offer.arguments && started.workspace == offer.workspace)
                let now = try await service.client.send(FermataHello()).nowAt
                #expect((now...now + 5_000_000).contains(started.leaseUntil))
                #expect(started.run.status == .running && started.run.waitsForTools.isEmpty)
                #expect(try await service.stats.leases == 1)

                let done = try await worker.complete(offer, .result("Three pears."))
                #expect(done.changed)
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2).last == "tool: Three pears.")
                let events = try await service.events(run)
                let starts = try await service.starts(of: run)
                #expect(starts.map(\.worker) == ["worker-1"])
                #expect(events.compactMap(\.callEndedValue).map(\.outcome) == [.callFinished])
                let stats = try await service.stats
                #expect(stats.leases == 0 && stats.callOffers == 1)
                try await service.refused(.callEnded) { try await worker.extend(offer) }
                try await service.refused(.callEnded) { try await worker.complete(offer, .result("Four.")) }
            }
        }

        @Test func whatTheWorkerCouldNotDoIsTheResult() async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                try await worker.complete(try await worker.begin(), .error("The index is down."))
                try await service.wait(run, .finished)
                #expect(try await service.events(run).compactMap(\.callEndedValue).map(\.outcome) == [.callFailed])
                #expect(try model.log.shown(2).last?.contains("The index is down.") == true)
            }
        }

        /// A race: two hundred workers start the same call at once.
        @Test func oneOfManyHasTheCall() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.offer()
                let winners = try await withThrowingTaskGroup(of: String?.self) { group in
                    for number in 1...200 {
                        group.addTask {
                            let name = "worker-\(number)"
                            do {
                                return try await Worker(client: service.client, name: name).start(offer).call.worker
                            } catch ClientError.refused(let error) {
                                #expect(error.code == ErrorCode.callTaken.name)
                                return nil
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }.compactMap(\.self)
                }
                try #require(winners.count == 1)
                #expect(try await service.starts(of: run).count == 1)
                try await service.refused(.callEnded) {
                    let other = winners == ["worker-1"] ? "worker-2" : "worker-1"
                    try await Worker(client: service.client, name: other).complete(offer, .result("Mine."))
                }
                try await Worker(client: service.client, name: winners[0]).complete(offer, .result("Mine."))
                try await service.wait(run, .finished)
            }
        }

        @Test func withoutAWorkerTheRunWaitsAndSaysSo() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let run = try await service.launch {
                    $0.tools = ["search", "terminal"]
                    $0.workerTools = [Worker.spec()]
                }
                try await service.wait(run, .waiting)
                let shown = try await service.cli("show", run)
                #expect(shown.output.contains("that serves search (none has asked for its calls lately)"))
                let worker = Worker(client: service.client)
                let offer = try await worker.offer()
                let served = try await service.client.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.calls = true
                    })
                #expect(served.servedTools == ["search"] && served.run.waitsForTools == ["search"])
                let again = try await service.cli("show", run)
                #expect(again.output.contains("waits for a worker that serves search\n"))
                try await worker.start(offer)
                try await worker.complete(offer, .result("Pears."))
                try await service.wait(run, .finished)
            }
        }

        @Test func aPauseAsksAndTheAnswerIsTheResult() async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.begin()
                let question = FermataQuestion.with {
                    $0.question = "Which pears?"
                    $0.urgency = .high
                    $0.format.form = .choice
                    $0.format.choices = ["green", "yellow"]
                }
                try await worker.complete(offer, .pause(question))
                let waiting = try await service.wait(run, .waiting)
                #expect(waiting.openAsks == [1] && waiting.waitsForTools.isEmpty)
                let asks = try await service.client.send(FermataListAsks.with { $0.run = run }).asks
                #expect(asks.map(\.question) == ["Which pears?"] && asks.map(\.urgency) == [.high])
                #expect(asks.map(\.kind) == [.question] && asks.map(\.call) == [1])
                try await service.refused(.callEnded) { try await worker.extend(offer) }
                #expect(try await worker.take().isEmpty)
                service.kill()
                try await service.start()
                try await service.answer(run, 1, "green")
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2).last == "tool: green")
                #expect(try await service.starts(of: run).count == 1)
            }
        }

        @Test func aRunOnHoldOffersNothing() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                try await service.wait(run, .waiting)
                let offer = try await worker.offer()
                try await service.pause(run)
                #expect(try await worker.take().isEmpty)
                try await service.refused(.callTaken) { try await worker.start(offer) }
                // Who waits already is offered it when the hold lifts, also if it was offered a moment before.
                async let next = worker.offer()
                try await service.resume(run)
                #expect(try await next == offer)
                try await worker.start(offer)
                // Under a hold the worker goes on, and its result is taken.
                #expect(try await service.pause(run).run.status == .pausing)
                try await worker.extend(offer)
                try await worker.complete(offer, .result("Pears."))
                #expect(try await service.summary(run).status == .paused)
                try await service.resume(run)
                try await service.wait(run, .finished)
            }
        }

        /// What an interrupt does to a worker's call, and a stop: it has its result at once, and the worker hears of it.
        @Test(arguments: [false, true]) func aWorkerHearsThatItsCallHasEnded(isStopped: Bool) async throws {
            try await Service.run(script: Worker.script) { service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.begin()
                let pieces = try await service.client.text()
                try await worker.extend(offer, output: "Seen 10 of 40.\n")
                for await piece in pieces where piece.run == run && piece.call == 1 {
                    #expect(piece.text == "Seen 10 of 40.\n")
                    break
                }
                let ended = isStopped ? try await service.stop(run) : try await service.interrupt(run)
                #expect(ended.run.status == (isStopped ? .stopped : .paused))
                try await service.refused(.callEnded) { try await worker.extend(offer) }
                try await service.refused(.callEnded) { try await worker.complete(offer, .result("Pears.")) }
                let results = try await service.events(run).compactMap(\.callEndedValue)
                #expect(results.map(\.outcome) == [.callInterrupted])
                #expect(results.first?.output.hasPrefix("Seen 10 of 40.\n[") == true)
                #expect(try await service.stats.leases == 0)
                guard !isStopped else { return }
                try await service.resume(run)
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2).last?.contains("Seen 10 of 40.") == true)
            }
        }
    }
}
