import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Policies through the sockets of the real binary: from agents, launches, commands and sticky answers.
    @Suite(.timeLimit(.minutes(2))) struct PolicyTests {
        private static let script = #"""
            [
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo one >> ran"}}]},
              {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo two >> ran"}}]},
              {"text": "Done."}
            ]
            """#

        private static func policy(_ gate: FermataGate, _ rules: FermataRule...) -> FermataPolicy {
            .with { $0.tools = [.with { ($0.tool, $0.gate, $0.rules) = ("terminal", gate, rules) }] }
        }

        private static func rule(_ gate: FermataGate, command expression: String) -> FermataRule {
            .with {
                $0.gate = gate
                $0.when = [.with { ($0.pointer, $0.matches) = ("/command", expression) }]
            }
        }

        private func ran(_ run: String, _ service: Service) async throws -> String {
            let workspace = try await service.summary(run).workspace
            return (try? String(contentsOfFile: workspace + "/ran", encoding: .utf8)) ?? ""
        }

        private func outcomes(_ run: String, _ service: Service) async throws -> [FermataCallOutcome] {
            try await service.events(run).compactMap { $0.callEndedValue?.outcome }
        }

        private func ask(_ run: String, _ service: Service) async throws -> FermataAsk {
            try await service.wait(run, .waiting)
            let asks = try await service.client.send(FermataListAsks.with { $0.run = run }).asks
            return try #require(asks.first)
        }

        private func answer(
            _ ask: FermataAsk, _ verdict: FermataVerdict, _ change: (inout FermataAnswer) -> Void = { _ in }
        ) -> FermataAnswer {
            var answer = FermataAnswer.with {
                ($0.run, $0.ask, $0.verdict, $0.by) = (ask.run, ask.number, verdict, "ada")
                $0.argumentsSha256 = ask.argumentsSha256
            }
            change(&answer)
            return answer
        }

        private func setPolicy(_ run: String, _ policy: FermataPolicy) -> FermataSetPolicy {
            .with { ($0.run, $0.policy, $0.by) = (run, policy, "ada") }
        }

        @Test func theLaunchesPolicyComesBeforeTheAgents() async throws {
            try await Service.run(script: Self.script) { service, model in
                _ = try await service.client.send(
                    FermataPutAgent.with {
                        $0.agent.name = "careful"
                        $0.agent.policy = Self.policy(.deny)
                    })
                let denied = try await service.launch { $0.agent = "careful" }
                try await service.wait(denied, .finished)
                #expect(try await outcomes(denied, service) == [.callDenied, .callDenied])
                #expect(try model.log.shown(2).last == "tool: [Not executed: the policy of this run forbids it.]")
                #expect(try await service.client.send(FermataListAsks()).asks.isEmpty)

                let asking = try await service.launch {
                    $0.agent = "careful"
                    $0.policy = Self.policy(.allow, Self.rule(.ask, command: "two"))
                }
                let ask = try await ask(asking, service)
                #expect(ask.kind == .approval && ask.tool == "terminal" && ask.arguments.contains("echo two"))
                #expect(try await ran(asking, service) == "one\n")
                // The journal keeps it over a kill, and a restart approves nothing.
                service.kill()
                try await service.start()
                #expect(try await self.ask(asking, service) == ask)
                try await service.refused(.stale) {
                    _ = try await service.client.send(
                        answer(ask, .approve) { $0.argumentsSha256 = String(repeating: "0", count: 64) })
                }
                _ = try await service.client.send(answer(ask, .approve))
                try await service.wait(asking, .finished)
                #expect(try await ran(asking, service) == "one\ntwo\n")
            }
        }

        @Test func aNewPolicyJudgesAgainAndApprovesNothing() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy(.ask) }
                let ask = try await ask(run, service)
                let allowed = try await service.client.send(setPolicy(run, Self.policy(.allow)))
                #expect(allowed.changed && allowed.run.status == .waiting && allowed.run.openAsks == [ask.number])
                #expect(try await !service.client.send(setPolicy(run, Self.policy(.allow))).changed)
                let denied = try await service.client.send(
                    setPolicy(run, Self.policy(.allow, Self.rule(.deny, command: "one"))))
                #expect(denied.run.openAsks.isEmpty)
                try await service.wait(run, .finished)
                #expect(try await outcomes(run, service) == [.callDenied, .callFinished])
                #expect(try await ran(run, service) == "two\n")
                try await service.refused(.askClosed) { _ = try await service.client.send(answer(ask, .approve)) }
                let set = try await service.events(run).filter { $0.kindName == "policySet" }
                #expect(set.count == 2 && set.allSatisfy { $0.by == "ada" })
                let shown = try await service.client.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.calls = true
                    })
                #expect(shown.policy == Self.policy(.allow, Self.rule(.deny, command: "one")))
            }
        }

        @Test(arguments: [FermataVerdict.approve, .reject]) func aStickyAnswerIsARule(_ verdict: FermataVerdict)
            async throws
        {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy(.ask) }
                let first = try await ask(run, service)
                let sticky = answer(first, verdict) {
                    $0.sticky.when = [.with { ($0.pointer, $0.matches) = ("/command", "^echo") }]
                }
                _ = try await service.client.send(sticky)
                try await service.wait(run, .finished)
                let outcomes = try await outcomes(run, service)
                #expect(
                    outcomes == (verdict == .approve ? [.callFinished, .callFinished] : [.callRejected, .callDenied]))
                #expect(try await ran(run, service) == (verdict == .approve ? "one\ntwo\n" : ""))
                let set = try #require(try await service.events(run).first { $0.kindName == "policySet" })
                #expect(
                    set.by == "ada"
                        && set.policySet.policy.tools[0].rules.map(\.gate) == [verdict == .approve ? .allow : .deny])
            }
        }

        @Test func whatIsNoPolicyIsRefusedByItsField() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let run = try await service.launch("") { $0.policy = Self.policy(.ask) }
                let before = try await service.summary(run)
                func expect(_ field: String, _ policy: FermataPolicy) async throws {
                    for send: () async throws -> Void in [
                        { _ = try await service.client.send(setPolicy(run, policy)) },
                        { _ = try await service.launch("") { $0.policy = policy } },
                    ] {
                        do {
                            try await send()
                            Issue.record("\(field) was accepted")
                        } catch ClientError.refused(let error) {
                            #expect(error.code == ErrorCode.invalidArgument.name)
                            #expect(error.details.first { $0.key == "field" }?.value == field, "\(error)")
                            #expect(!error.message.contains("secret"))
                        }
                    }
                }
                func condition(_ change: (inout FermataCondition) -> Void) -> FermataPolicy {
                    var condition = FermataCondition()
                    change(&condition)
                    return Self.policy(.allow, .with { ($0.gate, $0.when) = (.deny, [condition]) })
                }
                let when = "policy.tools[0].rules[0].when[0]"
                try await expect("\(when).test", condition { $0.pointer = "/secret" })
                try await expect("\(when).pointer", condition { ($0.pointer, $0.less) = ("secret", 1) })
                try await expect("\(when).equals", condition { $0.equals = "secret" })
                try await expect("\(when).greater", condition { $0.greater = .nan })
                try await expect("\(when).matches", condition { $0.matches = "(secret" })
                try await expect("\(when).matches", condition { $0.matches = "(secret)\\1" })
                try await expect("policy.tools[0].rules[0].gate", Self.policy(.allow, FermataRule()))
                let rules = Array(repeating: FermataRule.with { $0.gate = .ask }, count: 101)
                try await expect("policy.tools[0].rules", Self.policy(.allow).with { $0.tools[0].rules = rules })
                try await expect("policy.tools", Self.policy(.ask).with { $0.tools += $0.tools })
                try await expect("policy.tools[0].tool", .with { $0.tools = [.with { $0.gate = .ask }] })
                #expect(try await service.summary(run) == before)
                try await service.refused(.stale) {
                    _ = try await service.client.send(setPolicy(run, FermataPolicy()).with { $0.ifSeq = 0 })
                }
                try await service.stop(run)
                try await service.refused(.wrongStatus) {
                    _ = try await service.client.send(setPolicy(run, FermataPolicy()))
                }
            }
        }

        @Test func theCommandLineShowsAndSetsPolicies() async throws {
            try await Service.run(script: Self.script) { service, _ in
                let file = service.directory + "/policy.yaml"
                try "terminal:\n  rules:\n    - {when: [{pointer: /command, matches: two}], gate: deny}\n  gate: ask\n"
                    .write(toFile: file, atomically: true, encoding: .utf8)
                let launched = try await service.cli("launch", "--policy", file, "--deny", "file_editor", "--", "go")
                let run = launched.output.trimmingCharacters(in: .newlines)
                _ = try await ask(run, service)
                let shown = try await service.cli("show", run)
                #expect(
                    shown.output.contains("policy     terminal: deny if /command matches two, else ask\n"), "\(shown)")
                #expect(shown.output.contains("policy     file_editor: deny\n"))
                #expect(shown.output.contains("ASKING, policy: ask, ask 1\n"), "\(shown)")
                let policy = try await service.cli("policy", "show", run)
                try policy.output.write(toFile: file, atomically: true, encoding: .utf8)
                let same = try await service.cli("policy", "set", run, file)
                #expect(same.code == 0 && same.output.contains("nothing to do"), "\(same)")

                let denied = try await service.cli("policy", "set", run, "--deny", "terminal")
                #expect(denied.code == 0, "\(denied)")
                try await service.wait(run, .finished)
                let now = try await service.cli("policy", "show", run)
                #expect(now.output == "terminal: deny\nfile_editor: deny\n", "\(now)")

                try "terminal: maybe\n".write(toFile: file, atomically: true, encoding: .utf8)
                for arguments in [["policy", "set", run, file], ["launch", "--policy", file, "go"]] {
                    let wrong = try await Service.cli(arguments, directory: service.directory)
                    #expect(
                        wrong.code == 1 && wrong.errors == "\(file):1: terminal: must be allow, ask or deny\n",
                        "\(wrong)")
                }
                for arguments in [
                    ["policy", "set", run], ["policy", "set", run, file, "--ask", "x"],
                    ["policy", "set", run, "--ask", "x", "--deny", "x"],
                ] {
                    #expect(try await Service.cli(arguments, directory: service.directory).code == 64)
                }
            }
        }
    }
}

extension SwiftProtobuf.Message {
    fileprivate func with(_ change: (inout Self) -> Void) -> Self {
        var message = self
        change(&message)
        return message
    }
}
