import FermataClient
import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// More clients wait than the server has places for: four, at 64 descriptors.
    @Suite(.timeLimit(.minutes(3))) struct CrowdedWaitTests {
        private static let script = #"[{"text": "Done.", "gate": "answer"}]"#
        private static let clients = 30

        /// Those that are not held pause for a second on average, and for less the first few times; each time they send
        /// Hello and their read. The bound is twice that. Clients that ask again at once send it in half a second.
        private func expectPauses(
            _ service: Service, ticks: Int, newcomer: String, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let start = ContinuousClock.now
            let before = try await service.client.send(FermataStats())
            try await service.ticks(ticks)
            for number in 1...10 {
                // Over a connection that nobody has had before.
                _ = try await Client(controlURL: service.client.controlURL).send(
                    FermataSend.with {
                        $0.run = newcomer
                        $0.text = "\(number)"
                    })
            }
            let after = try await service.client.send(FermataStats())
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let requests = after.requests - before.requests
            let closed = after.connectionsClosed - before.connectionsClosed
            print("\(requests) requests, \(closed) connections closed in \(seconds) s")
            let most = Double(Self.clients) * 4 * (6 + seconds)
            #expect(Double(requests) < most && Double(closed) < most, sourceLocation: sourceLocation)
            #expect(after.readsWaiting > 0, sourceLocation: sourceLocation)
        }

        @Test func thoseThatWaitForAStatusPause() async throws {
            try await Service.run(descriptors: 64, script: Self.script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                let other = try await service.launch("")
                try await service.pause(other)
                let url = service.client.controlURL
                try await withThrowingTaskGroup(of: FermataRunSummary.self) { group in
                    for _ in 0..<Self.clients {
                        group.addTask { try await Client(controlURL: url).wait(for: [.finished], run: run) }
                    }
                    try await expectPauses(service, ticks: 8, newcomer: other)
                    model.gates.open("answer")
                    for try await summary in group { #expect(summary.status == .finished) }
                }
            }
        }

        @Test func workersPause() async throws {
            try await Service.run(descriptors: 64, script: Self.script) { service, _ in
                try await Worker(client: service.client).register(Worker.spec())
                let other = try await service.launch("")
                try await service.pause(other)
                let url = service.client.controlURL
                let workers = (1...Self.clients).map { number in
                    Task { try await Client(controlURL: url).offers(to: "worker-\(number)", of: ["search"]) }
                }
                try await expectPauses(service, ticks: 8, newcomer: other)
                for worker in workers { worker.cancel() }
                for worker in workers {
                    await #expect(throws: ClientError.self) { try await worker.value }
                }
            }
        }

        @Test(.enabled(if: PythonProgram.python != nil, "FERMATA_PYTHON names no python3"))
        func thoseOfThePythonClientPause() async throws {
            try await Service.run(descriptors: 64, script: Self.script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("answer")
                let other = try await service.launch("")
                try await service.pause(other)
                let program = PythonProgram(
                    [
                        "-c",
                        """
                        import sys, threading, fermata
                        def wait(): print(fermata.Client().wait_until(sys.argv[1], "FINISHED").id + "\\n", end="")
                        for _ in range(\(Self.clients)): threading.Thread(target=wait).start()
                        """, run,
                    ], service: service)
                defer { program.kill() }
                let lines = try program.start()
                while try await service.client.send(FermataStats()).readsWaiting == 0 { await Task.yield() }
                try await expectPauses(service, ticks: 8, newcomer: other)
                model.gates.open("answer")
                var ended = 0
                for await line in lines where line == run { ended += 1 }
                let end = await program.end()
                #expect(ended == Self.clients && end.code == 0, "\(end.errors)")
            }
        }

        /// A caller of the gateway would ask again at once.
        @Test func theGatewayHoldsWhatTheServerDoesNot() async throws {
            try await Service.run(descriptors: 64, script: Self.script) { service, model in
                let token = try await service.token(.read)
                let run = try await service.launch()
                await model.gates.awaited("answer")
                let other = try await service.launch("")
                try await service.pause(other)
                let url = service.client.controlURL
                let holders = (0..<4).map { _ in
                    Task { try await Client(controlURL: url).wait(for: [.finished], run: other) }
                }
                defer { for holder in holders { holder.cancel() } }
                while try await service.client.send(FermataStats()).readsWaiting < 4 { await Task.yield() }
                try await RunningGateway.run(service) { gateway in
                    let before = try await service.client.send(FermataStats()).requests
                    // Nobody else uses it meanwhile.
                    nonisolated(unsafe) let caller = gateway
                    async let response = caller.post(
                        "GetRun", #"{"run": "\#(run)", "until": ["FINISHED"], "waitMs": 25000}"#, token: token)
                    // Its Hello, its read, and one read more at least.
                    var asked: UInt64 = 1
                    while try await service.client.send(FermataStats()).requests < before + asked + 3 { asked += 1 }
                    model.gates.open("answer")
                    let answered = try await response
                    #expect(answered.status == 200 && answered.body.contains(#""matched":true"#), "\(answered)")
                }
            }
        }

        /// The log is moved two seconds after the start for the first time, and clients can have the last descriptors then.
        @Test func theLogIsMovedWhereThereIsNoDescriptor() async throws {
            try await Service.run(descriptors: 64, script: Self.script) { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                // Fewer than it has open: none is to be had.
                try await service.limitDescriptors(to: 8)
                let before = try await service.client.send(FermataStats()).storeBytes
                try await service.send(run, String(repeating: "x", count: 500_000))
                while try await service.client.send(FermataStats()).storeBytes < before + 400_000 {
                    try await Task.sleep(for: .milliseconds(50))
                }
                try await service.limitDescriptors(to: 64)
                #expect(!service.serverLog.contains("the WAL is not moved"), "\(service.serverLog)")
            }
        }
    }
}
