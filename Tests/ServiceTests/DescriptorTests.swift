import FermataClient
import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// Descriptors run out: work waits, and whoever wants to interrupt it does not.
    @Suite(.timeLimit(.minutes(3))) struct DescriptorTests {
        private static func script(_ directory: String) -> String {
            #"""
            [
              {"match": "user: stream", "text": "one two three four", "gate": "end", "gate_after_tokens": 2},
              {"match": "user: tool",
               "tool_calls": [{"name": "terminal", "arguments": {"command": "read -r line < \#(directory)/go"}}]},
              {"match": "user: work", "tool_calls": [{"name": "search", "arguments": {"q": "pears"}}]},
              {"match": "", "text": "Done."}
            ]
            """#
        }

        /// A newcomer's command, over a connection that nobody has had before.
        private func newcomer<R: ControlRequest>(_ service: Service, _ request: R) async throws -> R.Reply {
            let start = ContinuousClock.now
            let reply = try await Client(controlURL: service.client.controlURL).send(request, timeout: .seconds(5))
            let taken = ContinuousClock.now - start
            #expect(taken < .seconds(1), "\(R.self) took \(taken)")
            return reply
        }

        private func runs(_ service: Service) async throws -> [FermataRunSummary] {
            var all: [FermataRunSummary] = []
            var after = ""
            repeat {
                let page = try await service.client.send(
                    FermataListRuns.with {
                        $0.limit = 1000
                        $0.after = after
                    })
                all += page.runs
                after = page.next
            } while !after.isEmpty
            return all
        }

        /// All streams of a gateway read at each event, more of them than the server has connections for them: those that
        /// it closes are not dialed again at once, and no tool and no newcomer is without a descriptor for that.
        @Test func eventStreamsKeepNobodyOut() async throws {
            let script = #"""
                [
                  {"match": "tool: 120", "text": "Done."},
                  {"match": "", "tool_calls": [{"name": "terminal", "arguments": {"command": "echo >> n; wc -l < n"}}]}
                ]
                """#
            try await Service.run(descriptors: 64, script: script) { service, model in
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    let port = gateway.port
                    let readers = (1...20).map { _ in
                        Task {
                            guard var source = await EventSource(port: port, token: token) else { return }
                            while !Task.isCancelled, await source.next() != nil {}
                        }
                    }
                    defer { for reader in readers { reader.cancel() } }
                    let runs = [try await service.launch("one"), try await service.launch("two")]
                    let target = try await service.launch("")
                    try await service.pause(target)
                    for number: UInt32 in [10, 40, 70, 100] {
                        try await service.event(runs[0]) {
                            if case .callEnded(let call) = $0 { call.number >= number } else { false }
                        }
                        _ = try await newcomer(
                            service,
                            FermataSend.with {
                                $0.run = target
                                $0.requestID = UUID().uuidString.lowercased()
                                $0.text = "\(number)"
                            })
                    }
                    for run in runs {
                        try await service.wait(run, .finished, .failed)
                        let ended = try await service.events(run).compactMap(\.callEndedValue)
                        #expect(ended.count == 120 && ended.allSatisfy { $0.outcome == .callFinished })
                    }
                    let closed = try await service.client.send(FermataStats()).connectionsClosed
                    print("20 event streams at 64 descriptors: \(closed) connections closed")
                    // Each newcomer may have one closed; the streams keep to their part, and have none closed.
                    #expect(closed < 20)
                }
            }
        }

        @Test(arguments: [64, 128, 256]) func whoInterruptsIsNeverShutOut(_ limit: Int) async throws {
            let pipes = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: pipes) }
            let go = try Fifo(in: pipes, named: "go")
            let receiver = WebhookReceiver { _, _ in .silence }
            defer { receiver.stop() }
            try await Service.run(descriptors: limit, script: Self.script(pipes), webhook: receiver.url) {
                service, model in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                var work: [String] = []
                for _ in 0..<5 { work.append(try await Worker.launch(service) { $0.task = "work" }) }
                let offers = try await service.client.offers(to: "worker-1", of: ["search"])
                try await worker.start(offers[0], leaseMs: 600_000)
                // More of each than could ever be open.
                var streams: [String] = []
                var tools: [String] = []
                for _ in 0..<limit / 2 {
                    streams.append(try await service.launch("stream"))
                    tools.append(try await service.launch("tool"))
                }
                var peers: [RawControl] = []
                for number in 0..<200 {
                    guard let peer = RawControl(service) else { continue }
                    peer.send(
                        try [
                            Frame(
                                FermataGetRun.with {
                                    $0.run = work[0]
                                    $0.until = [.stopped]
                                    $0.waitMs = 25_000
                                })
                        ], as: UInt32(number + 1))
                    peers.append(peer)
                }
                for socket in ["events", "text"] {
                    for _ in 0..<100 {
                        let path = "\(service.directory)/\(socket).sock"
                        if let peer = RawControl(path: path, handshake: [0, 0x53, 0x50, 0, 0, 0x21, 0, 0]) {
                            peers.append(peer)
                        }
                    }
                }
                // Until nothing more can begin.
                var stats = try await newcomer(service, FermataStats())
                while stats.effectsWaiting < UInt64(limit / 4) || stats.modelCallsInFlight + stats.toolsExecuting == 0 {
                    try await Task.sleep(for: .milliseconds(50))
                    stats = try await newcomer(service, FermataStats())
                }
                print(
                    "\(limit): \(stats.descriptors) open, \(stats.modelCallsInFlight) model calls and "
                        + "\(stats.toolsExecuting) tools, \(stats.effectsWaiting) wait, \(stats.controlConnections) control, "
                        + "\(stats.subscribers) subscribers, \(stats.subscribersRefused) refused")
                #expect(stats.descriptors < stats.descriptorLimit && stats.descriptorLimit == UInt64(limit))
                #expect(stats.effectDescriptors <= stats.effectDescriptorLimit)
                #expect(stats.subscribersRefused > 0 && stats.connectionsClosed > 0)
                // One that streams, one that waits for its turn, and one whose tool does.
                for run in [streams[0], streams.last!, tools.last!] {
                    let reply = try await newcomer(service, FermataInterrupt.with { $0.run = run })
                    #expect([.paused, .pausing].contains(reply.run.status), "\(reply.run.status)")
                    try await service.wait(run, .paused)
                }
                _ = try await newcomer(service, FermataPause.with { $0.run = streams[1] })
                _ = try await newcomer(service, FermataHello())
                _ = try await newcomer(service, FermataStop.with { $0.run = streams[2] })
                for run in try await runs(service) { #expect(run.status != .failed, "\(run.failure)") }
                // What waited begins when there is room, and nothing is lost of it.
                peers = []
                model.gates.open("end")
                for _ in tools { go.send() }
                for run in streams.dropFirst(3).dropLast() + tools.dropLast() {
                    try await service.wait(run, .finished, .failed)
                }
                for run in [streams[0], streams.last!, tools.last!] {
                    try await service.resume(run)
                    try await service.wait(run, .finished, .failed)
                }
                let end = try await service.client.send(FermataStats())
                #expect(end.effectsWaiting == 0 && end.modelCallsInFlight == 0 && end.toolsExecuting == 0)
                #expect(end.effectDescriptors == 0, "\(end.effectDescriptors)")
                for run in try await runs(service) {
                    // A worker that has a call is at work; those that nobody has taken wait.
                    let atWork: [FermataStatus] = run.id == offers[0].run ? [.running] : [.waiting]
                    let expected: [FermataStatus] = work.contains(run.id) ? atWork : [.finished, .paused, .stopped]
                    #expect(expected.contains(run.status), "\(run.task) \(run.status)")
                }
                #expect(!service.serverLog.contains("level=error"), "\(service.serverLog)")
                #expect(service.process.isRunning)
            }
        }

        /// Programs that connect and say nothing, to all the sockets: nng keeps each for ten seconds.
        @Test(arguments: [64, 256]) func aCrowdThatSaysNothingShutsNobodyOut(_ limit: Int) async throws {
            try await Service.run(descriptors: limit, script: Self.script("/nowhere")) { service, model in
                var silent: [Int32] = []
                defer { for descriptor in silent { close(descriptor) } }
                func crowd(_ count: Int) {
                    for name in ["control.sock", "events.sock", "text.sock"] {
                        for _ in 0..<count {
                            if let descriptor = connectWithoutAWord(service.directory + "/" + name) {
                                silent.append(descriptor)
                            }
                        }
                    }
                }
                var all: [String] = []
                for _ in 0..<5 {
                    // As many as wait to be taken, together, without filling the queues of the sockets.
                    crowd(40)
                    let run = try await newcomer(service, FermataLaunch.with { $0.task = "stream" }).run.id
                    all.append(run)
                    #expect(try await newcomer(service, FermataInterrupt.with { $0.run = run }).changed)
                }
                #expect(silent.count > 2 * limit)
                for run in all { try await service.wait(run, .paused) }
                let failed = try await runs(service).filter { $0.status == .failed }
                #expect(failed.isEmpty, "\(failed.map(\.failure))")
                #expect(service.serverLog.contains("connections that said nothing were closed"))
            }
        }

        private func connectWithoutAWord(_ path: String) -> Int32? {
            let descriptor = socket(
                AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(100)) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0 else {
                close(descriptor)
                return nil
            }
            return descriptor
        }

        @Test func tooFewToWorkWithAreRefusedAtTheStart() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let service = Service(directory: directory, environment: ["LLM_MODEL": "openai/mock"], arguments: [])
            try service.limit(descriptors: 48)
            do {
                try await service.start()
                service.kill()
                Issue.record("it started")
            } catch let end as Service.Ended {
                #expect(end.code == 1)
                #expect(end.log.contains("may have 48 descriptors, and the service needs "), "\(end.log)")
                #expect(end.log.contains("LimitNOFILE="))
            }
        }

        /// What the plan takes for the server itself is what it has open.
        @Test func anIdleServerHasWhatThePlanSays() async throws {
            let receiver = WebhookReceiver()
            defer { receiver.stop() }
            for webhook in [nil, receiver.url] {
                try await Service.run(descriptors: 200, script: #"[{"text": "Done."}]"#, webhook: webhook) {
                    service, _ in
                    // The thread that makes model calls is there after the first, the one that moves the log after 2 s.
                    try await service.wait(try await service.launch(), .finished)
                    try await service.ticks(4)
                    // Others are open for a moment, as those of the watchdog's probes: what stays is what each look has.
                    let client = Client(controlURL: service.client.controlURL)
                    var own = UInt64.max
                    for _ in 0..<10 {
                        let stats = try await client.send(FermataStats())
                        own = min(own, stats.descriptors - stats.controlConnections - stats.subscribers)
                    }
                    print("with \(webhook == nil ? "no" : "a") webhook: \(own) descriptors of its own")
                    // The idle connection to the model is in it, which has its own part.
                    #expect(own <= (webhook == nil ? 31 : 38) + 1)
                }
            }
        }
    }
}
