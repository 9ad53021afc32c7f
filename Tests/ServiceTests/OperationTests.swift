import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// The service as its operators meet it: its log, its manager, an upgrade.
    @Suite(.timeLimit(.minutes(2))) struct OperationTests {
        /// `key=value` pairs of a line, values in quotes unquoted; nil if it is no such line.
        private func pairs(_ line: Substring) -> [String: String]? {
            var pairs: [String: String] = [:]
            var rest = line
            while !rest.isEmpty {
                guard let match = rest.prefixMatch(of: /([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)/) else {
                    return nil
                }
                let value = String(match.2)
                pairs[String(match.1)] =
                    value.hasPrefix("\"") ? try? JSONDecoder().decode(String.self, from: Data(value.utf8)) : value
                rest = rest[match.range.upperBound...]
            }
            return pairs
        }

        /// A run in which everything that can hold a conversation's text holds one of the secrets.
        private func secretRun(logLevel: String, _ body: (Service, String) throws -> Void) async throws {
            let script = #"""
                [
                  {"match": "user: TASK", "text": "MODEL-SECRET", "tool_calls": [{"name": "terminal", "arguments": {"command": "echo TOOL-SECRET; exit 3"}}]},
                  {"match": "tool: TOOL", "tool_calls": [{"name": "ask_human", "arguments": {"question": "MODEL-SECRET?"}}]},
                  {"match": "tool: ANSWER", "fault": {"status": 400, "body": "{\"error\": {\"message\": \"ERROR-SECRET\"}}"}, "repeat": true}
                ]
                """#
            try await Service.run(script: script, arguments: ["--log-level", logLevel]) { service, _ in
                let run = try await service.launch("TASK-SECRET\u{1b}[2J") { $0.reason = "NOTE-SECRET" }
                try await service.wait(run, .waiting)
                _ = try await service.send(run, "TASK-SECRET", .whenIdle)
                try await service.answer(run, 1, "ANSWER-SECRET")
                let failed = try await service.wait(run, .failed)
                #expect(failed.failure.message.contains("ERROR-SECRET"))
                try await service.refused(.wrongStatus) { try await service.pause(run) }
                try await service.refused(.invalidArgument) { try await service.send(run, "") }
                service.kill()
                try await service.start()
                #expect(await service.terminate() == 0)
                try body(service, run)
            }
        }

        @Test func nothingThatIsSaidInARunIsInTheLog() async throws {
            for level in ["info", "debug"] {
                try await secretRun(logLevel: level) { service, run in
                    let log = service.serverLog
                    #expect(!log.contains("SECRET"), "\(level): \(log)")
                    let lines = try log.split(separator: "\n").map { try #require(pairs($0), "\($0)") }
                    #expect(lines.allSatisfy { $0["time"]?.count == 24 && $0["level"] != nil && $0["msg"] != nil })
                    #expect(lines.filter { $0["msg"] == "ready" }.count == 2)
                    let failure = try #require(lines.first { $0["msg"] == "a model call failed" })
                    #expect(failure["run"] == run && failure["http_status"] == "400" && failure["level"] == "warning")
                    let commands = lines.filter { $0["msg"] == "command" }
                    guard level == "debug" else {
                        #expect(commands.isEmpty)
                        continueAfter(lines)
                        return
                    }
                    #expect(commands.allSatisfy { $0["run"] == run && $0["request"]?.count == 36 }, "\(commands)")
                    #expect(
                        commands.map { "\($0["type"] ?? "") \($0["outcome"] ?? "")" } == [
                            "LAUNCH accepted", "SEND accepted", "ANSWER accepted", "PAUSE WRONG_STATUS",
                            "SEND INVALID_ARGUMENT",
                        ])
                }
            }
        }

        /// At the start, of a model that is in no table.
        private static let noPrice =
            "the default model has no price: what runs cost is unknown, and a limit on it is refused; --prices gives it one"

        /// At info an operator reads of starts, ends and trouble: no line for a step, a call or a command.
        private func continueAfter(_ lines: [[String: String]]) {
            let told: Set = [Self.noPrice, "ready", "a model call failed", "ending", "ended", "recovering"]
            #expect(lines.allSatisfy { told.contains($0["msg"] ?? "") }, "\(lines)")
        }

        @Test func nobodyWritesLinesOfTheLogBesideTheService() async throws {
            for format in ["text", "json"] {
                let script = #"[{"fault": {"status": 400}, "repeat": true}]"#
                try await Service.run(script: script, arguments: ["--log-level", "debug", "--log-format", format]) {
                    service, _ in
                    let forged = "time=1 level=error msg=forged\n{\"msg\":\"forged\"}\r\u{1b}[2J\u{85}\u{2028}"
                    let run = try await service.launch { $0.model = "openai/x\n\(forged)" }
                    try await service.wait(run, .failed)
                    try await service.refused(.invalidArgument) { try await service.send("x\n\(forged)", "text") }
                    #expect(await service.terminate() == 0)
                    let log = service.serverLog
                    let messages = log.split(separator: "\n").map { line in
                        format == "text"
                            ? pairs(line)?["msg"]
                            : (try? JSONDecoder().decode([String: String].self, from: Data(line.utf8)))?["msg"]
                    }
                    let told = [Self.noPrice, "ready", "command", "a model call failed", "command", "ending", "ended"]
                    #expect(messages == told, "\(log)")
                    #expect(!log.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
                }
            }
        }

        @Test func theLogIsJSONIfWanted() async throws {
            try await Service.run(script: "[]", arguments: ["--log-format", "json"]) { service, _ in
                #expect(await service.terminate() == 0)
                let lines = try service.serverLog.split(separator: "\n").map {
                    try JSONDecoder().decode([String: String].self, from: Data($0.utf8))
                }
                #expect(lines.compactMap { $0["msg"] } == [Self.noPrice, "ready", "ending", "ended"])
                #expect(lines.first?["model"] == "openai/mock" && lines.first?["level"] == "warning")
                #expect(lines.dropFirst().first?["dir"] == service.directory && lines.last?["level"] == "info")
            }
        }

        @Test(arguments: ["/notify", "@fermata-test-"])
        func aManagerIsToldThatTheServiceIsReadyAliveAndEnds(name: String) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let socket = try NotifySocket(name.hasPrefix("/") ? directory + name : name + UUID().uuidString)
            defer { socket.close() }
            let script =
                #"[{"match": "user: ", "tool_calls": [{"name": "terminal", "arguments": {"command": "env"}}]}, {"match": "", "text": "Done."}]"#
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
            try await Service.run(
                environment: [
                    "NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "3000000", "LLM_MODEL": "openai/mock",
                    "LLM_BASE_URL": model.baseURL,
                ]
            ) { service in
                var messages = socket.messages.makeAsyncIterator()
                let ready = await messages.next()
                #expect(ready?.hasPrefix("READY=1\nSTATUS=listening at ipc://") == true, "\(ready ?? "")")
                #expect(ready?.hasSuffix("MAINPID=\(service.process.processIdentifier)") == true)
                #expect(await messages.next() == "WATCHDOG=1")
                let run = try await service.launch()
                try await service.wait(run, .finished)
                let output = try #require(try await service.events(run).compactMap(\.callEndedValue).first).output
                #expect(
                    output.contains("FERMATA=1") && !output.contains("NOTIFY_SOCKET") && !output.contains("WATCHDOG"))

                #expect(await service.terminate() == 0)
                var last: String?
                repeat { last = await messages.next() } while last == "WATCHDOG=1"
                #expect(last == "STOPPING=1\nSTATUS=cutting what is in flight")
            }
            await model.stop()
        }

        @Test func aManagerThatIsNotThereDisturbsNothing() async throws {
            for name in ["/nowhere/notify", "@", "relative", "/" + String(repeating: "x", count: 200), "@nobody"] {
                try await Service.run(environment: ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "x"]) { service in
                    #expect(await service.terminate() == 0)
                }
            }
        }

        @Test func fewDescriptorsAreWarnedOf() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -n 600; exec \"$0\" serve --dir \"$1\"", Service.binary, directory]
            process.environment = ["HOME": directory]
            let (output, errors) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = errors
            try process.run()
            for await line in output.lines where line.hasPrefix("listening ") { break }
            process.terminate()
            let log = await errors.readAll()
            #expect(await process.exitCode() == 0)
            #expect(log.contains("level=warning") && log.contains("LimitNOFILE") && log.contains("limit=600"), "\(log)")
        }

        static let unit = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("tools/systemd/fermata.service")
        static let analyze = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }

        @Test(.enabled(if: analyze != nil)) func theUnitIsOneThatSystemdTakes() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            // As it is but for the program's path: systemd looks whether that is there.
            let text = try String(contentsOf: Self.unit, encoding: .utf8)
                .replacing("/usr/local/bin/fermata", with: Service.binary)
            let file = directory + "/fermata.service"
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try #require(Self.analyze))
            process.arguments = ["verify", "--man=no", "--recursive-errors=no", file]
            let errors = Pipe()
            process.standardError = errors
            try process.run()
            let said = await errors.readAll()
            let code = await process.exitCode()
            #expect(code == 0 && !said.contains("fermata.service"), "\(said)")
        }

        @Test func runsInFlightGoOnAfterAnUpgrade() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let begun = try Fifo(in: directory, named: "begun")
            let script = #"""
                [
                  {"match": "user: stream", "text": "one two three four", "gate": "rest", "gate_after_tokens": 2},
                  {"match": "cut off here", "text": "The cut was seen."},
                  {"match": "user: tool", "tool_calls": [{"name": "terminal", "arguments": {"command": "echo so far; echo > \#(begun.path); sleep 600"}}]},
                  {"match": "tool: so far", "text": "The tool was seen."},
                  {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
                  {"match": "tool: blue", "text": "Blue."},
                  {"match": "user: hold", "tool_calls": [{"name": "terminal", "arguments": {"command": "true"}}], "gate": "held"},
                  {"match": "tool: ", "text": "Held and lifted."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let tool = try await service.launch("tool")
                await begun.lines(1)
                let ask = try await service.launch("ask")
                try await service.wait(ask, .waiting)
                let held = try await service.launch("hold")
                await model.gates.awaited("held")
                let lifts = Int64(Date.now.timeIntervalSince1970 * 1_000_000) + 2_500_000
                _ = try await service.client.send(
                    FermataPause.with {
                        $0.run = held
                        $0.resumeAt = lifts
                    })
                model.gates.open("held")
                try await service.wait(held, .paused)
                let stream = try await Streaming.launch("stream", service)
                let offset = try await service.everyEvent().count

                // The newer program has another path.
                let new = "\(Service.products)/upgrade-\(UUID().uuidString)"
                try FileManager.default.createDirectory(atPath: new, withIntermediateDirectories: false)
                defer { try? FileManager.default.removeItem(atPath: new) }
                for name in ["fermata", "fermata-supervisor"] {
                    try FileManager.default.linkItem(atPath: "\(Service.products)/\(name)", toPath: "\(new)/\(name)")
                }
                #expect(await service.terminate() == 0)
                service.executable = new + "/fermata"
                try await service.start()
                #expect(
                    try FileManager.default.destinationOfSymbolicLink(
                        atPath: "/proc/\(service.process.processIdentifier)/exe") == service.executable)

                #expect(try await service.wait(stream, .finished).lastMessage == "The cut was seen.")
                let cut = try await service.events(stream).compactMap(\.modelCutValue)
                #expect(cut.map(\.cause) == [.byShutdown] && cut.first?.text.hasPrefix("one") == true)
                #expect(try await service.wait(tool, .finished).lastMessage == "The tool was seen.")
                #expect(
                    try await service.events(tool).compactMap(\.callEndedValue).map(\.outcome) == [.callInterrupted])
                let waiting = try await service.summary(ask)
                #expect(waiting.status == .waiting && waiting.openAsks == [1])
                try await service.answer(ask, 1, "blue")
                #expect(try await service.wait(ask, .finished).lastMessage == "Blue.")
                #expect(try await service.wait(held, .finished).lastMessage == "Held and lifted.")
                let lifted = try #require(try await service.events(held).first { $0.holdLiftedValue?.cause == .byTime })
                #expect(lifted.at >= lifts)
                // One journal, without a gap, through both.
                let events = try await service.everyEvent()
                #expect(events.map(\.offset) == Array(1...UInt64(events.count)) && events.count > offset)
            }
        }
    }
}
