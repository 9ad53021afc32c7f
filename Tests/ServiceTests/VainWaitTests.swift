import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// A wait for a status that cannot come any more ends, in every client.
    @Suite(.timeLimit(.minutes(2))) struct VainWaitTests {
        private func get(_ run: String, _ statuses: [FermataStatus], waitMs: UInt32 = 25_000) -> FermataGetRun {
            .with {
                $0.run = run
                $0.until = statuses
                $0.waitMs = waitMs
            }
        }

        /// The request's time-out is shorter than the wait: only an answer that does not wait comes in time.
        private func expectRefused(
            _ service: Service, _ run: String, _ statuses: FermataStatus..., status: String = "STOPPED",
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            do {
                _ = try await service.client.send(get(run, statuses), timeout: .seconds(15))
                Issue.record("it was answered", sourceLocation: sourceLocation)
            } catch ClientError.refused(let error) {
                #expect(error.code == "WRONG_STATUS" && !error.retryable, sourceLocation: sourceLocation)
                #expect(
                    error.details == [.with { ($0.key, $0.value) = ("status", status) }], sourceLocation: sourceLocation
                )
            }
        }

        @Test func ofAStoppedRunAtOnce() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let run = try await service.launch()
                try await service.wait(run, .finished)
                try await service.stop(run)
                for _ in 1...2 {
                    try await expectRefused(service, run, .finished)
                    try await expectRefused(service, run, .idle, .running, .pausing, .paused, .waiting, .failed)
                    #expect(try await service.client.send(get(run, [.finished, .stopped])).matched)
                    // Who does not wait is told how it is.
                    let reply = try await service.client.send(get(run, [.finished], waitMs: 0))
                    #expect(!reply.matched && reply.run.status == .stopped)
                    // Once more of a run that is rows and nothing else.
                    service.kill()
                    try await service.start()
                }
                let handedOff = try await service.launch("")
                _ = try await service.export(handedOff, handoff: true)
                try await expectRefused(service, handedOff, .finished, .paused)
            }
        }

        /// The commit that makes it vain answers the wait that was there before.
        @Test func asSoonAsItIsStopped() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "never"}]"#) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("never")
                async let vain: Void = expectRefused(service, run, .finished, .failed)
                async let stopped = service.client.send(get(run, [.finished, .stopped]), timeout: .seconds(15))
                while try await service.client.send(FermataStats()).readsWaiting < 2 { await Task.yield() }
                try await service.stop(run)
                try await vain
                #expect(try await stopped.run.status == .stopped)
            }
        }

        @Test func forIdleOnceItHasBegun() async throws {
            try await Service.run(script: #"[{"text": "Done.", "gate": "go"}]"#) { service, model in
                let run = try await service.launch("")
                try await service.pause(run)
                async let vain: Void = expectRefused(service, run, .idle, status: "RUNNING")
                while try await service.client.send(FermataStats()).readsWaiting < 1 { await Task.yield() }
                // A message that waits may be withdrawn: it is not vain yet.
                try await service.send(run, "go")
                #expect(try await service.client.send(FermataStats()).readsWaiting == 1)
                try await service.resume(run)
                try await vain
                await model.gates.awaited("go")
                try await expectRefused(service, run, .idle, status: "RUNNING")
                model.gates.open("go")
                try await service.wait(run, .finished)
            }
        }

        @Test func inTheClients() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let run = try await service.launch()
                try await service.wait(run, .finished)
                try await service.stop(run)
                try await service.refused(.wrongStatus) { try await service.wait(run, .finished, .waiting) }
                let cases: [(statuses: [String], code: Int32)] = [
                    ([], 13), (["--for", "STOPPED"], 0), (["--for", "FINISHED"], 13),
                    (["--for", "IDLE", "PAUSED"], 13),
                ]
                for (statuses, code) in cases {
                    let result = try await Service.cli(["wait", run] + statuses, directory: service.directory)
                    #expect(result.code == code, "\(statuses): \(result)")
                    let isVain = code == 13 && !statuses.isEmpty
                    #expect(result.errors.contains("the run is STOPPED and will never be") == isVain, "\(result)")
                    #expect(
                        isVain ? result.errors.isOneLine && result.output.isEmpty : result.errors.isEmpty, "\(result)")
                }
                let other = try await service.launch()
                try await service.wait(other, .finished)
                let idle = try await service.cli("wait", other, "--for", "IDLE")
                #expect(idle.code == 1 && idle.errors.contains("the run is FINISHED and will never be IDLE"), "\(idle)")

                try await RunningGateway.run(service) { gateway in
                    let body = #"{"run": "\#(run)", "until": ["FINISHED"], "waitMs": 25000}"#
                    let response = try await gateway.post("GetRun", body, token: try await service.token(.read))
                    #expect(response.status == 409 && response.code == "WRONG_STATUS", "\(response)")
                }
            }
        }

        @Test(.enabled(if: PythonProgram.python != nil, "FERMATA_PYTHON names no python3")) func inPython() async throws
        {
            let program = """
                import sys, fermata
                try:
                    fermata.Client().wait_until(sys.argv[1], "FINISHED", "FAILED")
                except fermata.FermataError as error:
                    print(error.code, error.details)
                """
            try await Service.run(script: #"[{"text": "Done.", "gate": "never"}]"#) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("never")
                async let result = PythonProgram.run(["-c", program, run], service: service)
                while try await service.client.send(FermataStats()).readsWaiting < 1 { await Task.yield() }
                try await service.stop(run)
                let (printed, said, code) = try await result
                #expect(code == 0 && printed == "WRONG_STATUS {'status': 'STOPPED'}\n", "\(printed) \(said)")
            }
        }

        /// A message waits for its delivery in the same way.
        @Test(arguments: [true, false]) func aMessageThatIsNeverDeliveredEndsTheWait(isStopped: Bool) async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                let command = try RunningCommand(service, "send", "--wait", run, "never read")
                defer { command.kill() }
                _ = await command.lines(upTo: "message 1")
                if isStopped { try await service.stop(run) } else { _ = try await service.export(run, handoff: true) }
                let end = await command.end()
                #expect(end.code == 1, "\(end)")
                #expect(end.errors.contains(isStopped ? "the run was stopped before" : "the run was handed off before"))
            }
        }
    }
}
