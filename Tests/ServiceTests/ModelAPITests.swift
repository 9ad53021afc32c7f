import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Runs with models over Anthropic's API and over OpenAI's Responses. The scripted model refuses what the real ones
    /// refuse, so a run that ends well has sent nothing that is wrong.
    @Suite(.timeLimit(.minutes(3))) struct ModelAPITests {
        private static let apis = ["messages", "responses"]
        private static let long = (1...4000).map { "word\($0)" }.joined(separator: " ")
        private static let script = #"""
            [
              {"match": "user: look", "reasoning": "Where am I? ", "text": "I look.",
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "cached_tokens": 60},
                "tool_calls": [
                  {"name": "terminal", "arguments": {"command": "echo one"}},
                  {"name": "terminal", "arguments": {"command": "echo two"}}]},
              {"match": "user: wait", "reasoning": "It will take long.",
                "tool_calls": [{"name": "terminal", "arguments": {"command": "sleep 300"}}]},
              {"match": "user: ponder", "reasoning": "\#(long)", "text": "So.", "tokens_per_second": 2000},
              {"match": "user: talk", "reasoning": "Let me. ", "text": "\#(long)", "tokens_per_second": 500},
              {"match": "user: write", "reasoning": "A file. ", "tokens_per_second": 1000,
                "tool_calls": [{"name": "terminal", "arguments": {"command": "echo \#(long)"}}]},
              {"match": "user: cut", "text": "Half an answer", "finish_reason": "length"},
              {"match": "user: call-cut", "finish_reason": "length",
                "tool_calls": [{"name": "terminal", "arguments": "{\"command\": \"echo "}]},
              {"match": "user: broken", "tool_calls": [{"name": "terminal", "arguments": "{\"command\": "}]},
              {"match": "user: refuse", "text": "I would rather", "finish_reason": "content_filter"},
              {"match": "user: busy", "fault": {"status": 529}, "times": 1},
              {"match": "", "text": "Done."}
            ]
            """#

        /// What a request shows the model: `role type`, with what is in it.
        private func shown(_ model: MockModel, _ number: Int) throws -> [String] {
            let body = try #require(model.log.entry(number)?.body)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
            guard let messages = object["messages"] as? [[String: Any]] else {
                return (object["input"] as? [[String: Any]] ?? []).map { item in
                    let parts = (item["content"] ?? item["summary"]) as? [[String: Any]] ?? []
                    let text = parts.compactMap { $0["text"] as? String }.joined()
                    let other = (item["output"] ?? item["name"]) as? String ?? ""
                    switch item["type"] as? String {
                    case "message": return "\(item["role"] ?? "") text: \(text)"
                    case "reasoning": return "assistant thinking: \(text)"
                    case "function_call": return "assistant tool_use: \(other)"
                    case "function_call_output": return "user tool_result: \(other)"
                    default: return "\(item)"
                    }
                }
            }
            return messages.flatMap { message -> [String] in
                (message["content"] as? [[String: Any]] ?? []).map { block in
                    let content = ["text", "thinking", "content", "name"].compactMap { block[$0] as? String }.joined()
                    return "\(message["role"] ?? "") \(block["type"] ?? ""): \(content)"
                }
            }
        }

        @Test(arguments: apis) func reasoningGoesBackToWhoeverMadeIt(_ api: String) async throws {
            try await Service.run(over: api, script: Self.script) { service, model in
                let run = try await service.launch("look")
                let summary = try await service.wait(run, .finished)
                #expect(summary.lastMessage == "Done.")
                let shown = try shown(model, 2)
                #expect(
                    shown == [
                        "user text: look", "assistant thinking: Where am I? ", "assistant text: I look.",
                        "assistant tool_use: terminal", "assistant tool_use: terminal",
                        "user tool_result: one\n", "user tool_result: two\n",
                    ])
                let first = try await service.event(run) {
                    if case .modelAnswered(let answer) = $0 { !answer.calls.isEmpty } else { false }
                }.modelAnswered
                #expect(first.origin.api == api && first.origin.provider.hasPrefix("http://127.0.0.1:"))
                let kept = api == "messages" ? #""signature":"sig-"# : #""encrypted_content":"enc-"#
                #expect(first.blocks.count == 4 && first.blocks[0].json.contains(kept))
                if api == "responses" { #expect(first.blocks[1].json.contains(#""phase":"commentary""#)) }
                #expect(first.usage.inputTokens == 100 && first.usage.cachedInputTokens == 60)
                #expect(first.usage.outputTokens == 20)
                #expect(first.finishReason == (api == "messages" ? "tool_use" : "completed"))
                // The same over a restart: it is read from the journal.
                service.kill()
                try await service.start()
                try await service.send(run, "Go on.")
                try await service.wait(run, .finished)
                let later = try self.shown(model, 3)
                #expect(Array(later.prefix(shown.count)) == shown && later.last == "user text: Go on.")
            }
        }

        /// In each phase of an answer: the next request is one that the API takes.
        @Test(arguments: apis, ["ponder", "talk", "write"]) func itIsCut(_ api: String, _ task: String) async throws {
            try await Service.run(over: api, script: Self.script) { service, model in
                let run = try await service.launch(task)
                let tokens = task == "write" ? 50 : 20
                _ = await model.log.entry(1, reaches: .tokens(tokens))
                try await service.interrupt(run)
                try await service.resume(run, "Go on.")
                #expect(try await service.wait(run, .finished).lastMessage == "Done.")
                let shown = try shown(model, 2)
                #expect(!shown.contains { $0.contains("thinking") || $0.contains("tool_use") }, "\(shown)")
                #expect(shown.last == "user text: Go on.")
                if task == "talk" { #expect(shown[1].hasPrefix("assistant text: word1 ")) }
            }
        }

        @Test(arguments: apis) func aToolIsKilled(_ api: String) async throws {
            try await Service.run(over: api, script: Self.script) { service, model in
                for way in ["interrupt", "kill", "message"] {
                    let run = try await service.launch("wait")
                    _ = try await service.event(run) { if case .callStarted = $0 { true } else { false } }
                    switch way {
                    case "interrupt":
                        try await service.interrupt(run)
                        try await service.resume(run, "Go on.")
                    case "kill":
                        // Of a terminal's call whose outcome is unknown the model is told so.
                        service.kill()
                        try await service.start()
                    default:
                        try await service.send(run, "Something else.")
                        try await service.interrupt(run)
                        try await service.resume(run)
                    }
                    #expect(try await service.wait(run, .finished).lastMessage == "Done.", "\(way)")
                }
            }
        }

        /// Its reasoning is of no use to another, and its ids may not be; and back.
        @Test func aRunGoesOnWithAnotherProvider() async throws {
            try await Service.run(over: "messages", script: Self.script) { service, model in
                let run = try await service.launch("look")
                try await service.wait(run, .finished)
                for (number, name) in [(3, "openai/mock"), (4, "anthropic/mock")] {
                    _ = try await service.client.send(
                        FermataResume.with {
                            $0.run = run
                            $0.model = name
                            $0.text = "Go on."
                        })
                    try await service.wait(run, .finished)
                    let body = String(decoding: try #require(model.log.entry(number)?.body), as: UTF8.self)
                    #expect(body.contains("Where am I?") == (name == "anthropic/mock"), "\(name)")
                }
            }
        }

        @Test(arguments: apis, ["call-cut", "broken", "busy", "cut"])
        func anAnswerEndsOtherwise(_ api: String, _ task: String) async throws {
            try await Service.run(over: api, script: Self.script) { service, _ in
                let run = try await service.launch(task) { $0.modelAttempts = 2 }
                let summary = try await service.wait(run, .finished, .failed)
                // What was cut by its length goes on in the answer after it.
                #expect(summary.lastMessage == (task == "cut" ? "Half an answerDone." : "Done."), "\(summary)")
            }
        }

        @Test(arguments: apis) func whatIsRefusedIsNotShownAgain(_ api: String) async throws {
            try await Service.run(over: api, script: Self.script) { service, model in
                let run = try await service.launch("refuse")
                #expect(try await service.wait(run, .failed, .finished).failure.kind == "REFUSED")
                try await service.resume(run, "Something else.")
                #expect(try await service.wait(run, .finished, .failed).lastMessage == "Done.")
                #expect(try shown(model, 2) == ["user text: refuse", "user text: Something else."])
            }
        }
    }
}
