import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    @Suite(.enabled(if: PythonProgram.python != nil, "FERMATA_PYTHON names no python3"))
    struct PythonClientTests {
        /// The client's own tests, which bring a server of their own.
        @Test(.timeLimit(.minutes(5)))
        func itsOwnTestsPass() async throws {
            let tests = PythonProgram.client
            let result = try await PythonProgram.run(
                ["-m", "unittest", "discover", "-t", tests, "-s", "\(tests)/tests"])
            #expect(result.code == 0, "\(result.errors)")
            // Nothing is silently not there.
            #expect(result.errors.contains(/Ran \d\d+ tests/) && !result.errors.contains("skipped"), "\(result.errors)")
        }

        @Test(.timeLimit(.minutes(2)))
        func theMinimalClientLaunchesTailsAndPausesARun() async throws {
            // The model answers once the pause is there: else the run could be finished before it.
            try await Service.run(script: #"[{"gate": "paused", "text": "Hello from the model."}]"#) { service, model in
                let tail = try await service.client.tail()
                async let result = PythonProgram.run(
                    ["\(PythonProgram.client)/minimal.py", "ipc://\(service.directory)/control.sock", "--task", "go"])
                for try await event in tail {
                    if case .held = event.kind { break }
                }
                model.gates.open("paused")
                let (printed, said, code) = try await result
                #expect(code == 0, "\(said)")
                for line in ["model_called", "PAUSED", "hold_lifted", "FINISHED: Hello from the model."] {
                    #expect(printed.contains(line), "\(printed)")
                }
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func theOrchestratorEditsACallApprovesItAndResumes() async throws {
            let script = #"""
                [{"tool_calls": [{"name": "terminal", "arguments": {"command": "echo production"}}]}, {"text": "Deployed."}]
                """#
            try await Service.run(script: script) { service, _ in
                let result = try await PythonProgram.run(
                    [
                        "\(PythonProgram.client)/examples/orchestrator.py", "Deploy it", "--tool", "terminal",
                        "--set", "command=echo staging",
                    ], service: service)
                #expect(result.code == 0, "\(result.errors)")
                #expect(
                    result.output == """
                        selected terminal {"command":"echo production"}
                        approved terminal {"command": "echo staging"}
                        FINISHED: Deployed.

                        """, "\(result)")
                let run = try await service.client.send(FermataListRuns()).runs[0].id
                let events = try await service.events(run)
                let outputs = events.compactMap {
                    if case .callEnded(let ended) = $0.kind { ended.output } else { nil }
                }
                #expect(outputs.count == 1 && outputs[0].contains("staging"), "\(outputs)")
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func aTailHasEveryEventOnceOverKillsAndRestarts() async throws {
            try await Service.run(script: #"[{"match": "", "text": "Hello."}]"#) { service, _ in
                let program = PythonProgram(
                    ["-c", "import fermata\nfor event in fermata.Client().tail(): print(event.offset)"],
                    service: service)
                defer { program.kill() }
                var lines = try program.start().makeAsyncIterator()
                // A server that was never there is not waited for: the program has to have met it before it is killed.
                try await service.launch("")
                #expect(await lines.next() == "1")
                var seen: UInt64 = 1
                for round in 1...4 {
                    for _ in 1...5 { try await service.wait(try await service.launch(), .finished) }
                    if round.isMultiple(of: 2) { service.kill() } else { #expect(await service.terminate() == 0) }
                    try await service.start()
                    let last = try await service.client.send(FermataHello()).lastOffset
                    while seen < last {
                        seen += 1
                        let line = try #require(await lines.next())
                        #expect(line == "\(seen)")
                    }
                }
            }
        }
    }
}
