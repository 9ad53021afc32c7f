import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Stored agents, and runs that are launched from them.
    @Suite(.timeLimit(.minutes(2))) struct AgentTests {
        private let reviewer = FermataAgent.with {
            $0.name = "reviewer"
            $0.description_p = "Reads changes."
            $0.systemPrompt = "You review changes."
            $0.tools = ["terminal"]
            $0.modelOptions.temperature = 0.25
            $0.modelOptions.maxOutputTokens = 100
            $0.limits.maxSteps = 7
        }

        private func put(_ agent: FermataAgent, _ change: (inout FermataPutAgent) -> Void = { _ in }) -> FermataPutAgent
        {
            var put = FermataPutAgent.with {
                $0.requestID = UUID().uuidString.lowercased()
                $0.by = "ada"
                $0.agent = agent
            }
            change(&put)
            return put
        }

        @Test func aRunKeepsTheAgentThatItWasLaunchedWith() async throws {
            try await Service.run(script: #"[{"text": "Done."}, {"text": "Again."}]"#) { service, model in
                let first = try await service.client.send(put(reviewer))
                #expect(first.changed && first.agent.version == 1 && first.agent.by == "ada")
                let run = try await service.launch { $0.agent = "reviewer" }
                try await service.wait(run, .finished)
                var changed = reviewer
                changed.systemPrompt = "You are somebody else."
                #expect(try await service.client.send(put(changed)).agent.version == 2)
                try await service.send(run, "more")
                try await service.event(run) { $0.answeredText == "Again." }

                let launched = try #require(try await service.events(run).first?.launched)
                #expect(launched.agent == "reviewer" && launched.agentVersion == 1)
                #expect(launched.systemPrompt == "You review changes." && launched.limits.maxSteps == 7)
                #expect(launched.tools.map(\.name) == ["terminal"])
                for entry in model.log.entries() {
                    let body = String(decoding: try #require(entry.body), as: UTF8.self)
                    #expect(body.contains("You review changes.") && !body.contains("somebody else"))
                    #expect(body.contains(#""temperature":0.25"#) && body.contains(#""max_tokens":100"#))
                }
            }
        }

        @Test func whatTheLaunchSetsComesBeforeTheAgents() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                _ = try await service.client.send(put(reviewer))
                let run = try await service.launch("") {
                    $0.agent = "reviewer"
                    $0.systemPrompt = "Be brief."
                    $0.tools = ["ask_human"]
                    $0.modelOptions.temperature = 0
                    $0.limits.maxCostNanoUsd = 5
                    $0.model = "openai/gpt-4o"
                }
                let launched = try #require(try await service.events(run).first?.launched)
                #expect(launched.systemPrompt == "Be brief." && launched.tools.map(\.name) == ["ask_human"])
                #expect(launched.modelOptions.temperature == 0 && launched.modelOptions.hasTemperature)
                #expect(launched.modelOptions.maxOutputTokens == 100)
                #expect(launched.limits.maxSteps == 7 && launched.limits.maxCostNanoUsd == 5)
                let plain = try await service.launch("")
                let listed = try await service.client.send(FermataListRuns.with { $0.agent = "reviewer" })
                #expect(listed.runs.map(\.id) == [run])
                let others = try await service.client.send(FermataListRuns.with { $0.agent = "default" })
                #expect(others.runs.map(\.id) == [plain])
            }
        }

        /// For models that take none: their servers refuse each request that has tools.
        @Test(arguments: ["chat", "messages", "responses"]) func aRunCanHaveNoTools(_ api: String) async throws {
            // Anthropic's API, which never answers so, refuses calls in a conversation that has no tools.
            let call =
                #"{"match": "", "tool_calls": [{"name": "terminal", "arguments": {"command": "x"}}], "times": 1},"#
            let script = #"""
                [{"match": "user: refuse", "fault": {
                    "status": 400, "body": "{\"error\": {\"message\": \"gemma does not support tools\"}}"}},
                 \#(api == "messages" ? "" : call)
                 {"match": "", "text": "Without."}]
                """#
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
            let settings = "providers:\n- name: own\n  base-url: \(model.baseURL)\n  api: \(api)\n"
            try await Service.withSettings(settings) { _, file in
                try await Service.run(arguments: ["--config", file]) { service in
                    let agent = FermataAgent.with { ($0.name, $0.model, $0.tools) = ("bare", "own/m", ["none"]) }
                    _ = try await service.client.send(put(agent))
                    let run = try await service.launch("go") { $0.agent = "bare" }
                    let summary = try await service.wait(run, .finished)
                    #expect(summary.lastMessage == "Without.")
                    let events = try await service.events(run)
                    #expect(events.first?.launched.tools == [])
                    // A call of a tool that it does not have is answered, and nothing runs.
                    #expect(!events.contains { $0.kindName == "callStarted" })
                    for entry in model.log.entries() {
                        let body = try JSONSerialization.jsonObject(with: Data(try #require(entry.body)))
                        #expect((body as? [String: Any])?["tools"] == nil)
                    }
                    let failed = try await service.launch("refuse") { $0.model = "own/m" }
                    let failure = try await service.wait(failed, .failed).failure
                    #expect(failure.kind == "UNSUPPORTED_PARAMETER" && failure.message.contains("--tools none"))
                    try await service.refused(.invalidArgument) {
                        _ = try await service.launch("x") { ($0.model, $0.tools) = ("own/m", ["none", "terminal"]) }
                    }
                }
            }
            await model.stop()
        }

        @Test func agentsAreKeptListedAndReplaced() async throws {
            try await Service.run { service in
                let mock = FermataAgent.with {
                    $0.name = "a.mock-1"
                    $0.model = "mock/x.json"
                    $0.modelAttempts = 3
                }
                let command = put(mock)
                let stored = try await service.client.send(command)
                #expect(try await service.client.send(command) == stored)
                let same = try await service.client.send(put(mock))
                #expect(!same.changed && same.agent == stored.agent)
                _ = try await service.client.send(put(reviewer))

                service.kill()
                try await service.start()
                #expect(try await service.client.send(command) == stored)
                let all = try await service.client.send(FermataListAgents())
                #expect(all.agents.map(\.agent.name) == ["a.mock-1", "reviewer"] && all.next.isEmpty)
                #expect(all.agents[1].agent.systemPrompt.isEmpty)
                let page = try await service.client.send(FermataListAgents.with { $0.limit = 1 })
                let rest = try await service.client.send(FermataListAgents.with { $0.after = page.next })
                #expect(page.agents + rest.agents == all.agents)
                let whole = try await service.client.send(FermataGetAgent.with { $0.name = "reviewer" })
                #expect(whole.agent.agent == reviewer)

                try await service.refused(.conflict) {
                    _ = try await service.client.send(put(reviewer) { $0.requestID = command.requestID })
                }
                try await service.refused(.stale) {
                    _ = try await service.client.send(put(reviewer) { $0.ifVersion = 0 })
                }
                var changed = reviewer
                changed.description_p = "new"
                try await service.refused(.stale) {
                    _ = try await service.client.send(put(changed) { $0.ifVersion = 2 })
                }
                #expect(try await service.client.send(put(changed) { $0.ifVersion = 1 }).agent.version == 2)
                var other = reviewer
                other.name = "new"
                #expect(try await service.client.send(put(other) { $0.ifVersion = 0 }).agent.version == 1)
            }
        }

        @Test func whatIsNoAgentIsRefusedByItsField() async throws {
            try await Service.run { service in
                func expect(_ field: String, _ change: (inout FermataAgent) -> Void) async throws {
                    var agent = reviewer
                    change(&agent)
                    do {
                        _ = try await service.client.send(put(agent))
                        Issue.record("\(field) was accepted")
                    } catch {
                        guard case ClientError.refused(let error) = error else { throw error }
                        #expect(error.details.first { $0.key == "field" }?.value == field, "\(error)")
                        // Names of tools are shown, so that who mistyped one sees it; nothing else that was sent.
                        #expect(!error.message.contains("secret") || field == "agent.tools" || field == "tools")
                    }
                }
                try await expect("agent.name") { $0.name = "secret name" }
                try await expect("agent.model_options.temperature") { $0.modelOptions.temperature = 3 }
                try await expect("agent.limits.max_steps") { $0.limits.maxSteps = 0 }
                try await expect("tools") { $0.tools = ["secret"] }
                try await expect("model") { $0.model = "nobody/model" }
                #expect(try await service.client.send(FermataListAgents()).agents.isEmpty)
                try await service.refused(.noSuchAgent) {
                    _ = try await service.client.send(FermataGetAgent.with { $0.name = "nobody" })
                }
                for name in ["nobody", "../x", "é"] {
                    try await service.refused(.noSuchAgent) { _ = try await service.launch { $0.agent = name } }
                }
                try await service.refused(.invalidArgument) {
                    _ = try await service.client.send(FermataListAgents.with { $0.after = "no name" })
                }
                try await service.refused(.invalidArgument) {
                    _ = try await service.launch {
                        $0.model = "mock/x"
                        $0.modelOptions.topP = 9
                    }
                }
            }
        }
    }
}

extension FermataEvent.OneOf_Kind {
    fileprivate var answeredText: String? { if case .modelAnswered(let answer) = self { answer.text } else { nil } }
}
