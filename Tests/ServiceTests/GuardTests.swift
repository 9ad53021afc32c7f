import FermataClient
import FermataProtocol
import Foundation
import MockModel
import RawServer
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// A guard that cannot act is refused where it comes in, or asks.
    @Suite(.timeLimit(.minutes(2))) struct GuardTests {
        private static let script = #"""
            [{"tool_calls": [{"name": "terminal", "arguments": {"command": "echo ran >> ran"}}]}, {"text": "Done."}]
            """#

        private static func policy(_ tool: String, _ gate: FermataGate, _ conditions: FermataCondition...)
            -> FermataPolicy
        {
            .with { policy in
                policy.tools = [
                    .with {
                        ($0.tool, $0.gate) = (tool, gate)
                        if !conditions.isEmpty { $0.rules = [.with { ($0.when, $0.gate) = (conditions, .deny) }] }
                    }
                ]
            }
        }

        private static func condition(_ pointer: String, _ test: FermataCondition.OneOf_Test) -> FermataCondition {
            .with { ($0.pointer, $0.test) = (pointer, test) }
        }

        /// Expects INVALID_ARGUMENT that says all of this.
        private func refused(
            _ field: String, _ texts: String..., sourceLocation: SourceLocation = #_sourceLocation,
            _ body: () async throws -> Void
        ) async throws {
            do {
                try await body()
                Issue.record("it was not refused", sourceLocation: sourceLocation)
            } catch ClientError.refused(let error) {
                #expect(error.code == "INVALID_ARGUMENT", "\(error.message)", sourceLocation: sourceLocation)
                #expect(error.details.first { $0.key == "field" }?.value == field, sourceLocation: sourceLocation)
                for text in texts {
                    #expect(error.message.contains(text), "\(error.message)", sourceLocation: sourceLocation)
                }
            }
        }

        private func put(_ change: (inout FermataAgent) -> Void) -> FermataPutAgent {
            var put = FermataPutAgent.with { $0.agent.name = "careful" }
            change(&put.agent)
            return put
        }

        @Test func aPolicyForAToolThatDoesNotExist() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let client = service.client
                let wrong = Self.policy("terminl", .ask)
                let hints = ["'terminl'", "did you mean terminal?", "terminal, file_editor, ask_human"]
                try await refused("policy.tools[0].tool", hints[0], hints[1], hints[2]) {
                    _ = try await service.launch { $0.policy = wrong }
                }
                try await refused("agent.policy.tools[0].tool", hints[0], hints[1], hints[2]) {
                    _ = try await client.send(put { $0.policy = wrong })
                }
                let run = try await service.launch("")
                try await refused("policy.tools[0].tool", hints[0], hints[1]) {
                    _ = try await client.send(FermataSetPolicy.with { ($0.run, $0.policy) = (run, wrong) })
                }
                try await refused("tools", hints[0], hints[1]) {
                    _ = try await service.launch { $0.tools = ["terminl"] }
                }
                let line = try await service.cli("launch", "--ask", "terminl", "--", "go")
                #expect(
                    line.code == 1 && line.errors.contains("did you mean terminal?") && line.errors.isOneLine, "\(line)"
                )
                #expect(try await service.cli("policy", "set", run, "--deny", "terminl").code == 1)
                // What is no name is not shown.
                try await refused("policy.tools[0].tool", "names what no tool is called") {
                    _ = try await service.launch { $0.policy = Self.policy("a b\u{1b}", .ask) }
                }
                #expect(try await client.send(FermataListRuns()).runs.map(\.id) == [run])

                // Workers' tools are known when they are registered, or explained where they are named.
                let deploy = Self.policy("deploy", .ask)
                try await refused("policy.tools[0].tool", "'deploy'") {
                    _ = try await service.launch { $0.policy = deploy }
                }
                _ = try await client.send(put { ($0.policy, $0.workerTools) = (deploy, [Worker.spec("deploy")]) })
                try await service.launch("") { ($0.policy, $0.workerTools) = (deploy, [Worker.spec("deploy")]) }
                try await Worker(client: client).register(Worker.spec("deploy"))
                try await service.launch("") { $0.policy = deploy }
                _ = try await client.send(put { $0.policy = deploy })
                _ = try await client.send(FermataSetPolicy.with { ($0.run, $0.policy) = (run, deploy) })
                try await refused("policy.tools[0].tool", "did you mean deploy?") {
                    _ = try await service.launch { $0.policy = Self.policy("deplyo", .deny) }
                }
            }
        }

        @Test func aConditionThatNoCallCanFulfil() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let spec = Worker.spec("refund") {
                    $0.parameters = #"""
                        {"type":"object","additionalProperties":false,"properties":{
                        "amount":{"type":"number"},"to":{"type":"string"},"kind":{"enum":["part","whole"]},
                        "notes":{"type":"array","items":{"type":"object","additionalProperties":false,
                        "properties":{"text":{"type":"string"}}}},"free":{"type":"object"}}}
                        """#
                }
                try await Worker(client: service.client).register(spec)
                let run = try await service.launch("") { $0.tools = ["refund"] }
                let wrong: [(FermataCondition, String, String)] = [
                    (Self.condition("/amout", .greater(5)), "pointer", "did you mean /amount?"),
                    (Self.condition("/amount/value", .greater(5)), "pointer", "points at nothing"),
                    (Self.condition("/notes/0/txt", .matches("x")), "pointer", "did you mean /notes/0/text?"),
                    (Self.condition("/notes/first", .matches("x")), "pointer", "points at nothing"),
                    (Self.condition("/to", .greater(5)), "greater", "no number"),
                    (Self.condition("/to", .less(5)), "less", "no number"),
                    (Self.condition("/amount", .matches("500")), "matches", "no text"),
                    (Self.condition("/amount", .equals("\"500\"")), "equals", "a text is in quotes"),
                    (Self.condition("/to", .equals("7")), "equals", "a text is in quotes"),
                    (Self.condition("/kind", .equals("\"all\"")), "equals", "never hold"),
                ]
                for (condition, field, text) in wrong {
                    let policy = Self.policy("refund", .allow, condition)
                    let place = "tools[0].rules[0].when[0].\(field)"
                    try await refused("policy.\(place)", text) { _ = try await service.launch { $0.policy = policy } }
                    try await refused("policy.\(place)", text) {
                        _ = try await service.client.send(FermataSetPolicy.with { ($0.run, $0.policy) = (run, policy) })
                    }
                    try await refused("agent.policy.\(place)", text) {
                        _ = try await service.client.send(put { $0.policy = policy })
                    }
                }
                for condition in [
                    Self.condition("/amount", .greater(5)), Self.condition("/amount", .equals("500")),
                    Self.condition("/kind", .equals("\"whole\"")), Self.condition("/kind", .matches("^w")),
                    Self.condition("/notes/0/text", .matches("x")), Self.condition("/free/anything", .less(1)),
                    Self.condition("", .equals("{}")),
                ] {
                    let policy = Self.policy("refund", .allow, condition)
                    _ = try await service.client.send(FermataSetPolicy.with { ($0.run, $0.policy) = (run, policy) })
                }
                // How long people are asked for is no limit on a call that nobody is asked about.
                try await refused("policy.tools[0].deadline_ms", "limits no call") {
                    _ = try await service.launch {
                        $0.policy = Self.policy("terminal", .allow)
                        $0.policy.tools[0].deadlineMs = 5000
                    }
                }
            }
        }

        @Test func aStickyConditionThatNoCallCanFulfil() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy("terminal", .ask) }
                try await service.wait(run, .waiting)
                let ask = try #require(try await service.client.send(FermataListAsks.with { $0.run = run }).asks.first)
                func answer(_ pointer: String) -> FermataAnswer {
                    .with {
                        ($0.run, $0.ask, $0.verdict, $0.argumentsSha256) = (
                            run, ask.number, .reject, ask.argumentsSha256
                        )
                        $0.sticky.when = [Self.condition(pointer, .matches("rm"))]
                    }
                }
                try await service.refused(.invalidAnswer) { _ = try await service.client.send(answer("/comand")) }
                #expect(try await service.summary(run).openAsks == [ask.number])
                _ = try await service.client.send(answer("/command"))
            }
        }

        @Test func aLimitOnTheCostOfAModelWithoutAPrice() async throws {
            try await Service.run(script: Self.script) { service, model in
                let limited: (inout FermataLaunch) -> Void = { $0.limits.maxCostNanoUsd = 1_000_000_000 }
                try await refused("limits.max_cost_nano_usd", "no price of openai/mock", "--prices") {
                    _ = try await service.launch("go", limited)
                }
                try await refused("agent.limits.max_cost_nano_usd", "no price of openai/mock") {
                    _ = try await service.client.send(put { ($0.model, $0.limits.maxCostNanoUsd) = ("openai/mock", 5) })
                }
                // An agent without a model has the price of what it is launched with.
                _ = try await service.client.send(put { $0.limits.maxCostNanoUsd = 1_000_000_000 })
                try await refused("limits.max_cost_nano_usd") { _ = try await service.launch { $0.agent = "careful" } }
                let priced = try await service.launch {
                    ($0.agent, $0.model) = ("careful", "openai/gpt-4o")
                }
                try await service.wait(priced, .finished)
                #expect(try await service.summary(priced).usage.callsOfUnknownCost == 0)
                try await refused("model", "no price of openai/mock") {
                    _ = try await service.client.send(
                        FermataResume.with { ($0.run, $0.text, $0.model) = (priced, "again", "openai/mock") })
                }
                let free = try await service.launch("")
                try await refused("limits.max_cost_nano_usd", "no price of openai/mock") {
                    _ = try await service.client.send(
                        FermataSetBudget.with { ($0.run, $0.limits.maxCostNanoUsd) = (free, 5) })
                }
                #expect(model.log.entries().count == 2)
            }
        }

        /// The model has a price, but its server does not say what was used: after the first answer nobody can tell.
        @Test func aServerThatDoesNotSayWhatWasUsed() async throws {
            let requests = Guarded(0)
            let server = RawServer { connection, _ in
                while connection.readRequest() != nil {
                    let number = requests.withLock { count in
                        count += 1
                        return count
                    }
                    let call =
                        #"{"index":0,"id":"c\#(number)","function":{"name":"terminal","arguments":"{\"command\":\"true\"}"}}"#
                    let message = number % 4 == 0 ? #"{"content":"Done."}"# : #"{"tool_calls":[\#(call)]}"#
                    let json = #"{"choices":[{"message":\#(message),"finish_reason":"stop"}]}"#
                    connection.send(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)"
                    )
                }
            }
            defer { server.stop() }
            let environment = ["LLM_MODEL": "openai/gpt-4o", "LLM_BASE_URL": server.url + "/v1", "LLM_API_KEY": "k"]
            try await Service.run(environment: environment) { service in
                func ask(_ run: String) async throws -> FermataAsk {
                    try await service.wait(run, .waiting, .finished, .failed)
                    return try #require(try await service.client.send(FermataListAsks.with { $0.run = run }).asks.first)
                }
                let run = try await service.launch { $0.limits.maxCostNanoUsd = 1_000_000_000_000 }
                let first = try await ask(run)
                #expect(first.kind == .budget && first.question.contains("cannot be told"), "\(first)")
                #expect(requests.withLock { $0 } == 1)
                // A higher limit cannot be looked at either.
                try await service.refused(.invalidAnswer) {
                    _ = try await service.client.send(
                        FermataAnswer.with {
                            ($0.run, $0.ask, $0.verdict, $0.limits.maxCostNanoUsd) = (run, first.number, .raise, .max)
                        })
                }
                // RAISE: until the next such call, and over a restart.
                service.kill()
                try await service.start()
                try await service.answer(run, first.number, "", .raise)
                let second = try await ask(run)
                #expect(second.number == 2 && requests.withLock { $0 } == 2)
                // A budget without a limit on the cost lets it go on for good.
                let set = try await service.client.send(
                    FermataSetBudget.with { ($0.run, $0.limits.maxSteps) = (run, 50) })
                #expect(set.run.openAsks.isEmpty)
                try await service.wait(run, .finished)
                #expect(try await service.summary(run).usage.callsOfUnknownCost == 4)
                try await service.check()
            }
        }

        @Test func aPauseWhoseDeadlineDoesNothing() async throws {
            try await Service.run(script: Worker.script) { service, _ in
                let worker = Worker(client: service.client)
                try await worker.register(Worker.spec())
                _ = try await Worker.launch(service)
                let offer = try await worker.begin()
                let pauses: [(inout FermataQuestion) -> Void] = [
                    { $0.deadlineMs = 1000 }, { $0.defaultAnswer = "yes" },
                    { ($0.deadlineMs, $0.defaultAnswer) = (1000, "yes") },
                    {
                        ($0.deadlineMs, $0.atDeadline, $0.defaultAnswer, $0.format.form) = (
                            1000, .default, "maybe", .yesNo
                        )
                    },
                ]
                for change in pauses {
                    var question = FermataQuestion.with { $0.question = "Which?" }
                    change(&question)
                    try await service.refused(.invalidArgument) { try await worker.complete(offer, .pause(question)) }
                }
                try await worker.complete(
                    offer, .pause(.with { ($0.question, $0.deadlineMs, $0.atDeadline) = ("Which?", 9000, .never) }))
            }
        }

        @Test func aVariableThatIsNoSettingIsNamed() async throws {
            let environment = ["FERMATA_DURABILTY": "normal", "LLM_MODLE": "x", "LLM_NUM_RETRIES": "3"]
            try await Service.run(environment: environment) { service in
                let lines = service.serverLog.split(separator: "\n").filter { $0.contains("is no setting") }
                #expect(lines.count == 2, "\(lines)")
                #expect(
                    lines.first?.contains("FERMATA_DURABILTY") == true
                        && lines.first?.contains("near=FERMATA_DURABILITY") == true)
                #expect(lines.last?.contains("near=LLM_MODEL") == true)
                try await service.refused(.invalidArgument) {
                    _ = try await service.client.send(FermataListRuns.with { $0.agent = "no name" })
                }
            }
        }
    }
}
