import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// Other models in the place of one that fails, waits that are too long, and reasoning that is not taken back.
    @Suite(.timeLimit(.minutes(2))) struct FallbackModelTests {
        private func model(_ script: String) async throws -> MockModel {
            try await MockModel.start(try ModelScript(json: script, file: "test"))
        }

        /// A server with two providers of these scripts, `one` and `two`.
        private func withTwo(
            _ first: String, _ second: String, api: String = "chat", environment: [String: String] = [:],
            _ body: (Service, MockModel, MockModel) async throws -> Void
        ) async throws {
            let (one, two) = (try await model(first), try await model(second))
            let text = """
                providers:
                - name: one
                  base-url: \(one.baseURL)
                  api: \(api)
                - name: two
                  base-url: \(two.baseURL)
                  api: \(api)
                """
            try await Service.withSettings(text) { _, file in
                try await Service.run(environment: environment, arguments: ["--config", file]) { service in
                    try await body(service, one, two)
                }
            }
            await one.stop()
            await two.stop()
        }

        @Test(arguments: ["chat", "messages", "responses"]) func theNextModelGoesOnWhereOneHasFailed(
            _ api: String
        ) async throws {
            let first = #"""
                [{"tool_calls": [{"name": "terminal", "arguments": {"command": "echo first"}}]},
                 {"fault": {"status": 401}, "repeat": true}]
                """#
            try await withTwo(first, #"[{"match": "", "text": "Done by the second."}]"#, api: api) {
                service, one, two in
                let run = try await service.launch("go") {
                    $0.model = "one/a"
                    $0.fallbackModels = ["two/b"]
                }
                let summary = try await service.wait(run, .finished)
                #expect(summary.lastMessage == "Done by the second." && summary.model == "two/b")
                let body = String(decoding: try #require(two.log.entries().first?.body), as: UTF8.self)
                #expect(body.contains("first") && body.contains(#""model":"b""#))
                let events = try await service.events(run)
                let set = try #require(events.first { $0.modelSet.hasFallback }?.modelSet)
                #expect(set.model == "two/b" && set.fallback == 1)
                let failed = try #require(events.first { $0.modelFailed.step > 0 }?.modelFailed)
                #expect(failed.failure.kind == "AUTHENTICATION" && failed.model == "one/a")
                #expect(failed.nextAttemptAt > 0)
                // Each provider names its request.
                #expect(failed.providerRequestID.hasPrefix("req_"))
                let answered = events.compactMap { $0.modelAnswered.step > 0 ? $0.modelAnswered : nil }
                #expect(answered.map(\.model) == ["one/a", "two/b"])
                #expect(answered.allSatisfy { $0.providerRequestID.hasPrefix("req_") })
                #expect(one.log.entries().count == 2)
            }
        }

        @Test func theCommandLineSaysWhichAndHowLong() async throws {
            let busy = #"[{"fault": {"status": 429, "retry_after": 3600}, "repeat": true}]"#
            try await withTwo(busy, #"[{"text": "Done."}]"#, environment: ["OPENAI_API_KEY": "sk-of-the-test"]) {
                service, _, _ in
                let run = try await service.cli(
                    "launch", "--model", "one/a", "--fallback-model", "two/b", "--patience", "2m", "--wait", "go")
                #expect(run.code == 0 && run.output.contains("Done."), "\(run)")
                let refused = try await service.cli("launch", "--model", "one/a", "--fallback-model", "three/b", "go")
                #expect(refused.code == 1 && refused.errors.contains("three"), "\(refused)")
                let mistake = try await service.cli("launch", "--patience", "soon", "go")
                #expect(mistake.code == 64 && mistake.errors.contains("2h30m"), "\(mistake)")
                // A limit on the cost has to be one of all of them.
                let price = try await service.cli(
                    "launch", "--model", "openai/gpt-4o", "--fallback-model", "two/b", "--max-cost", "1", "go")
                #expect(price.code == 1 && price.errors.contains("two/b"), "\(price)")
            }
        }

        @Test func aWaitThatIsTooLongIsAskedAbout() async throws {
            let busy = #"[{"fault": {"status": 429, "retry_after": 7200}, "repeat": true}]"#
            try await withTwo(busy, #"[{"text": "Done."}, {"text": "Done."}]"#) { service, one, _ in
                let run = try await service.launch("go") {
                    $0.model = "one/a"
                    $0.modelAttempts = 3
                }
                let waiting = try await service.wait(run, .waiting)
                #expect(waiting.openAsks == [1])
                let inbox = try await service.cli("inbox")
                #expect(inbox.output.contains("LIMIT") && inbox.output.contains("--use-model MODEL"), "\(inbox)")
                #expect(inbox.output.contains("wants to be asked again only in 2 h"), "\(inbox)")
                let unknown = try await service.cli("answer", run, "--use-model", "nobody/x")
                #expect(unknown.code == 1 && unknown.errors.contains("nobody"), "\(unknown)")
                // It is there after a restart, and the wait is as long as it was.
                service.kill()
                try await service.start()
                #expect(try await service.client.send(FermataGetRun.with { $0.run = run }).run.openAsks == [1])
                #expect(try await service.cli("answer", run, "--use-model", "two/b").code == 0)
                #expect(try await service.wait(run, .finished).model == "two/b")
                #expect(one.log.entries().count == 1)
            }
        }

        /// A provider that takes reasoning back no more is asked once without it, and never twice the same.
        @Test(arguments: ["messages", "responses"]) func reasoningThatIsRefusedIsLeftOutOnce(_ api: String) async throws
        {
            let error =
                api == "messages"
                ? #"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"messages.1.content.0: thinking block is bound to a different conversation\"}}"#
                : #"{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"invalid_encrypted_content\",\"message\":\"The encrypted content could not be verified.\"}}"#
            let script = """
                [{"reasoning": "Because.", "tool_calls": [{"name": "terminal", "arguments": {"command": "echo a"}}]},
                 {"fault": {"status": 400, "body": "\(error)"}},
                 {"text": "Done."},
                 {"fault": {"status": 400, "body": "\(error)"}}]
                """
            try await withTwo(script, #"[{"text": "x"}]"#, api: api) { service, one, _ in
                let run = try await service.launch("go") { $0.model = "one/a" }
                #expect(try await service.wait(run, .finished).lastMessage == "Done.")
                let bodies = one.log.entries().map { String(decoding: $0.body ?? [], as: UTF8.self) }
                #expect(bodies.count == 3 && bodies[1] != bodies[2])
                let mark = api == "messages" ? #""signature""# : #""encrypted_content""#
                #expect(bodies[1].contains(mark) && !bodies[2].contains(mark))
                let events = try await service.events(run)
                #expect(events.count { $0.modelFailed.dropsReasoning } == 1)
                // With nothing left that could be left out it fails.
                try await service.send(run, "more")
                let failed = try await service.wait(run, .failed)
                #expect(failed.failure.kind == "HTTP_STATUS" && one.log.entries().count == 4)
            }
        }
    }
}
