import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// Servers that refuse what the strictest real ones of their kind do: whatever happens to a run, its next request is
    /// one that they take, and it goes on.
    @Suite(.timeLimit(.minutes(5))) struct StrictServerTests {
        /// Who is as strict, by the name of the provider that a user writes.
        private static let servers: [(like: String, strictness: ChatStrictness)] = [
            ("openai", .openai), ("mistral", .mistral), ("moonshot", .reasoning), ("deepseek", .reasoning),
            ("gemini", .signatures), ("hosted_vllm", .template), ("llamafile", .template),
        ]
        private static let long = (1...2000).map { "word\($0)" }.joined(separator: " ")
        private static let signature = #""extra_content": {"google": {"thought_signature": "s"}}"#
        private static let script = #"""
            [
              {"match": "user: talk", "reasoning": "Let me. ", "text": "\#(long)", "tokens_per_second": 500},
              {"match": "user: write", "tokens_per_second": 500,
                "tool_calls": [{"name": "terminal", "arguments": {"command": "echo \#(long)"}, \#(signature)}]},
              {"match": "user: wait", "reasoning": "It takes long. ",
                "tool_calls": [{"name": "terminal", "arguments": {"command": "sleep 300"}, \#(signature)}]},
              {"match": "user: cut", "finish_reason": "length", "times": 1,
                "tool_calls": [{"name": "terminal", "arguments": "{\"command\": \"echo ", \#(signature)}]},
              {"match": "user: malformed", "reasoning": "Hm. ", "times": 1, "tool_calls": [
                {"name": "terminal", "arguments": "[1, 2", \#(signature)}, {"name": "nobody", "arguments": "null"}]},
              {"match": "", "text": "Done."}
            ]
            """#

        @Test(arguments: servers.map(\.like)) func theNextRequestIsTaken(_ like: String) async throws {
            let strictness = try #require(Self.servers.first { $0.like == like }?.strictness)
            var configuration = try MockModel.Configuration(listen: "127.0.0.1:0")
            configuration.strictness = [strictness]
            let model = try await MockModel.start(try ModelScript(json: Self.script, file: "test"), configuration)
            // A provider whose calls have ids that no other takes, and no reasoning of its own.
            let foreign = #"""
                [{"match": "user: first", "tool_calls": [
                    {"name": "terminal", "id": "functions.terminal:0/\#(String(repeating: "x", count: 60))",
                     "arguments": {"command": "echo one"}}]},
                 {"match": "", "text": "Done."}]
                """#
            let other = try await MockModel.start(try ModelScript(json: foreign, file: "test"))
            let text = """
                providers:
                - name: strict
                  like: \(like)
                  base-url: \(model.baseURL)
                - name: other
                  base-url: \(other.baseURL)
                """
            try await Service.withSettings(text) { _, file in
                try await Service.run(arguments: ["--config", file]) { service in
                    func launch(_ task: String) async throws -> String {
                        try await service.launch(task) {
                            $0.model = "strict/m"
                            $0.modelAttempts = 1
                        }
                    }
                    func ends(_ run: String, _ what: String) async throws {
                        let summary = try await service.wait(run, .finished, .failed)
                        #expect(summary.lastMessage == "Done.", "\(like), \(what): \(summary.failure.message)")
                    }
                    for task in ["talk", "write"] {
                        let before = model.log.entries().count
                        let run = try await launch(task)
                        _ = await model.log.entry(before + 1, reaches: .tokens(20))
                        try await service.interrupt(run)
                        try await service.resume(run, "Go on.")
                        try await ends(run, "interrupted: \(task)")
                    }
                    for way in ["interrupt", "kill", "message"] {
                        let run = try await launch("wait")
                        _ = try await service.event(run) { if case .callStarted = $0 { true } else { false } }
                        switch way {
                        case "kill":
                            service.kill()
                            try await service.start()
                        case "message":
                            try await service.send(run, "Something else.")
                            try await service.send(run, "And more.")
                            fallthrough
                        default:
                            try await service.interrupt(run)
                            try await service.resume(run, way == "message" ? "" : "Go on.")
                        }
                        try await ends(run, "a tool, \(way)")
                    }
                    for task in ["cut", "malformed"] { try await ends(try await launch(task), task) }
                    // From another provider, and back, and here again.
                    let moved = try await service.launch("first") { $0.model = "other/m" }
                    try await ends(moved, "elsewhere")
                    for name in ["strict/m", "other/m", "strict/m"] {
                        _ = try await service.client.send(
                            FermataResume.with {
                                ($0.run, $0.requestID) = (moved, UUID().uuidString.lowercased())
                                ($0.model, $0.text) = (name, "Go on.")
                            })
                        try await ends(moved, "moved to \(name)")
                    }
                }
            }
            let refused = model.log.entries().filter { $0.status != 200 && $0.end == .refused }
            #expect(refused.isEmpty, "\(like): \(refused.map(\.number))")
            await model.stop()
            await other.stop()
        }
    }
}
