import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// The real command line against the real server.
    @Suite(.timeLimit(.minutes(2))) struct CommandLineTests {
        @Test func launchAndWaitTellsByItsExitCodeHowTheRunRests() async throws {
            let script = #"""
                [
                  {"match": "user: well", "text": "All is well."},
                  {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
                  {"match": "user: fail", "fault": {"status": 400}, "repeat": true},
                  {"match": "user: pause", "text": "Late.", "gate": "answer"}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let finished = try await service.cli("launch", "--wait", "well")
                #expect(finished.code == 0 && finished.output == "All is well.\n", "\(finished)")
                let waiting = try await service.cli("launch", "--wait", "ask")
                #expect(waiting.code == 10 && waiting.errors.contains("WAITING"), "\(waiting)")
                let failed = try await service.cli("launch", "--wait", "fail")
                #expect(failed.code == 12 && failed.errors.contains("FAILED: HTTP_STATUS"), "\(failed)")
                async let paused = service.cli("launch", "--wait", "pause")
                await model.gates.awaited("answer")
                let run = try #require(try await service.client.send(FermataListRuns.with { $0.limit = 1 }).runs.first)
                #expect(try await service.cli("pause", run.id).code == 0)
                model.gates.open("answer")
                let held = try await paused
                #expect(held.code == 11 && held.output == "Late.\n", "\(held)")
            }
        }

        @Test func aServerThatIsNotThereGetsOneLineThatSaysHowToStartIt() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            for arguments in [["list"], ["launch", "x"], ["tail"], ["launch", "--follow", "x"], ["pause", "01"]] {
                let result = try await Service.cli(arguments, directory: directory)
                #expect(result.code == 69 && result.output.isEmpty)
                #expect(
                    result.errors.isOneLine && result.errors.hasSuffix("Start one with: fermata serve\n"), "\(result)")
            }
        }

        @Test func everyRefusalIsOneLineAndChangesNothing() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let other = try await service.launch("")
                let missing = "00000000-0000-7000-8000-000000000000"
                let common = String(run.prefix(6))
                let cases: [(arguments: [String], code: Int32, says: String)] = [
                    (["show", missing], 1, "[NO_SUCH_RUN]"),
                    (["pause", missing], 1, "[NO_SUCH_RUN]"),
                    (["history", missing], 1, "[NO_SUCH_RUN]"),
                    (["tail", missing], 1, "[NO_SUCH_RUN]"),
                    (["show", "ffff"], 1, "[NO_SUCH_RUN]"),
                    (["show", common], 1, "[AMBIGUOUS_RUN]"),
                    (["show", "no run"], 1, "[INVALID_ARGUMENT]"),
                    (["resume", run], 1, "[WRONG_STATUS]"),
                    (["answer", run, "--ask", "1", "yes"], 1, "[NO_SUCH_ASK]"),
                    (["send", run, ""], 1, "[INVALID_ARGUMENT]"),
                    (["send", run, "x", "--if-seq", "7"], 1, "[STALE]"),
                    (["launch", "--workspace", "/nowhere/at/all", "x"], 1, "[INVALID_ARGUMENT]"),
                    (["launch", "--tools", "hammer", "--", "x"], 1, "[INVALID_ARGUMENT]"),
                ]
                let before = try await service.everyEvent()
                for (arguments, code, says) in cases {
                    let result = try await Service.cli(arguments, directory: service.directory)
                    #expect(result.code == code && result.output.isEmpty, "\(arguments): \(result)")
                    #expect(result.errors.isOneLine && result.errors.contains(says), "\(arguments): \(result)")
                }
                for arguments in [
                    ["dance"], ["show"], ["send", run, "x", "--now", "--when-idle"], ["wait", run, "--for", "HAPPY"],
                ] {
                    #expect(try await Service.cli(arguments, directory: service.directory).code == 64, "\(arguments)")
                }
                #expect(try await service.everyEvent() == before)
                #expect(try await service.summary(other).status == .idle)
            }
        }

        @Test func anUnknownModelAndAMissingKeyAreOneLine() async throws {
            try await Service.run { service in
                let result = try await service.cli("launch", "--model", "openai/gpt-4o", "x")
                #expect(result.code == 1)
                #expect(result.errors.isOneLine && result.errors.contains("OPENAI_API_KEY"), "\(result)")
                #expect(result.errors.contains("[MISSING_KEY]"))
                let unknown = try await service.cli("launch", "--model", "nobody/model", "x")
                #expect(unknown.code == 1 && unknown.errors.isOneLine && unknown.errors.contains("[UNKNOWN_MODEL]"))
                let nothing = try await service.cli("launch", "x")
                #expect(nothing.code == 1 && nothing.errors.isOneLine && nothing.errors.contains("LLM_MODEL"))
                #expect(try await service.everyEvent().isEmpty)
            }
        }

        @Test func aRunIsLedThroughItsLifeFromTheCommandLine() async throws {
            let script = #"""
                [
                  {"match": "user: Paint", "text": "I ask.", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which colour?", "context": "The door."}}]},
                  {"match": "tool: blue", "text": "Blue it is.", "gate": "answer"},
                  {"match": "user: No, red", "text": "Red it is."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let launched = try await service.cli("launch", "--by", "anna", "--reason", "to see", "Paint.")
                let run = launched.output.trimmingCharacters(in: .newlines)
                #expect(launched.code == 0 && RunID(run) != nil)
                #expect(
                    try await service.cli("wait", run, "--for", "WAITING", "FINISHED").output == "\(run)  WAITING\n")
                #expect(try await service.cli("wait", run).code == 10)

                // A prefix that is the run's own: all of it but the last digit.
                let prefix = String(run.dropLast())
                let shown = try await service.cli("show", prefix)
                #expect(shown.output.contains("status     WAITING") && shown.output.contains("task       Paint."))
                let inbox = try await service.cli("inbox")
                #expect(inbox.output.contains("Which colour?") && inbox.output.contains("The door."))
                #expect(try await service.cli("list", "--status", "WAITING").output.hasPrefix(run))
                #expect(try await service.cli("list", "--status", "FAILED").output.isEmpty)

                let answered = try await service.cli("answer", prefix, "blue")
                #expect(answered.code == 0 && answered.output.hasPrefix("\(run)  RUNNING"), "\(answered)")
                await model.gates.awaited("answer")
                let sent = try await service.cli("send", "--now", run, "No, red.")
                #expect(sent.output == "\(run)  RUNNING  message 2\n", "\(sent)")
                try await service.wait(run, .finished)
                #expect(try await service.cli("inbox").output == "nothing is asked\n")

                let history = try await service.cli("history", run)
                #expect(history.output.hasPrefix("#1 ") && history.output.contains("by anna: to see"))
                #expect(history.output.contains("answer cut (BY_MESSAGE)"))
                let lines = try await service.cli("history", "--json", run).output.split(separator: "\n")
                #expect(try lines.map { try FermataEvent(jsonString: String($0)) } == (try await service.events(run)))
                let json = try await service.cli("show", "--json", run).output
                #expect(json.isOneLine)
                #expect(try FermataGetRunReply(jsonString: json).run.status == .finished)
                let stopped = try await service.cli("stop", "--json", run)
                #expect(try FermataCommandReply(jsonString: stopped.output).run.status == .stopped)
                #expect(try await service.cli("stop", run).output == "\(run)  STOPPED  (nothing to do)\n")
                #expect(try await service.cli("send", run, "more").code == 1)
            }
        }
    }
}
