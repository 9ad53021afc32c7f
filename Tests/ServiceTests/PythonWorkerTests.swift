import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Workers as processes in Python, with the client of tools/clients/python.
    @Suite(.enabled(if: PythonProgram.python != nil, "FERMATA_PYTHON names no python3"))
    struct PythonWorkerTests {
        /// A worker that says when it is registered and which calls it executes: `serving`, `executing TOOL CALL
        /// ATTEMPT`.
        ///
        /// Its calls of `slow` and `careful` end when the file that their argument names is there, or when they are
        /// cancelled.
        private static let program = """
            import logging, pathlib, sys
            import fermata

            class Said(logging.Handler):
                def emit(self, record):
                    if " serves " in record.getMessage():
                        print("serving")

            logging.getLogger("fermata.worker").addHandler(Said())
            logging.getLogger("fermata.worker").setLevel("INFO")

            worker = fermata.Worker(fermata.Client(), name=sys.argv[1], lease=float(sys.argv[2]), threads=2)

            def say(word):
                call = fermata.current_call()
                print(word, call.tool, call.number, call.attempt)

            def until(path):
                say("executing")
                while not pathlib.Path(path).exists():
                    if fermata.current_call().wait_cancelled(0.05):
                        say("cancelled")
                        return "nobody reads this"
                return f"{fermata.current_call().attempt} by {worker.name}"

            @worker.tool
            def add(a: int, b: int = 2) -> int:
                "Adds two numbers."
                say("executing")
                return a + b

            @worker.tool(parallel=True)
            def share(number: int) -> str:
                say("executing")
                return f"{number} by {worker.name}"

            @worker.tool(idempotent=True)
            def slow(path: str) -> str:
                return until(path)

            @worker.tool
            def careful(path: str) -> str:
                return until(path)

            @worker.tool
            def refund(amount: int):
                say("executing")
                return fermata.Pause(f"Refund {amount}?", urgency="HIGH", choices=["all of it", "nothing"])

            worker.run()
            print("ended")
            """

        /// The workers of one test. All are ended with it.
        private final class Workers {
            private let service: Service
            private var programs: [PythonProgram] = []

            init(_ service: Service) { self.service = service }

            deinit { for program in programs { program.kill() } }

            /// Starts one, and returns when its tools are registered.
            func start(_ name: String, lease: Double = 30) async throws
                -> (program: PythonProgram, lines: AsyncStream<String>.Iterator)
            {
                let program = PythonProgram(["-c", PythonWorkerTests.program, name, "\(lease)"], service: service)
                programs.append(program)
                var lines = try program.start().makeAsyncIterator()
                #expect(await lines.next() == "serving")
                return (program, lines)
            }
        }

        private static func turn(_ calls: String...) -> String {
            #"[{"tool_calls": [\#(calls.joined(separator: ", "))]}, {"text": "done"}]"#
        }

        private func launch(_ service: Service, _ tools: String...) async throws -> String {
            try await service.launch { $0.tools = tools }
        }

        private func results(_ service: Service, _ run: String) async throws -> [FermataCallEnded] {
            try await service.events(run).compactMap { if case .callEnded(let ended) = $0.kind { ended } else { nil } }
        }

        @Test(.timeLimit(.minutes(2)))
        func servesAToolToItsOrderlyEnd() async throws {
            let script = Self.turn(#"{"name": "add", "arguments": {"a": 40}}"#)
            try await Service.run(script: script) { service, _ in
                let workers = Workers(service)
                var (worker, lines) = try await workers.start("one")
                let run = try await launch(service, "add")
                try await service.wait(run, .finished)
                let ended = try await results(service, run)
                #expect(ended.map(\.output) == ["42"] && ended.map(\.outcome) == [.callFinished])
                #expect(await lines.next() == "executing add 1 1")
                worker.process.terminate()
                #expect(await lines.next() == "ended")
                let (errors, code) = await worker.end()
                #expect(code == 0 && !errors.contains("Traceback"), "\(errors)")
            }
        }

        /// The path that a tool waits for, in a directory of the test's own.
        private func withGate(
            _ tool: String, _ body: (Service, Workers, _ open: () -> Void) async throws -> Void
        ) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let gate = directory + "/gate"
            let script = Self.turn(#"{"name": "\#(tool)", "arguments": {"path": "\#(gate)"}}"#)
            try await Service.run(script: script) { service, _ in
                try await body(service, Workers(service)) {
                    _ = FileManager.default.createFile(atPath: gate, contents: nil)
                }
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func ofAKilledWorkerAnIdempotentCallGoesToAnother() async throws {
            try await withGate("slow") { service, workers, open in
                var (first, lines) = try await workers.start("first", lease: 1)
                let run = try await launch(service, "slow")
                #expect(await lines.next() == "executing slow 1 1")
                var (_, others) = try await workers.start("second", lease: 1)
                first.kill()
                #expect(await others.next() == "executing slow 1 2")
                open()
                try await service.wait(run, .finished)
                #expect(try await results(service, run).map(\.output) == ["2 by second"])
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func ofAKilledWorkerPeopleAreAskedAboutAnyOtherCall() async throws {
            try await withGate("careful") { service, workers, open in
                var (first, lines) = try await workers.start("first", lease: 1)
                let run = try await launch(service, "careful")
                #expect(await lines.next() == "executing careful 1 1")
                first.kill()
                try await service.wait(run, .waiting, .failed)
                let tail = try await service.client.tail(run: RunID(run)!)
                var ask: UInt32 = 0
                for try await event in tail {
                    guard case .askOpened(let opened) = event.kind else { continue }
                    #expect(opened.kind == .outcome && opened.call == 1)
                    ask = opened.number
                    break
                }
                // Another worker is there, and does not get it until people say so.
                var (_, others) = try await workers.start("second", lease: 1)
                #expect(try await results(service, run).isEmpty)
                _ = try await service.client.send(
                    FermataAnswer.with {
                        $0.run = run
                        $0.ask = ask
                        $0.verdict = .runAgain
                    })
                #expect(await others.next() == "executing careful 1 2")
                open()
                try await service.wait(run, .finished)
                #expect(try await results(service, run).map(\.output) == ["2 by second"])
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func aLeaseIsKeptForAsLongAsTheCallTakes() async throws {
            try await withGate("careful") { service, workers, open in
                var (_, lines) = try await workers.start("one", lease: 1)
                let run = try await launch(service, "careful")
                #expect(await lines.next() == "executing careful 1 1")
                // Three leases long, by the service's own clock.
                let begun = try await service.client.send(FermataHello()).nowAt
                while try await service.client.send(FermataHello()).nowAt < begun + 3_000_000 {
                    _ = try await service.client.send(
                        FermataGetRun.with {
                            $0.run = run
                            $0.until = [.finished, .failed]
                            $0.waitMs = 500
                        })
                }
                open()
                try await service.wait(run, .finished)
                let ended = try await results(service, run)
                #expect(ended.map(\.output) == ["1 by one"] && ended.map(\.attempt) == [1])
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func anInterruptCancelsTheFunction() async throws {
            try await withGate("careful") { service, workers, _ in
                var (_, lines) = try await workers.start("one", lease: 1)
                let run = try await launch(service, "careful")
                #expect(await lines.next() == "executing careful 1 1")
                try await service.interrupt(run)
                #expect(try await service.summary(run).status == .paused)
                #expect(await lines.next() == "cancelled careful 1 1")
                #expect(try await results(service, run).map(\.outcome) == [.callInterrupted])
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func aServiceThatIsKilledGetsTheResultNevertheless() async throws {
            try await withGate("careful") { service, workers, open in
                var (_, lines) = try await workers.start("one", lease: 1)
                let run = try await launch(service, "careful")
                #expect(await lines.next() == "executing careful 1 1")
                service.kill()
                open()
                try await service.start()
                try await service.wait(run, .finished)
                #expect(try await results(service, run).map(\.output) == ["1 by one"])
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func aPauseIsAnsweredAndTheToolIsNotExecutedAgain() async throws {
            let script = Self.turn(#"{"name": "refund", "arguments": {"amount": 500}}"#)
            try await Service.run(script: script) { service, _ in
                let workers = Workers(service)
                var (worker, lines) = try await workers.start("one")
                let run = try await launch(service, "refund")
                #expect(await lines.next() == "executing refund 1 1")
                try await service.wait(run, .waiting)
                let asks = try await service.client.send(FermataListAsks.with { $0.run = run }).asks
                let ask = try #require(asks.first)
                #expect(ask.question == "Refund 500?" && ask.urgency == .high)
                try await service.refused(.invalidAnswer) { try await service.answer(run, ask.number, "half of it") }
                try await service.answer(run, ask.number, "all of it")
                try await service.wait(run, .finished)
                #expect(try await results(service, run).map(\.output) == ["all of it"])
                worker.process.terminate()
                #expect(await lines.next() == "ended")
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func twoWorkersShareTheLoad() async throws {
            let calls = (1...40).map { #"{"name": "share", "arguments": {"number": \#($0)}}"# }
            let script = #"[{"tool_calls": [\#(calls.joined(separator: ", "))]}, {"text": "done"}]"#
            try await Service.run(script: script) { service, _ in
                let workers = Workers(service)
                _ = try await workers.start("one")
                _ = try await workers.start("two")
                let run = try await launch(service, "share")
                try await service.wait(run, .finished)
                let ended = try await results(service, run).sorted { $0.number < $1.number }
                #expect(ended.map(\.number) == Array(1...40))
                for (index, call) in ended.enumerated() {
                    let possible: [String] = ["\(index + 1) by one", "\(index + 1) by two"]
                    #expect(possible.contains(call.output))
                }
                let served: [String] = ended.map { String($0.output.suffix(3)) }
                #expect(Set(served).count == 2, "one of them did everything")
            }
        }
    }
}
