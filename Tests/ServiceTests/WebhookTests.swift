import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import RawServer
import Testing

extension OneServerAtATime {
    /// Messages to the outside: every one arrives, in order per run, signed, whatever the receivers do.
    @Suite(.timeLimit(.minutes(3))) struct WebhookTests {
        private static let secret = "whsec_" + Data("the secret of the tests, 32 bytes".utf8).base64EncodedString()
        private static let python = ProcessInfo.processInfo.environment["FERMATA_PYTHON"]
        private static let asking = #"""
            [{"tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?", "context": "Of two."}}]},
             {"text": "Done."}]
            """#

        /// A service whose webhooks are these: lines of the configuration file without the secret.
        private func run(
            _ webhooks: [String], script: String = asking, _ body: (Service, MockModel) async throws -> Void
        ) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try Data(Self.secret.utf8).write(to: URL(fileURLWithPath: directory + "/secret"))
            let entries = webhooks.map { "- {secret-file: \(directory)/secret, \($0)}\n" }.joined()
            let file = directory + "/settings.yaml"
            try Data(("webhooks:\n" + entries).utf8).write(to: URL(fileURLWithPath: file))
            try await Service.run(script: script, arguments: ["--config", file, "--log-level", "debug"]) {
                try await body($0, $1)
                #expect(!$0.serverLog.contains(Self.secret) && !$0.serverLog.contains(Self.secret.dropFirst(6)))
            }
        }

        /// Waits until Stats says so: the outcome of a delivery is written after the receiver has answered.
        private func stats(_ service: Service, _ isThere: (FermataStatsReply) -> Bool) async throws {
            while !isThere(try await service.client.send(FermataStats())) { try await service.ticks(1) }
        }

        /// All the statuses and asks of a run as its journal and the events of status changes have them.
        private func finishAsking(_ service: Service) async throws -> String {
            let run = try await service.launch()
            try await service.wait(run, .waiting)
            try await service.answer(run, 1, "This one.")
            try await service.wait(run, .finished)
            return run
        }

        private static let types = [
            "run.status RUNNING", "ask.opened", "run.status WAITING", "ask.answered", "run.status RUNNING",
            "run.status FINISHED",
        ]

        private func types(_ messages: [WebhookReceiver.Message]) -> [String] {
            messages.map { $0.type == "run.status" ? "run.status \($0.status)" : $0.type }
        }

        @Test(.enabled(if: python != nil)) func everyStatusAndAskIsToldInOrderAndSigned() async throws {
            let receiver = WebhookReceiver()
            defer { receiver.stop() }
            try await run(["name: all, url: '\(receiver.url)'"]) { service, _ in
                let run = try await finishAsking(service)
                let messages = await receiver.wait { $0.last?.status == "FINISHED" }
                #expect(types(messages) == Self.types)
                try await messages.verify(secret: Self.secret, python: Self.python!)
                let events = try await service.events(run)
                let opened = try #require(events.first { $0.kindName == "askOpened" })
                let ask = messages[1]
                #expect(ask.id == "\(run)/\(opened.seq)")
                #expect(ask.data["run"] as? String == run && ask.data["number"] as? Int == 1)
                #expect(ask.data["question"] as? String == "Which?" && ask.data["context"] as? String == "Of two.")
                #expect(ask.data["kind"] as? String == "QUESTION" && ask.data["agent"] as? String == "default")
                let answered = messages[3].data["askAnswered"] as? [String: Any]
                #expect(answered?["text"] as? String == "This one.")
                let finished = try #require(messages[5].data["run"] as? [String: Any])
                #expect(finished["lastMessage"] as? String == "Done." && finished["id"] as? String == run)
                #expect(messages[5].data["before"] as? String == "RUNNING")
                let time = try #require(ask.json["timestamp"] as? String)
                #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil)
                // All are forgotten once they were delivered.
                try await stats(service) { $0.webhooksPending == 0 }
                #expect(try service.query("SELECT count(*) FROM outbox") == ["0"])
                #expect(try await service.client.send(FermataStats()).webhooksDead == 0)
            }
        }

        @Test func anEndpointIsToldWhatItWants() async throws {
            let (asks, ends, none) = (WebhookReceiver(), WebhookReceiver(), WebhookReceiver())
            defer { for receiver in [asks, ends, none] { receiver.stop() } }
            try await run([
                "name: asks, url: '\(asks.url)', events: ask",
                "name: ends, url: '\(ends.url)', events: [status], statuses: [FINISHED, STOPPED], agent: [default, x]",
                "name: none, url: '\(none.url)', agent: other",
            ]) { service, _ in
                let run = try await finishAsking(service)
                let stopped = try await service.launch()
                try await service.wait(stopped, .waiting)
                try await service.stop(stopped)
                await asks.wait { $0.of(stopped).last?.type == "ask.closed" }
                await ends.wait { $0.contains { $0.status == "STOPPED" } && $0.contains { $0.status == "FINISHED" } }
                try await stats(service) { $0.webhooksPending == 0 }
                #expect(types(asks.messages.of(run)) == ["ask.opened", "ask.answered"])
                #expect(types(asks.messages.of(stopped)) == ["ask.opened", "ask.closed"])
                #expect(types(ends.messages.of(run)) == ["run.status FINISHED"])
                #expect(types(ends.messages.of(stopped)) == ["run.status STOPPED"])
                #expect(none.messages.isEmpty)
            }
        }

        /// Races: answers, failures and hangs of the receiver against new messages, several runs at once, and kills of
        /// the service between an attempt and its outcome.
        @Test(.enabled(if: python != nil))
        func aBadReceiverGetsEveryMessageInOrderThroughKills() async throws {
            // Of each message the first two attempts go wrong, each in another way.
            let tried = Guarded<[String: Int]>([:])
            let receiver = WebhookReceiver { id, number in
                let attempt = tried.withLock { tried in
                    tried[id, default: 0] += 1
                    return tried[id]!
                }
                guard attempt <= 2 else { return number % 3 == 0 ? .slowly(200) : .status(200) }
                switch number % 6 {
                case 0: return .silence
                case 1: return .reset
                case 2: return .status(500)
                case 3: return .status(302, headers: "Location: http://127.0.0.1:1/\r\n")
                case 4: return .status(429, headers: "Retry-After: 0\r\n")
                default: return .slowly(503)
                }
            }
            defer { receiver.stop() }
            let retry = Array(repeating: "0.02", count: 40).joined(separator: ", ")
            try await run(["name: bad, url: '\(receiver.url)', timeout: 0.3, retry: [\(retry)]"]) { service, _ in
                var runs: [String] = []
                for round in 0..<3 {
                    for _ in 0..<3 { runs.append(try await finishAsking(service)) }
                    // Some are on their way, some wait.
                    await receiver.wait { $0.count > 8 * round }
                    service.kill()
                    try await service.start()
                }
                let all = runs
                let messages = await receiver.wait { messages in
                    all.allSatisfy { run in messages.accepted.of(run).contains { $0.status == "FINISHED" } }
                }
                try await messages.verify(secret: Self.secret, python: Self.python!)
                for run in runs {
                    #expect(types(messages.acceptedOnce.of(run)) == Self.types)
                    // The same message is the same at every attempt, and none overtakes another: what is sent again
                    // after a kill was accepted without our knowledge, and is the last one only.
                    let seqs = messages.of(run).map(\.seq)
                    #expect(seqs == seqs.sorted())
                    for (_, same) in Dictionary(grouping: messages.of(run), by: \.id) {
                        #expect(Set(same.map(\.body)).count == 1)
                    }
                }
                try await stats(service) { $0.webhooksPending == 0 && $0.webhooksDead == 0 }
            }
        }

        @Test func aDeadEndpointHoldsBackNobody() async throws {
            let (hanging, living) = (WebhookReceiver { _, _ in .silence }, WebhookReceiver())
            // Connections are neither accepted nor refused.
            let full = RawServer(backlog: 0, accepting: false) { _, _ in }
            defer {
                hanging.stop()
                living.stop()
                full.stop()
            }
            try await run([
                "name: hanging, url: '\(hanging.url)'", "name: full, url: '\(full.url)'",
                "name: nobody, url: 'http://127.0.0.1:1/'", "name: living, url: '\(living.url)'",
            ]) { service, _ in
                var runs: [String] = []
                // More than one endpoint may have on their way.
                for _ in 0..<12 { runs.append(try await finishAsking(service)) }
                let all = runs
                let messages = await living.wait { messages in
                    all.allSatisfy { run in messages.of(run).contains { $0.status == "FINISHED" } }
                }
                for run in runs { #expect(types(messages.of(run)) == Self.types) }
                #expect(hanging.messages.count <= 8)
                // What waits does not keep the service from ending, and is there at the next start.
                #expect(await service.terminate() == 0)
                try await service.start()
                try await stats(service) { $0.webhooksPending == UInt64(3 * 12 * Self.types.count) }
                let waiting = try service.query("SELECT DISTINCT endpoint FROM outbox ORDER BY 1")
                #expect(waiting == ["full", "hanging", "nobody"])
                let check = try await service.cli("check", "--json")
                let count = 3 * 12 * Self.types.count
                #expect(check.code == 0 && check.output.contains("\"messages\":\(count)"), "\(check)")
            }
        }

        /// What came with an ask's message is imported by another service as it is, and goes on there.
        @Test func theCheckpointGoesAlong() async throws {
            let script = #"""
                [{"tool_calls": [{"name": "terminal", "arguments": {"command": "echo é"}},
                                 {"name": "terminal", "arguments": {"command": "echo two"}}]},
                 {"text": "Done."}]
                """#
            // Each message is taken at its second attempt.
            let receiver = WebhookReceiver { _, number in .status(number.isMultiple(of: 2) ? 503 : 204) }
            let plain = WebhookReceiver()
            defer {
                receiver.stop()
                plain.stop()
            }
            try await run(
                [
                    "name: with, url: '\(receiver.url)', checkpoint: true, retry: [0.02, 0.02]",
                    "name: without, url: '\(plain.url)', checkpoint: false",
                ], script: script
            ) { service, _ in
                let run = try await service.launch {
                    $0.policy.tools = [
                        .with {
                            $0.tool = "terminal"
                            $0.gate = .ask
                        }
                    ]
                }
                let messages = await receiver.wait { $0.accepted.contains { $0.status == "WAITING" } }
                for (_, same) in Dictionary(grouping: messages, by: \.id) {
                    #expect(Set(same.map(\.body)).count == 1 && same.count == 2)
                }
                let asks = messages.accepted.filter { $0.type == "ask.opened" }
                #expect(asks.count == 2)
                // Both asks are one transaction: neither message has a run that has only one of them.
                let documents = try asks.map { try #require($0.data["checkpoint"] as? [String: Any]) }
                for document in documents {
                    #expect((document["openAsks"] as? [Any])?.count == 2)
                    let text = String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
                    #expect(try await CheckpointJSON.digest(of: text) == document["digest"] as? String)
                }
                let events = try await service.events(run)
                #expect((documents[0]["events"] as? [Any])?.count == events.count)
                let text = String(decoding: try JSONSerialization.data(withJSONObject: documents[0]), as: UTF8.self)
                try await service.besideAnother { other in
                    #expect(try await other.import(text).run.openAsks == [1, 2])
                    for ask in try await other.client.send(FermataListAsks()).asks {
                        _ = try await other.client.send(
                            FermataAnswer.with {
                                ($0.run, $0.ask, $0.verdict) = (run, ask.number, .approve)
                                $0.argumentsSha256 = ask.argumentsSha256
                            })
                    }
                    try await other.resume(run)
                    #expect(try await other.wait(run, .finished).lastMessage == "Done.")
                    try await other.check()
                }
                #expect(plain.messages.allSatisfy { $0.data["checkpoint"] == nil })
            }
        }

        @Test func aCheckpointThatIsTooLongIsLeftOut() async throws {
            let receiver = WebhookReceiver()
            defer { receiver.stop() }
            try await run(["name: all, url: '\(receiver.url)', checkpoint: true"]) { service, _ in
                let run = try await service.launch("") { $0.task = "" }
                for _ in 0..<2 {
                    try await service.pause(run)
                    try await service.send(run, String(repeating: "long ", count: 120_000))
                    try await service.resume(run)
                    try await service.wait(run, .waiting)
                }
                try await service.stop(run)
                let messages = await receiver.wait { $0.last?.status == "STOPPED" }
                let first = try #require(messages.first { $0.status == "PAUSED" }), last = try #require(messages.last)
                #expect(first.data["checkpoint"] != nil && first.data["checkpointOmitted"] == nil)
                #expect(last.data["checkpoint"] == nil && last.data["checkpointOmitted"] as? Bool == true)
                #expect(messages.allSatisfy { $0.body.count < 1 << 20 + 4096 })
            }
        }

        /// Whoever has the message needs to know nothing else to answer.
        @Test func anAskSaysWhereItIsAnswered() async throws {
            let receiver = WebhookReceiver()
            defer { receiver.stop() }
            let entry = "name: all, url: '\(receiver.url)', events: ask, gateway-url: 'https://gate.example/f/'"
            try await run([entry]) { service, _ in
                let run = try await service.launch()
                let message = try #require(await receiver.wait { !$0.isEmpty }.first)
                let url = try #require(message.data["answerUrl"] as? String)
                #expect(url.hasPrefix("https://gate.example/f/answers/"))
                let token = String(url.dropFirst("https://gate.example/f/answers/".count))
                #expect(message.data["token"] == nil && !service.serverLog.contains(token))
                _ = try await service.client.send(
                    FermataAnswer.with {
                        $0.token = token
                        $0.text = "This one."
                    })
                try await service.wait(run, .finished)
                let messages = await receiver.wait { $0.count == 2 }
                #expect(types(messages) == ["ask.opened", "ask.answered"])
            }
        }

        @Test func goneAndTooManyFailuresAreGivenUpAndKept() async throws {
            let gone = WebhookReceiver { _, number in number == 0 ? .status(410) : .status(200) }
            let failing = WebhookReceiver { _, number in number < 3 ? .status(500) : .status(200) }
            defer {
                gone.stop()
                failing.stop()
            }
            try await run([
                "name: gone, url: '\(gone.url)', events: ask",
                "name: failing, url: '\(failing.url)', events: ask, retry: [0.02, 0.02]",
            ]) { service, _ in
                let run = try await finishAsking(service)
                await gone.wait { $0.contains(where: \.isAccepted) }
                await failing.wait { $0.contains(where: \.isAccepted) }
                try await stats(service) { $0.webhooksPending == 0 && $0.webhooksDead == 2 }
                #expect(types(gone.messages) == ["ask.opened", "ask.answered"])
                #expect(types(failing.messages) == ["ask.opened", "ask.opened", "ask.opened", "ask.answered"])
                let dead = "SELECT endpoint || ' ' || attempts FROM outbox WHERE dead = 1 ORDER BY endpoint"
                #expect(try service.query(dead) == ["failing 3", "gone 1"])
                let said = service.serverLog.split(separator: "\n").filter { $0.contains("was given up") }
                #expect(said.count { $0.contains(run) } == 2)
                service.kill()
                try await service.start()
                let stats = try await service.client.send(FermataStats())
                #expect(stats.webhooksPending == 0 && stats.webhooksDead == 2)
            }
        }

        /// Attempts and times are in the journal: a kill shortens no wait, and another URL changes nothing but where.
        @Test func whatFailedWaitsThroughAKillAndFollowsItsEndpoint() async throws {
            let (first, second) = (WebhookReceiver { _, _ in .status(503) }, WebhookReceiver())
            defer {
                first.stop()
                second.stop()
            }
            try await run(["name: moved, url: '\(first.url)', events: ask, retry: [3600, 3600]"]) { service, _ in
                let run = try await finishAsking(service)
                await first.wait { $0.count == 1 }
                let failed = "SELECT attempts FROM outbox WHERE attempts > 0"
                while try service.query(failed).isEmpty { try await service.ticks(1) }
                service.kill()
                let file = service.settingsFile
                let text = try String(contentsOfFile: file, encoding: .utf8).replacing(first.url, with: second.url)
                try Data(text.utf8).write(to: URL(fileURLWithPath: file))
                try await service.start()
                // Another run's message goes at once; that of the first still waits for its hour.
                let other = try await service.launch()
                await second.wait { !$0.of(other).isEmpty }
                #expect(second.messages.of(run).isEmpty)
                service.kill()
                try service.change("UPDATE outbox SET next_at = 1 WHERE next_at IS NOT NULL")
                try await service.start()
                await second.wait { $0.of(run).count == 2 }
                #expect(types(second.messages.of(run)) == ["ask.opened", "ask.answered"])
                #expect(first.messages.count == 1)
            }
        }

        @Test func mistakesAreNamedAndSecretsAreNotShown() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let file = directory + "/settings.yaml"
            func serve(_ text: String, _ environment: [String: String] = [:]) async throws -> (
                code: Int32, output: String, errors: String
            ) {
                try Data(text.utf8).write(to: URL(fileURLWithPath: file))
                return try await Service.cli(
                    ["serve", "--config", file, "--dir", directory + "/store"], directory: directory,
                    environment: environment)
            }
            let wrong = try await serve(
                """
                webhooks:
                - name: a b
                  url: ftp://example.org
                  secret: \(Self.secret)
                  secret-file: /x
                - name: b
                  url: https://example.org
                  secret-env: PATH
                  events: [asks]
                  statuses: [finished]
                  retry: [0]
                  checkpoint: perhaps
                  timeout: soon
                  colour: red
                - url: https://example.org
                - name: c
                  url: https://example.org
                  secret-file: /x
                - name: c
                  url: https://example.org
                  secret-file: /x
                - text
                - name: d
                  url: https://example.org
                  secret-file: /x
                  events: ask
                  statuses: FINISHED
                """)
            let expected = [
                ":2: webhooks[0].name: 1 to 64", ":3: webhooks[0].url: not an http",
                ":4: webhooks[0].secret: secrets are not", ":8: webhooks[1].secret-env: the name",
                ":9: webhooks[1].events: status, ask", ":10: webhooks[1].statuses: some of",
                ":11: webhooks[1].retry: a list", ":12: webhooks[1].checkpoint: true or false",
                ":13: webhooks[1].timeout: a number", ":14: webhooks[1].colour: unknown",
                ":15: webhooks[2].name: it is missing", ":15: webhooks[2]: it has one of",
                ":19: webhooks[4].name: another", ":22: webhooks[5]: it is a mapping",
                ":23: webhooks[6].statuses: they choose among status events",
            ]
            #expect(wrong.code == 78, "\(wrong)")
            let lines = wrong.errors.split(separator: "\n").map(String.init)
            #expect(lines.count == expected.count, "\(wrong.errors)")
            for (line, start) in zip(lines, expected) { #expect(line.hasPrefix("fermata: \(file)\(start)"), "\(line)") }
            #expect(!wrong.errors.contains(Self.secret))

            // What is wrong with a secret is said without it.
            let entry = "webhooks: [{name: a, url: 'http://127.0.0.1:1', secret-env: A_SECRET}]\n"
            let missing = try await serve(entry)
            #expect(missing.code == 78 && missing.errors.contains("webhook a: A_SECRET is not set"), "\(missing)")
            for bad in ["hunter2hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_" + String(repeating: "?", count: 44)] {
                let result = try await serve(entry, ["A_SECRET": bad])
                let isSaid = result.errors.contains("webhook a: A_SECRET: it has no secret")
                #expect(result.code == 78 && isSaid, "\(result)")
                #expect(bad == "whsec_" || !result.errors.contains(bad))
            }
            let doctor = try await Service.cli(
                ["doctor", "--no-model", "--config", file], directory: directory,
                environment: ["A_SECRET": Self.secret])
            #expect(doctor.output.contains("a: their secrets can be read"), "\(doctor)")
            let without = try await Service.cli(["doctor", "--no-model", "--config", file], directory: directory)
            #expect(without.code == 1 && without.output.contains("A_SECRET is not set"), "\(without)")

            // What is printed is a configuration file that says the same.
            let whole = """
                webhooks:
                - {name: a, url: 'https://example.org/x?y=z', secret-file: /etc/a, events: status,
                   statuses: [FINISHED, FAILED], agent: reviewer, gateway-url: 'https://gate.example',
                   checkpoint: true, retry: [0.5, 30], timeout: 10}
                - {name: b, url: 'http://127.0.0.1:80', secret-env: B_SECRET, checkpoint: false}

                """
            try Data(whole.utf8).write(to: URL(fileURLWithPath: file))
            let first = try await Service.cli(["serve", "--print-config", "--config", file], directory: directory)
            #expect(first.code == 0 && first.output.contains("retry: [0.5, 30]"), "\(first)")
            #expect(first.output.contains("  checkpoint: true\n") && first.output.contains("  checkpoint: false"))
            let again = directory + "/again.yaml"
            try Data(first.output.utf8).write(to: URL(fileURLWithPath: again))
            let second = try await Service.cli(["serve", "--print-config", "--config", again], directory: directory)
            func list(_ text: String) -> Substring {
                text[(text.range(of: "webhooks:")?.lowerBound ?? text.endIndex)...]
            }
            #expect(second.code == 0 && list(first.output) == list(second.output) && list(first.output).count > 100)
        }

        /// A tool of the service's sees no secret of a webhook: not in its environment, not in what it puts out.
        @Test func toolsDoNotSeeSecrets() async throws {
            let script = #"""
                [{"tool_calls": [{"name": "terminal", "arguments": {"command": "env; cat ../../secret"}}]},
                 {"text": "Done."}]
                """#
            let receiver = WebhookReceiver()
            defer { receiver.stop() }
            try await run(["name: all, url: '\(receiver.url)', events: status"], script: script) { service, _ in
                try FileManager.default.copyItem(
                    atPath: URL(fileURLWithPath: service.settingsFile).deletingLastPathComponent().path + "/secret",
                    toPath: service.directory + "/secret")
                let run = try await service.launch()
                try await service.wait(run, .finished)
                let ended = try await service.event(run) { if case .callEnded = $0 { true } else { false } }
                #expect(ended.callEnded.output.contains("FERMATA=1"))
                #expect(ended.callEnded.output.contains("****"), "\(ended.callEnded.output)")
                #expect(!ended.callEnded.output.contains(Self.secret.dropFirst(6)))
            }
        }
    }
}

extension Service {
    /// The configuration file that it was started with.
    fileprivate var settingsFile: String {
        process.arguments.flatMap { $0.drop { $0 != "--config" }.dropFirst().first } ?? ""
    }
}
