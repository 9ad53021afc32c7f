import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// The minimal client in Python launches, tails and pauses a run. FERMATA_PYTHON names a Python with pynng and
    /// protobuf; tools/test makes one.
    @Suite struct PythonClientTests {
        static let python = ProcessInfo.processInfo.environment["FERMATA_PYTHON"]

        @Test(.enabled(if: PythonClientTests.python != nil), .timeLimit(.minutes(2)))
        func itLaunchesTailsAndPauses() async throws {
            let script = #"""
                [{"first_token_delay_ms": 1500, "text": "Looking.",
                  "tool_calls": [{"name": "terminal", "arguments": {"command": "echo from-python > seen"}}]},
                 {"text": "The end."}]
                """#
            try await Service.run(script: script) { service, _ in
                let process = Process()
                process.executableURL = URL(fileURLWithPath: try #require(PythonClientTests.python))
                let client = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                    .appendingPathComponent("../../tools/clients/python/minimal.py").standardizedFileURL.path
                process.arguments = [client, service.client.controlURL, "--model", "openai/mock", "--task", "go"]
                let output = Pipe()
                process.standardOutput = output
                process.standardError = output
                try process.run()
                let printed = await output.readAll()
                #expect(await process.exitCode() == 0, "\(printed)")
                #expect(printed.contains("The end."), "\(printed)")
                let run = try #require(try await service.client.send(FermataListRuns()).runs.first)
                #expect(run.status == .finished)
                let kinds = try await service.events(run.id).compactMap(\.kind)
                #expect(kinds.contains { if case .held = $0 { true } else { false } })
                #expect(kinds.contains { if case .holdLifted = $0 { true } else { false } })
            }
        }
    }
}
