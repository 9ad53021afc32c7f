import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// A LiteLLM proxy is known by its headers, whatever the configuration says of the server.
    @Suite(.timeLimit(.minutes(2))) struct LiteLLMHeaderTests {
        private static let script = #"""
            [
              {"match": "user: look", "reasoning": "Where am I? ", "text": "I look.", "quirks": ["litellm"],
                "tool_calls": [{"name": "terminal", "arguments": {"command": "echo one"}}]},
              {"match": "user: later", "fault": {"status": 429, "retry_after": 7}, "quirks": ["litellm"]},
              {"match": "user: key", "text": "One two three.", "quirks": ["litellm"],
                "fault": {"error_after_tokens": 2, "error_status": 500, "code": "500",
                  "message": "litellm.MidStreamFallbackError: litellm.AuthenticationError: AnthropicException - no"}},
              {"match": "", "text": "Done.", "quirks": ["litellm"]}
            ]
            """#

        private func run(
            _ api: String, like: String = "", _ body: (Service, MockModel, _ file: String) async throws -> Void
        ) async throws {
            let model = try await MockModel.start(try ModelScript(json: Self.script, file: "test"))
            let text = """
                providers:
                - name: box
                  base-url: \(model.baseURL)
                  api: \(api)

                """ + (like.isEmpty ? "" : "  like: \(like)\n")
            try await Service.withSettings(text) { _, file in
                try await Service.run(arguments: ["--config", file]) { try await body($0, model, file) }
            }
            await model.stop()
        }

        private static let hint = "with 'like: litellm_proxy' in providers"

        @Test(arguments: ["chat", "messages", "responses"]) func itsAnswersAndErrors(_ api: String) async throws {
            try await run(api) { service, model, file in
                let run = try await service.launch("look") { $0.model = "box/m" }
                #expect(try await service.wait(run, .finished, .failed).lastMessage == "Done.")
                // Over Responses what the maker wants back comes with the end only.
                if api == "responses" {
                    let body = String(decoding: try #require(model.log.entry(2)?.body), as: UTF8.self)
                    #expect(body.contains(#""encrypted_content":"enc-"#) && body.contains("Where am I?"), "\(body)")
                }
                let key = try await service.launch("key") {
                    $0.model = "box/m"
                    $0.modelAttempts = 3
                }
                let refused = try await service.wait(key, .failed, .finished).failure
                #expect(refused.kind == "AUTHENTICATION" && refused.willRepeat, "\(refused)")
                // Last: all of the provider's calls wait as long.
                let later = try await service.launch("later") { $0.model = "box/m" }
                let limited = try await service.wait(later, .failed, .finished).failure
                #expect(limited.kind == "RATE_LIMITED" && limited.retryAfterMs == 7000, "\(limited)")
                // It is said once, and nothing that is sent changes.
                #expect(service.serverLog.ranges(of: Self.hint).count == 1, "\(service.serverLog)")
                let bodies = model.log.entries().map { String(decoding: $0.body ?? [], as: UTF8.self) }
                #expect(api != "chat" || bodies.allSatisfy { !$0.contains("reasoning_content") })
                let doctor = try await Service.cli(["doctor", "--config", file], directory: service.directory)
                #expect(doctor.output.contains("a LiteLLM proxy"), "\(doctor)")
                #expect(doctor.output.contains("give it 'like: litellm_proxy' in providers"), "\(doctor)")
            }
        }

        @Test(arguments: ["chat", "messages"]) func whoHasSaidSoIsNotTold(_ api: String) async throws {
            try await run(api, like: "litellm_proxy") { service, model, file in
                let run = try await service.launch("look") { $0.model = "box/m" }
                #expect(try await service.wait(run, .finished, .failed).lastMessage == "Done.")
                #expect(!service.serverLog.contains(Self.hint))
                let doctor = try await Service.cli(["doctor", "--config", file], directory: service.directory)
                #expect(
                    doctor.output.contains("a LiteLLM proxy") && !doctor.output.contains("like: litellm_proxy"),
                    "\(doctor)")
            }
        }
    }
}
