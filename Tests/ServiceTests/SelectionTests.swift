import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// The pause between selection and execution, and what a failed run goes on with.
    @Suite(.timeLimit(.minutes(2))) struct SelectionTests {
        private static let script = #"""
            [
              {"text": "I deploy.", "tool_calls": [
                {"name": "terminal", "arguments": {"command": "echo production >> ran"}},
                {"name": "terminal", "arguments": {"command": "echo announced >> ran"}},
                {"name": "terminal", "arguments": {"command": "echo checked >> ran"}}
              ]},
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo again >> ran"}}]},
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo last >> ran"}}]},
              {"text": "Done."}
            ]
            """#

        private func calls(_ run: String, _ service: Service) async throws -> [FermataCall] {
            try await service.client.send(
                FermataGetRun.with {
                    $0.run = run
                    $0.calls = true
                }
            ).calls
        }

        private func decide(
            _ run: String, _ call: FermataCall, _ verdict: FermataVerdict,
            _ change: (inout FermataDecideCall) -> Void = { _ in }
        ) -> FermataDecideCall {
            var decide = FermataDecideCall.with {
                ($0.run, $0.call, $0.verdict, $0.by) = (run, call.number, verdict, "ada")
                $0.argumentsSha256 = call.argumentsSha256
            }
            change(&decide)
            return decide
        }

        @Test func aRunHoldsAfterEachSelectionUntilItIsTold() async throws {
            try await Service.run(script: Self.script) { service, model in
                let run = try await service.launch { $0.holdAt = .selection }
                let held = try await service.wait(run, .paused)
                #expect(held.hold.cause == .selection && held.holdAt == .selection && held.openAsks.isEmpty)
                let selected = try await calls(run, service)
                #expect(selected.map(\.state) == [.selected, .selected, .selected])
                #expect(selected.allSatisfy { $0.argumentsSha256.count == 64 && $0.gate == .allow })
                let shown = try await service.cli("show", run)
                #expect(shown.output.contains("hold at    each selection of calls\n"))
                #expect(shown.output.contains(#"terminal {"command":"echo production >> ran"}  SELECTED"#), "\(shown)")

                let edit = decide(run, selected[0], .edit) { $0.arguments = #"{"command": "echo staging >> ran"}"# }
                #expect(try await service.client.send(edit).run.status == .paused)
                try await service.refused(.stale) { _ = try await service.client.send(edit) }
                _ = try await service.client.send(decide(run, selected[1], .reject) { $0.text = "Not before noon." })
                let after = try await calls(run, service)
                #expect(after.map(\.edited) == [true, false, false] && after[1].outcome == .callRejected)

                // A restart in between starts nothing.
                service.kill()
                try await service.start()
                #expect(try await service.summary(run).status == .paused)
                try await service.resume(run)
                let again = try await service.event(run, after: held.lastSeq + 1) {
                    if case .held = $0 { true } else { false }
                }
                #expect(again.held.cause == .selection)
                try await service.wait(run, .paused)
                #expect(try await calls(run, service).map(\.arguments) == [#"{"command":"echo again >> ran"}"#])
                let messages = try model.log.shown(2)
                #expect(messages.contains { $0.contains("Not before noon.") })
                #expect(messages.contains { $0.contains("The operator changed the arguments") })

                let told = try await service.client.send(
                    FermataResume.with {
                        $0.run = run
                        $0.holdAt = .none
                    })
                #expect(told.run.holdAt != .selection)
                let finished = try await service.wait(run, .finished)
                let ran = try String(contentsOfFile: finished.workspace + "/ran", encoding: .utf8)
                #expect(ran == "staging\nchecked\nagain\nlast\n")
            }
        }

        @Test func whatIsNoDecisionIsRefused() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch { $0.holdAt = .selection }
                try await service.wait(run, .paused)
                let call = try await calls(run, service)[0]
                let before = try await service.summary(run)
                func refused(_ code: ErrorCode, _ command: FermataDecideCall) async throws {
                    do {
                        _ = try await service.client.send(command)
                        Issue.record("\(code.name): it was accepted")
                    } catch ClientError.refused(let error) {
                        #expect(error.code == code.name && !error.message.contains("secret"), "\(error)")
                    }
                }
                for verdict: FermataVerdict in [.unspecified, .approve, .endTurn] {
                    try await refused(.invalidArgument, decide(run, call, verdict))
                }
                for arguments in [
                    "", "secret", "[]", #"{"secret": 1}"#, #"{"command": 7}"#, #"{"command":"a","command":"b"}"#,
                ] {
                    try await refused(.invalidArgument, decide(run, call, .edit) { $0.arguments = arguments })
                }
                try await refused(.stale, decide(run, call, .reject) { $0.argumentsSha256 = "secret" })
                try await refused(.noSuchCall, decide(run, call, .reject) { $0.call = 4 })
                try await refused(.noSuchCall, decide(run, call, .reject) { $0.call = 0 })
                try await refused(.stale, decide(run, call, .reject) { $0.ifSeq = 1 })
                try await refused(.unsupported, decide(run, call, .UNRECOGNIZED(77)))
                #expect(try await service.summary(run) == before)
                _ = try await service.client.send(decide(run, call, .reject))
                try await refused(.callEnded, decide(run, call, .reject))
                _ = try await service.client.send(
                    FermataResume.with {
                        $0.run = run
                        $0.holdAt = .none
                    })
                try await service.wait(run, .finished)
                try await refused(.callEnded, decide(run, call, .reject))
            }
        }

        @Test func aFailedRunGoesOnWithAnotherModelAtAnotherPlace() async throws {
            let script = #"[{"fault": {"status": 401}, "repeat": true}]"#
            try await Service.run(script: script) { service, _ in
                let other = try await MockModel.start(try ModelScript(json: #"[{"text": "Done."}]"#, file: "other"))
                let run = try await service.launch()
                let failed = try await service.wait(run, .failed)
                #expect(failed.failure.willRepeat)
                let shown = try await service.cli("show", run)
                #expect(shown.output.contains("; trying again unchanged would fail again\n"), "\(shown)")
                func refused(_ code: ErrorCode, _ change: (inout FermataResume) -> Void) async throws {
                    var resume = FermataResume.with { $0.run = run }
                    change(&resume)
                    try await service.refused(code) { [resume] in _ = try await service.client.send(resume) }
                }
                try await refused(.invalidArgument) { $0.baseURL = other.baseURL }
                try await refused(.invalidArgument) { ($0.model, $0.baseURL) = ("openai/x", "file:///etc/passwd") }
                try await refused(.unknownModel) { $0.model = "openai/" }
                try await refused(.invalidArgument) { $0.model = "openai/" + String(repeating: "x", count: 1024) }
                try await refused(.unsupported) { $0.holdAt = .UNRECOGNIZED(9) }
                #expect(try await service.summary(run) == failed)

                let resumed = try await service.cli(
                    "resume", run, "--model", "openai/other", "--base-url", other.baseURL)
                #expect(resumed.code == 0, "\(resumed)")
                let finished = try await service.wait(run, .finished)
                #expect(finished.model == "openai/other" && finished.lastMessage == "Done.")
                #expect(other.log.entries().count == 1)
                await other.stop()
            }
        }
    }
}
