import FermataCore
import FermataProtocol
import Foundation
import GoldenStores
import MockModel
import RunAudit
import SwiftProtobuf
import Testing

/// Stores of earlier binaries open, read as they did, and go on. Each folder below Tests/Golden is taken by itself.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(5))) struct GoldenTests {
        static let stores = GoldenStore.all
        /// Whatever it is shown, the model has nothing more to do.
        static let script = #"[{"match": "", "text": "Done."}]"#

        /// A service that was not started, on a copy of the store, and a model.
        static func with(
            _ store: GoldenStore, arguments: [String] = [], _ body: (Service, MockModel) async throws -> Void
        ) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try store.unpack(.store, into: directory)
            try await on(directory, arguments: arguments, body)
            // Tools make the workspaces that they miss.
            try? FileManager.default.removeItem(atPath: "/tmp/fermata-golden")
        }

        static func on(
            _ directory: String, arguments: [String] = [], _ body: (Service, MockModel) async throws -> Void
        ) async throws {
            try await Service.run(script: script, arguments: arguments) { own, model in
                own.kill()
                let service = Service(directory: directory, environment: own.environment, arguments: arguments)
                defer { service.kill() }
                try await body(service, model)
            }
        }

        // MARK: - Reading

        /// The store as it is, checked and then opened: everything reads as it did.
        @Test(arguments: stores) func readsAsItDid(_ store: GoldenStore) async throws {
            try await Self.with(store) { service, _ in
                try await service.check()
                try await service.start()
                let events = try await service.everyEvent()
                #expect(events.map(\.offset) == Array(1...UInt64(events.count)))
                for (event, line) in zip(events, store.lines) { #expect(try event.jsonString() == line) }
                let added = try #require(events.count >= store.lines.count ? events[store.lines.count...] : nil)
                expectOnlyWhatAStartAdds(added, to: store)
                let moved = Set(added.map(\.run))
                let asks = try await service.openAsks()
                for shown in store.runs where !moved.contains(shown.run.id) {
                    let name: Comment = "\(store.name(shown.run.id))"
                    let reply = try await service.client.send(
                        FermataGetRun.with {
                            $0.run = shown.run.id
                            $0.calls = true
                        })
                    // The orderly end of the earlier server came after it was shown.
                    guard store.events(of: shown.run.id).count == Int(shown.run.lastSeq) else { continue }
                    #expect(reply.run == shown.run, name)
                    #expect(reply.calls == shown.calls, name)
                    #expect(reply.queued == shown.queued, name)
                    #expect(reply.policy == shown.policy, name)
                    #expect(
                        asks.filter { $0.run == shown.run.id } == store.asks.filter { $0.run == shown.run.id }, name)
                }
                #expect(Set(try await service.runs().map(\.id)) == Set(store.runs.map(\.run.id)))
                try await service.check()
                #expect(await service.terminate() == 0)
                try await service.check()
            }
        }

        /// A start adds to a run what became of what was in flight, and what its time brought; a run that is not on hold
        /// then goes on. Nothing else, and to no other run.
        private func expectOnlyWhatAStartAdds(_ added: ArraySlice<FermataEvent>, to store: GoldenStore) {
            for (id, events) in Dictionary(grouping: added, by: \.run) {
                let name: Comment = "\(store.name(id)): \(events.map(\.kindName))"
                var run = Run(id: RunID(id)!)
                for event in store.events(of: id) { run.apply(event) }
                let ends = run.begun.count { if case .lease = $0 { false } else { true } }
                let isDue = run.due.map { $0 <= events[0].at } ?? false
                #expect(ends > 0 || isDue || run.status == .running, name)
                for (index, event) in events.enumerated() {
                    switch event.kind {
                    case .modelCut(let cut): #expect(index < ends && cut.cause == .byCrash, name)
                    case .callGone, .callLost: #expect(index < ends, name)
                    case .callEnded(let ended) where index < ends: #expect(ended.outcome == .callUnknown, name)
                    case .askOpened(let ask) where index < ends: #expect(ask.kind == .outcome, name)
                    case .holdLifted(let lifted): #expect(isDue && lifted.cause == .byTime, name)
                    case .askClosed(let closed): #expect(isDue && closed.expired, name)
                    case .askAnswered(let answer): #expect(isDue && answer.via == .viaDeadline, name)
                    default:
                        #expect(run.hold == nil && !run.isStopped, name)
                        let goingOn = ["modelCalled", "modelAnswered", "callStarted", "callEnded", "askOpened"]
                        #expect(goingOn.contains(event.kindName), name)
                    }
                    run.apply(event)
                }
            }
        }

        // MARK: - Checkpoints

        @Test(arguments: stores) func checkpointsAreAsTheyWereAndArrive(_ store: GoldenStore) async throws {
            let folder = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try store.unpack(.checkpoints, into: folder)
            var checkpoints: [String: String] = [:]
            for shown in store.runs {
                checkpoints[shown.run.id] = try String(
                    contentsOfFile: "\(folder)/\(shown.run.id).json", encoding: .utf8)
            }
            try await Self.with(store) { service, _ in
                try await service.start()
                for shown in store.runs {
                    let golden = try CheckpointJSON(#require(checkpoints[shown.run.id]))
                    let exported = try await CheckpointJSON(service.export(shown.run.id))
                    let name: Comment = "\(store.name(shown.run.id))"
                    #expect(exported.events.count >= golden.events.count, name)
                    for (new, old) in zip(exported.events, golden.events) {
                        #expect(NSDictionary(dictionary: new) == NSDictionary(dictionary: old), name)
                    }
                    if exported.events.count == golden.events.count {
                        let names = ["format", "version", "run", "openAsks", "children"]
                        for member in names {
                            #expect(
                                exported.document[member] as? NSObject == golden.document[member] as? NSObject, name)
                        }
                    }
                }
            }
            try await Service.run(script: Self.script) { service, _ in
                let work = service.directory + "/work"
                try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: false)
                for shown in store.runs {
                    let text = try #require(checkpoints[shown.run.id])
                    let name: Comment = "\(store.name(shown.run.id))"
                    let reply = try await service.import(text) { $0.workspace = work }
                    #expect(reply.run.id == shown.run.id, name)
                    #expect([.paused, .stopped].contains(reply.run.status), name)
                    let events = try await service.events(shown.run.id)
                    let golden = store.events(of: shown.run.id).prefix(Int(shown.run.lastSeq)).map(\.travelled)
                    #expect(events.prefix(golden.count).map(\.travelled) == golden, name)
                    #expect(events[golden.count].kindName == "imported", name)
                }
                try await service.check()
            }
        }

        // MARK: - Going on

        @Test(arguments: stores) func everyRunGoesOn(_ store: GoldenStore) async throws {
            let folder = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try store.unpack(.checkpoints, into: folder)
            // A run with a limit on its cost goes on with a model that has a price.
            let prices = folder + "/prices.json"
            let text = #"{"openai/mock": {"input_per_million": 0, "output_per_million": 0}}"#
            try text.write(toFile: prices, atomically: true, encoding: .utf8)
            try await Self.with(store, arguments: ["--prices", prices]) { service, _ in
                try await service.start()
                // Where it was made, nobody has the directories of then.
                let work = service.directory + "/work"
                try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: false)
                for shown in store.runs {
                    let id = shown.run.id
                    let name: Comment = "\(store.name(id))"
                    var run = id
                    if shown.run.handedOff {
                        let text = try String(contentsOfFile: "\(folder)/\(id).json", encoding: .utf8)
                        try await service.import(text) { $0.workspace = work }
                    } else if shown.run.status == .stopped {
                        #expect(try await service.summary(id).status == .stopped, name)
                        run = try await service.fork(id) { $0.workspace = work }.run.id
                    }
                    #expect(try await GoldenDriver(service: service, store: store).finish(run) == .finished, name)
                    let before = store.events(of: id)
                    let after = try await service.events(id)
                    for (new, old) in zip(after, before) { #expect(new == old, name) }
                    #expect(after.count >= before.count, name)
                }
                try await service.check()
                #expect(await service.terminate() == 0)
                try await service.check()
            }
        }

        /// What reaches beyond runs: request ids, tokens, agents, tools.
        @Test(arguments: stores) func whatWasAcceptedIsRemembered(_ store: GoldenStore) async throws {
            try await Self.with(store) { service, _ in
                try await service.start()
                let wire = try Wire(service)
                let last = try await service.client.send(FermataHello()).lastOffset
                for exchange in store.meta.requests {
                    let request = try #require([UInt8](hexadecimal: exchange.request))
                    let reply = try #require([UInt8](hexadecimal: exchange.reply))
                    let again = try await wire.send(request)
                    #expect(again?.flatMap(\.encoded) == reply, "\(exchange.request)")
                }
                if !store.meta.requests.isEmpty {
                    #expect(try await service.client.send(FermataHello()).lastOffset == last)
                }
                for secret in store.meta.secrets {
                    let auth = try Frame(FermataAuth.with { $0.token = secret.secret })
                    let reply = try await wire.send([auth])[0]
                    if secret.scope.isEmpty {
                        #expect(try reply.error.code == "UNAUTHENTICATED")
                    } else {
                        #expect(
                            "\(try FermataAuthReply(serializedBytes: reply.body).scope)".uppercased() == secret.scope)
                    }
                }
                let tools = try await service.client.send(FermataListTools.with { $0.limit = 1000 }).tools
                #expect(tools.filter { !$0.worker.isEmpty }.map(\.spec.name) == store.meta.tools)
                for agent in store.agents {
                    let reply = try await service.client.send(FermataGetAgent.with { $0.name = agent.agent.name })
                    #expect(reply.agent == agent)
                }
            }
        }

        @Test(arguments: stores.filter { $0.meta.webhooks.endpoint != nil })
        func messagesOfTheOutboxAreDelivered(_ store: GoldenStore) async throws {
            let webhooks = store.meta.webhooks
            let (pending, dead) = (try #require(webhooks.pending), try #require(webhooks.dead))
            let receiver = WebhookReceiver()
            defer { receiver.stop() }
            let folder = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try Data("whsec_Z29sZGVuZ29sZGVuZ29sZGVuZ29sZGVu".utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            let settings = folder + "/settings.yaml"
            let text =
                "webhooks:\n- {name: \(webhooks.endpoint!), url: \(receiver.url), secret-file: \(folder)/secret}\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: settings))
            try await Self.with(store, arguments: ["--config", settings]) { service, _ in
                try await service.start()
                #expect(try await service.client.send(FermataStats()).webhooksDead == dead)
                guard pending > 0 else { return }
                let hooked = Set(store.runs.filter { $0.run.agent == "reviewer" }.map(\.run.id))
                let messages = await receiver.wait { messages in
                    messages.acceptedOnce.count { hooked.contains($0.run) } >= Int(pending)
                }
                for run in hooked {
                    let own = messages.acceptedOnce.of(run)
                    #expect(own.map(\.seq) == own.map(\.seq).sorted() && !own.isEmpty)
                    #expect(own.allSatisfy { $0.seq <= store.events(of: run).count && !$0.type.isEmpty })
                }
            }
        }
    }
}

extension FermataEvent {
    /// What of an event goes into a checkpoint, and comes out of it.
    fileprivate var travelled: FermataEvent {
        var event = self
        event.offset = 0
        if case .held(var held) = kind {
            held.tokenSha256 = Data()
            event.kind = .held(held)
        }
        return event
    }
}

extension Service {
    fileprivate func openAsks() async throws -> [FermataAsk] {
        try await client.send(FermataListAsks.with { $0.limit = 1000 }).asks
    }

    fileprivate func runs() async throws -> [FermataRunSummary] {
        try await client.send(FermataListRuns.with { $0.limit = 1000 }).runs
    }
}
