import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// What each command of the command line makes of its options.
    @Suite(.timeLimit(.minutes(2))) struct CommandTests {
        private let gated = #"""
            [{"match": "user: second", "text": "Two."}, {"match": "user: go", "text": "One.", "gate": "answer"}]
            """#

        @Test func aReceiptSaysAtWhichStepAMessageWasDelivered() async throws {
            try await Service.run(script: gated) { service, model in
                let run = try await service.launch("go")
                await model.gates.awaited("answer")
                let sending = try RunningCommand(service, "send", "--wait", run, "second")
                defer { sending.kill() }
                #expect(await sending.nextLine() == "\(run)  RUNNING  message 2")
                // It is queued, and the command waits.
                model.gates.open("answer")
                let end = await sending.end()
                #expect(end.code == 0 && end.output == ["\(run)  message 2 delivered at step 2"], "\(end)")
            }
        }

        @Test func aReceiptThatCannotComeEndsTheCommand() async throws {
            try await Service.run(script: gated) { service, model in
                let run = try await service.launch("go")
                await model.gates.awaited("answer")
                let sending = try RunningCommand(service, "send", "--wait", run, "second")
                defer { sending.kill() }
                _ = await sending.nextLine()
                let withdrawn = try await service.cli("withdraw", run, "2")
                #expect(withdrawn.code == 0 && withdrawn.output == "\(run)  RUNNING\n", "\(withdrawn)")
                let end = await sending.end()
                #expect(end.code == 1 && end.errors.contains("message 2 was withdrawn"), "\(end)")
                let again = try await service.cli("withdraw", run, "2")
                #expect(again.code == 1 && again.errors.contains("[NO_SUCH_MESSAGE]"))
                let delivered = try await service.cli("withdraw", run, "1")
                #expect(delivered.code == 1 && delivered.errors.contains("[ALREADY_DELIVERED]"))
                #expect(delivered.errors.isOneLine && delivered.errors.contains("send another one"))

                let other = try RunningCommand(service, "send", "--wait", run, "third")
                defer { other.kill() }
                _ = await other.nextLine()
                try await service.stop(run)
                let stopped = await other.end()
                #expect(stopped.code == 1 && stopped.errors.contains("stopped before message 3"), "\(stopped)")
            }
        }

        @Test func aHoldHasATimeAndAToken() async throws {
            try await Service.run(script: gated) { service, _ in
                let idle = try await service.launch("")
                let before = Int64(Date.now.timeIntervalSince1970 * 1_000_000)
                let paused = try await service.cli("pause", idle, "--for", "1h30m", "--token")
                let lines = paused.output.split(separator: "\n").map(String.init)
                #expect(
                    paused.code == 0 && lines.count == 2 && lines[0].hasPrefix("\(idle)  PAUSED until "), "\(paused)")
                let hold = try await service.summary(idle).hold
                #expect((before + 5_400_000_000...before + 5_520_000_000).contains(hold.resumeAt) && hold.hasToken_p)
                let shown = try await service.cli("show", idle).output
                #expect(shown.contains("lifts itself at ") && shown.contains("or by its token"), "\(shown)")
                // The hold's end is no attempt of anything.
                #expect(try await service.summary(idle).nextAttemptAt == 0 && !shown.contains("next try"), "\(shown)")

                let again = try await service.cli("pause", idle, "--token")
                #expect(again.code == 0 && again.output.hasSuffix("(nothing to do)\n"))
                #expect(again.errors.contains("no token was given"), "\(again)")

                let token = String(try #require(lines.last).dropFirst("token ".count))
                let wrong = try await service.cli("resume", "--token", "frt_wrong")
                #expect(wrong.code == 1 && wrong.errors.contains("[INVALID_TOKEN]"))
                let lifted = try await service.cli("resume", "--token", "-", input: token + "\n")
                #expect(lifted.code == 0 && lifted.output == "\(idle)  IDLE\n", "\(lifted)")
                let used = try await service.cli("resume", "--token", token)
                #expect(used.code == 1 && used.errors.contains("[TOKEN_USED]"))

                let held = try await service.cli(
                    "interrupt", idle, "--until", "2099-02-01T00:00:00Z", "--token", "--json")
                let reply = try FermataCommandReply(jsonString: held.output)
                #expect(reply.run.hold.resumeAt == 4_073_587_200_000_000 && reply.resumeToken.hasPrefix("frt_"))
                let resumed = try await service.cli("resume", idle, "--message", "second")
                #expect(resumed.output == "\(idle)  RUNNING  message 1\n", "\(resumed)")
            }
        }

        @Test func aTimeOfDayIsTheNextOneOfAHoldAndTheLastOneOfAList() async throws {
            try await Service.run(script: gated) { service, _ in
                let calendar = Calendar(identifier: .gregorian)
                for hours in [2, 22] {
                    let time = Date.now.addingTimeInterval(TimeInterval(hours * 3600))
                    let parts = calendar.dateComponents([.hour, .minute], from: time)
                    let clock = String(format: "%02d:%02d", parts.hour!, parts.minute!)
                    let run = try await service.launch("")
                    _ = try await service.cli("pause", run, "--until", clock)
                    let expected = try #require(
                        calendar.nextDate(after: .now, matching: parts, matchingPolicy: .nextTime))
                    #expect(
                        try await service.summary(run).hold.resumeAt == Int64(expected.timeIntervalSince1970)
                            * 1_000_000)
                    // The same clock's last time was before the run was launched.
                    let listed = try await service.cli("list", "--since", clock)
                    #expect(listed.output.contains(run), "\(clock): \(listed)")
                    #expect(try await service.cli("list", "--before", clock).output.isEmpty)
                }
            }
        }

        @Test(arguments: [
            ["pause", "01", "--for", "30"], ["pause", "01", "--for", "m"], ["pause", "01", "--for", "1m1h"],
            ["pause", "01", "--for", "0s"], ["pause", "01", "--for", "-5s"],
            ["pause", "01", "--for", "1h", "--until", "10:00"],
            ["pause", "01", "--until", "2001-01-01"], ["pause", "01", "--until", "25:00"],
            ["pause", "01", "--until", "2099-02-31"], ["pause", "01", "--until", "tomorrow"],
            ["list", "--since", "31-12-2026"], ["resume"], ["resume", "--token", ""], ["withdraw", "01", "two"],
            ["launch", "--max-cost", "1e3", "x"], ["launch", "--max-cost", "0.0000000001", "x"],
            ["launch", "--label", "novalue", "x"], ["launch", "--temperature", "warm", "x"],
        ])
        func whatIsNoTimeOrNumberIsTheCommandLinesMistake(arguments: [String]) async throws {
            // No server is asked: none is there.
            let result = try await Service.cli(arguments, directory: "/nonexistent")
            #expect(result.code == 64 && result.output.isEmpty, "\(result)")
        }

        @Test func launchPassesOptionsLimitsLabelsAndAgent() async throws {
            try await Service.run(script: gated) { service, _ in
                let launched = try await service.cli(
                    "launch", "--json", "--temperature", "0.5", "--top-p", "0.9", "--max-output-tokens", "100",
                    "--seed",
                    "-7", "--reasoning-effort", "low", "--stop-at", "END", "--stop-at", "STOP", "--max-steps", "3",
                    "--max-cost", "0.25", "--model", "openai/gpt-4o", "--label", "team=a=b", "--label", "empty=",
                    "--attempts", "2")
                #expect(launched.code == 0, "\(launched)")
                let run = try FermataCommandReply(jsonString: launched.output).run.id
                guard case .launched(let event)? = try await service.events(run).first?.kind else {
                    Issue.record("the run was not launched")
                    return
                }
                #expect(
                    event.modelOptions
                        == .with {
                            ($0.temperature, $0.topP, $0.maxOutputTokens, $0.seed) = (0.5, 0.9, 100, -7)
                            ($0.reasoningEffort, $0.stop) = ("low", ["END", "STOP"])
                        })
                #expect(event.limits.maxSteps == 3 && event.limits.maxCostNanoUsd == 250_000_000)
                #expect(event.labels.map { "\($0.key)=\($0.value)" } == ["team=a=b", "empty="])
                #expect(event.modelAttempts == 2)
                let shown = try await service.cli("show", run).output
                #expect(shown.contains("limits     3 steps a turn, $0.25\n"), "\(shown)")
                #expect(shown.contains("temperature 0.5") && shown.contains("label      team=a=b\n"))
                let unknown = try await service.cli("launch", "--agent", "nobody", "x")
                #expect(unknown.code == 1 && unknown.errors.contains("[NO_SUCH_AGENT]"), "\(unknown)")
                #expect(unknown.errors.isOneLine && unknown.errors.contains("fermata agent list"))
            }
        }

        @Test func aRunIsLaunchedFromAnAgentAndListedByIt() async throws {
            try await Service.run(script: gated) { service, _ in
                for name in ["reviewer", "writer"] {
                    _ = try await service.client.send(
                        FermataPutAgent.with {
                            $0.agent.name = name
                            $0.agent.systemPrompt = "Review."
                            $0.agent.limits.maxSteps = 7
                            $0.agent.modelOptions.temperature = 1
                        })
                }
                // What the command says comes before what the agent says, one by one.
                let launched = try await service.cli(
                    "launch", "--agent", "reviewer", "--max-cost", "1", "--model", "openai/gpt-4o")
                let run = launched.output.trimmingCharacters(in: .newlines)
                let other = try await service.launch("")
                let shown = try await service.cli("show", run).output
                #expect(shown.contains("agent      reviewer, version 1\n"), "\(shown)")
                #expect(
                    shown.contains("limits     7 steps a turn, $1.00\n") && shown.contains("temperature 1"), "\(shown)")
                let listed = try await service.cli("list", "--agent", "reviewer").output
                #expect(listed.hasPrefix(run) && !listed.contains(other))
                let words = try await Service.cli(
                    ["---completion", "launch", "--", "--agent", "3", "0", "fermata", "launch", "--agent", ""],
                    directory: service.directory)
                #expect(words.output.split(separator: "\n") == ["reviewer", "writer"], "\(words)")
            }
        }

        @Test func runsAreListedByWhatIsAskedFor() async throws {
            try await Service.run(script: gated) { service, _ in
                var runs: [String] = []
                for _ in 0..<5 { runs.append(try await service.launch("")) }
                try await service.pause(runs[1])
                func listed(_ arguments: String...) async throws -> [String] {
                    let result = try await Service.cli(["list"] + arguments, directory: service.directory)
                    #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
                    return result.output.split(separator: "\n").map { String($0.prefix(36)) }
                }
                #expect(try await listed() == runs.reversed())
                #expect(try await listed("--oldest-first", "--limit", "2") == Array(runs.prefix(2)))
                #expect(try await listed("--limit", "0") == runs.reversed())
                #expect(try await listed("--status", "PAUSED", "FAILED") == [runs[1]])
                #expect(try await listed("--agent", "default") == runs.reversed())
                #expect(try await listed("--agent", "other").isEmpty)
                #expect(try await listed("--parent", runs[0]).isEmpty)
                #expect(try await listed("--since", "1h") == runs.reversed())
                #expect(try await listed("--before", "1h").isEmpty)
                #expect(try await listed("--since", "2001-01-01", "--before", "2001-01-02 10:00:00").isEmpty)
            }
        }

        @Test(arguments: [
            ("pauze", "is it pause?"), ("lst", "is it list?"), ("int", "is it interrupt?"), ("dance", "--help"),
        ])
        func aWordThatIsNoCommandIsAMistakeWithAHint(word: String, hint: String) async throws {
            let result = try await Service.cli([word, "x"], directory: "/nonexistent")
            #expect(result.code == 64 && result.output.isEmpty && result.errors.isOneLine, "\(result)")
            #expect(
                result.errors.hasPrefix("fermata: \(word) is no command; ") && result.errors.contains(hint), "\(result)"
            )
        }

        @Test func everyCommandExplainsItself() async throws {
            let help = try await Service.cli(["--help"], directory: "/nonexistent")
            let names = help.output.split(separator: "\n").compactMap {
                $0.firstMatch(of: /^  ([a-z][a-z-]*) {2,}[A-Z]/)?.1
            }
            #expect(help.code == 0 && names.count >= 19 && names.contains("doctor"), "\(names)")
            for name in names {
                let text = try await Service.cli(["help", String(name)], directory: "/nonexistent")
                #expect(text.code == 0 && text.output.contains("EXAMPLE"), "\(name): \(text)")
            }
        }

        @Test func statsAreATableAndJSON() async throws {
            try await Service.run(script: gated) { service, _ in
                let idle = try await service.launch("")
                let table = try await service.cli("stats")
                #expect(table.code == 0 && table.output.contains("\n  commands        1 accepted"), "\(table)")
                let stats = try FermataStatsReply(jsonString: try await service.cli("stats", "--json").output)
                #expect(stats.commandsAccepted == 1 && stats.events == 1 && stats.descriptorLimit > 0)
                let pause = try await service.cli("pause", idle)
                #expect(pause.code == 0, "\(pause)")
                let after = try FermataStatsReply(jsonString: try await service.cli("stats", "--json").output)
                #expect(after.commandsAccepted == 2 && after.instance == stats.instance, "\(after)")
            }
        }
    }
}
