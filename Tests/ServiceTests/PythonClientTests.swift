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
    }
}
