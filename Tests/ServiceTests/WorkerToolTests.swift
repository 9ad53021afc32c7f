import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Tools that workers register, runs that have them, and what nobody should send.
    @Suite(.timeLimit(.minutes(3))) struct WorkerToolTests {
        private func listed(_ service: Service) async throws -> [FermataRegisteredTool] {
            try await service.client.send(FermataListTools()).tools.filter(\.spec.byWorker)
        }

        @Test func toolsStayRegistered() async throws {
            try await Service.run(script: "[]") { service, _ in
                let worker = Worker(client: service.client)
                #expect(try await worker.register(Worker.spec(), Worker.spec("mail")))
                #expect(try await !worker.register(Worker.spec()))
                #expect(try await !Worker(client: service.client, name: "worker-2").register(Worker.spec("mail")))
                let tools = try await listed(service)
                #expect(tools.map(\.spec.name) == ["mail", "search"])
                #expect(tools.allSatisfy { $0.worker == "worker-1" && $0.by == "ada" && $0.polledAt == 0 })
                service.kill()
                try await service.start()
                #expect(try await listed(service) == tools)
                #expect(try await worker.register(Worker.spec { $0.idempotent = true }))
                #expect(try await listed(service).map(\.spec.idempotent) == [false, true])
                _ = try await worker.take()
                #expect(try await listed(service).map { $0.polledAt > 0 } == [false, true])
                let shown = try await service.cli("tools")
                #expect(shown.code == 0)
                let parts = [
                    "terminal", "built in", "mail", "registered by worker-1", "nobody has asked for its calls yet",
                ]
                for part in parts { #expect(shown.output.contains(part), "\(part)") }
                let page = try await service.client.send(FermataListTools.with { $0.limit = 1 })
                let next = try await service.client.send(FermataListTools.with { $0.after = page.next })
                #expect(next.tools.map(\.spec.name) == ["search"])
            }
        }

        @Test func aRunHasTheToolsThatItNames() async throws {
            try await Service.run(script: "[]") { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec(), Worker.spec("mail"))
                func tools(_ change: (inout FermataLaunch) -> Void) async throws -> [FermataToolSpec] {
                    let run = try await service.launch("", change)
                    return try #require(try await service.events(run).first?.launched).tools
                }
                // What is registered is there for those who name it.
                let builtIn = try await tools { _ in }
                #expect(
                    builtIn.map(\.name) == ["terminal", "file_editor", "ask_human"]
                        && !builtIn.contains(where: \.byWorker))
                #expect(builtIn.map(\.origin) == [.builtIn, .builtIn, .core])
                let named = try await tools { $0.tools = ["mail", "terminal"] }
                #expect(named.map(\.name) == ["terminal", "mail"] && named.map(\.byWorker) == [false, true])
                #expect(named.map(\.origin) == [.builtIn, .worker])
                // Where a tool comes from is the server's to say.
                let own = Worker.spec("mail") {
                    $0.description_p = "My own."
                    $0.origin = .core
                }
                let inline = try await tools {
                    $0.tools = ["mail"]
                    $0.workerTools = [own, Worker.spec("unused")]
                }
                #expect(inline.map(\.description_p) == ["My own."] && inline[0].byWorker)
                #expect(inline[0].origin == .worker)
                let all = try await tools { $0.workerTools = [own] }
                #expect(all.filter(\.byWorker).map(\.name) == ["mail"] && all.contains { $0.name == "terminal" })

                let agent = FermataAgent.with {
                    $0.name = "clerk"
                    $0.tools = ["search", "stamp"]
                    $0.workerTools = [Worker.spec("stamp")]
                }
                _ = try await service.client.send(FermataPutAgent.with { $0.agent = agent })
                #expect(try await tools { $0.agent = "clerk" }.map(\.name) == ["stamp", "search"])
                for names in [["search", "nothing"], ["stamp"], [""]] {
                    try await service.refused(.invalidArgument) { try await service.launch("") { $0.tools = names } }
                }
                var wrong = agent
                wrong.tools = ["nothing"]
                let put = FermataPutAgent.with { $0.agent = wrong }
                try await service.refused(.invalidArgument) { _ = try await service.client.send(put) }
            }
        }

        @Test func toolsThatAreNoneAreRefused() async throws {
            try await Service.run(script: "[]") { service, _ in
                let worker = Worker(client: service.client)
                let wrong: [[FermataToolSpec]] = [
                    [], [Worker.spec("")], [Worker.spec("two words")], [Worker.spec(String(repeating: "a", count: 65))],
                    [Worker.spec("terminal")], [Worker.spec("ask_human")], [Worker.spec(), Worker.spec()],
                    [Worker.spec { $0.parameters = "" }], [Worker.spec { $0.parameters = "{" }],
                    [Worker.spec { $0.parameters = "[]" }], [Worker.spec { $0.parameters = #"{"type": "pear"}"# }],
                    [Worker.spec { $0.parameters = ##"{"$ref": "#/a"}"## }],
                    [Worker.spec { $0.parameters = String(repeating: "[", count: 60_000) }],
                    [Worker.spec { $0.parameters = String(repeating: " ", count: 70_000) }],
                    [Worker.spec { $0.description_p = String(repeating: "a", count: 17 << 10) }],
                    (1...129).map { Worker.spec("tool-\($0)") },
                    (1...100).map { number in
                        Worker.spec("tool-\(number)") { $0.description_p = String(repeating: "a", count: 16 << 10) }
                    },
                ]
                for specs in wrong {
                    try await service.refused(.invalidArgument) {
                        _ = try await service.client.send(
                            FermataRegisterTools.with {
                                $0.worker = "w"
                                $0.tools = specs
                            })
                    }
                    guard !specs.isEmpty else { continue }
                    try await service.refused(.invalidArgument) {
                        try await service.launch("") { $0.workerTools = specs }
                    }
                    let put = FermataPutAgent.with {
                        $0.agent.name = "clerk"
                        $0.agent.workerTools = specs
                    }
                    try await service.refused(.invalidArgument) { _ = try await service.client.send(put) }
                }
                for name in ["", String(repeating: "w", count: 257)] {
                    try await service.refused(.invalidArgument) {
                        try await Worker(client: service.client, name: name).register(Worker.spec())
                    }
                }
                #expect(try await listed(service).isEmpty)
                try await worker.register(Worker.spec())
            }
        }

        @Test func whatIsNotTheWorkersIsRefused() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                let offer = try await worker.offer()
                func changed(_ change: (inout FermataCallOffer) -> Void) -> FermataCallOffer {
                    var other = offer
                    change(&other)
                    return other
                }
                let unknown = changed { $0.call = 2 }
                let nobodys = changed { $0.run = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4" }
                for attempt: UInt32 in [0, 2, .max] {
                    try await service.refused(.callTaken) { try await worker.start(changed { $0.attempt = attempt }) }
                }
                try await service.refused(.noSuchCall) { try await worker.start(unknown) }
                try await service.refused(.noSuchCall) { try await worker.start(changed { $0.call = 0 }) }
                try await service.refused(.noSuchRun) { try await worker.start(nobodys) }
                try await service.refused(.callEnded) { try await worker.extend(offer) }
                try await service.refused(.callEnded) { try await worker.complete(offer, .result("Pears.")) }
                for lease: UInt32 in [1, 999, 600_001, .max] {
                    try await service.refused(.invalidArgument) { try await worker.start(offer, leaseMs: lease) }
                }
                try await worker.start(offer)

                let stranger = Worker(client: service.client, name: "stranger")
                try await service.refused(.callTaken) { try await stranger.start(offer) }
                try await service.refused(.callEnded) { try await stranger.extend(offer) }
                try await service.refused(.callEnded) { try await stranger.complete(offer, .result("Mine.")) }
                for other in [changed { $0.attempt = 2 }, changed { $0.attempt = 0 }] {
                    try await service.refused(.callEnded) { try await worker.extend(other) }
                    try await service.refused(.callEnded) { try await worker.complete(other, .result("Pears.")) }
                }
                for other in [unknown, changed { $0.call = 0 }] {
                    try await service.refused(.noSuchCall) { try await worker.extend(other) }
                    try await service.refused(.noSuchCall) { try await worker.complete(other, .result("Pears.")) }
                }
                try await service.refused(.noSuchRun) { try await worker.extend(nobodys) }
                let long = String(repeating: "a", count: (1 << 20) + 1)
                for outcome: FermataCompleteCall.OneOf_Outcome in [
                    .result(long), .error(long), .pause(.init()), .pause(.with { $0.question = long }),
                    .pause(
                        .with {
                            $0.question = "?"; $0.format.form = .choice
                        }),
                    .pause(
                        .with {
                            $0.question = "?"; $0.format.form = .json; $0.format.schema = "{"
                        }),
                ] {
                    try await service.refused(.invalidArgument) { try await worker.complete(offer, outcome) }
                }
                try await service.refused(.invalidArgument) {
                    _ = try await service.client.send(
                        FermataCompleteCall.with {
                            $0.run = run
                            $0.call = 1
                            $0.attempt = 1
                            $0.worker = worker.name
                        })
                }
                try await service.refused(.invalidArgument) { try await worker.extend(offer, output: long) }
                try await service.refused(.invalidArgument) { try await worker.extend(offer, leaseMs: 10) }
                for tools in [[], [""], ["two words"], Array(repeating: "a", count: 129)] {
                    try await service.refused(.invalidArgument) {
                        _ = try await Worker(client: service.client, tools: tools).take()
                    }
                }
                // Nothing of that did anything, and an empty result is one.
                #expect(try await service.summary(run).status == .running)
                try await worker.complete(offer, .result(""))
                try await service.wait(run, .finished)
            }
        }

        @Test func checkFindsOffersThatAreNotTheRuns() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                try await Worker(client: service.client).register(Worker.spec())
                let run = try await Worker.launch(service)
                try await service.wait(run, .waiting)
                service.kill()
                #expect(try await Service.cli(["check"], directory: service.directory).code == 0)
                for (sql, expected) in [
                    ("UPDATE ready_calls SET attempt = 2", "another run, number, attempt or tool than its offer"),
                    ("UPDATE ready_calls SET body = x'FF'", "the offer of call 1 does not decode"),
                    ("DELETE FROM ready_calls", "call 1 waits for a worker, and is offered to none"),
                    ("UPDATE tools SET at = 1", "tool search: its row says another name or time"),
                    ("UPDATE tools SET body = x'FF'", "tool search: it does not decode"),
                ] {
                    try service.change(sql)
                    let (code, output, errors) = try await Service.cli(["check"], directory: service.directory)
                    #expect(code == 1 && (output + errors).contains(expected), "\(sql): \(output)\(errors)")
                }
            }
        }

        /// A repeat of a command gets the reply again, with the call in it.
        @Test func aRepeatedStartHasTheSameReply() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                _ = try await Worker.launch(service)
                let offer = try await worker.offer()
                let start = FermataStartCall.with {
                    $0.requestID = UUID().uuidString.lowercased()
                    $0.run = offer.run
                    $0.call = offer.call
                    $0.attempt = offer.attempt
                    $0.worker = worker.name
                }
                let first = try await service.client.send(start)
                service.kill()
                try await service.start()
                let second = try await service.client.send(start)
                #expect(first == second && second.call.arguments == offer.arguments)
            }
        }

        @Test func whoWaitsForCallsLeavesRoomForOthers() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let wire = try Wire(service)
                let take = FermataTakeCalls.with {
                    $0.worker = "w"
                    $0.tools = ["search"]
                    $0.waitMs = 10_000
                }
                let replies = try await wire.send([try Frame(take), try Frame(FermataHello())])
                #expect(try replies[0].error.code == ErrorCode.invalidArgument.name)
                try await withThrowingTaskGroup(of: [FermataCallOffer].self) { group in
                    for _ in 1...200 {
                        group.addTask { try await service.client.send(take, timeout: .seconds(20)).offers }
                    }
                    // Beyond their share they are answered at once, and everything else is answered.
                    for _ in 1...8 { #expect(try await group.next() == []) }
                    let run = try await Worker.launch(service)
                    let offers = try await group.next() ?? []
                    try #require(offers.map(\.run) == [run])
                    try await worker.start(offers[0])
                    try await service.stop(run)
                    group.cancelAll()
                }
            }
        }

        /// A race: several wait for the same tool. The call is offered to one of them; to another when that one leaves,
        /// or does not start it soon.
        @Test func aCallIsOfferedToOneAfterTheOther() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                let run = try await Worker.launch(service)
                try await service.wait(run, .waiting)
                let take = try Frame(
                    FermataTakeCalls.with {
                        $0.worker = "leaver"
                        $0.tools = ["search"]
                        $0.waitMs = 20_000
                    })
                func offered(_ peer: RawControl) async throws -> [FermataCallOffer] {
                    let frames = try #require(await peer.reply()).frames
                    return try FermataTakeCallsReply(serializedBytes: frames[0].body).offers
                }
                do {
                    let leaver = try #require(RawControl(service))
                    leaver.send([take], as: 1)
                    let first = try await offered(leaver)
                    #expect(first.map(\.run) == [run])
                    #expect(try await worker.take().isEmpty)
                }
                // It has left: at once.
                let clock = ContinuousClock()
                let left = clock.now
                let stays = try #require(RawControl(service))
                stays.send([take], as: 1)
                let second = try await offered(stays)
                #expect(second.map(\.run) == [run] && clock.now - left < .milliseconds(900))
                // It stays and does not start it: after the reservation.
                let third = try await worker.offer()
                #expect(third.run == run && clock.now - left >= .milliseconds(900))
                try await worker.start(third)
            }
        }
    }
}
