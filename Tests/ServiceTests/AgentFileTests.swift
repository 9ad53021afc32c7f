import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// `fermata agent`: files that are checked, stored, shown and launched from.
    @Suite(.timeLimit(.minutes(2))) struct AgentFileTests {
        @Test func aFileIsStoredAndShownAndLaunchedFrom() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let file = service.directory + "/reviewer.yaml"
                let text =
                    "name: reviewer\ndescription: Reads changes.\nmodel: openai/gpt-4o\nmodel_options:\n"
                    + "  temperature: 0.2\nsystem_prompt: |\n  You review changes.\n  Be brief.\n"
                    + "limits:\n  max_cost_usd: 0.50\n"
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                let checked = try await service.cli("agent", "check", file)
                #expect(checked.code == 0 && checked.output.isEmpty, "\(checked)")
                #expect(
                    checked.errors == "\(file): model: not judged: which models there are, only a server knows\n"
                        + "\(file): limits.max_cost_usd: not judged: whether openai/gpt-4o has a price, only a server knows\n"
                )
                #expect(try await service.cli("agent", "list").output == "no agent is stored\n")
                let stored = try await service.cli("agent", "put", file, "--if-version", "0")
                #expect(stored.code == 0 && stored.output == "reviewer  version 1\n", "\(stored)")
                let again = try await service.cli("agent", "put", file)
                #expect(again.output == "reviewer  version 1  (nothing to do)\n")
                let stale = try await service.cli("agent", "put", file, "--if-version", "7")
                #expect(stale.code == 1 && stale.errors.contains("[STALE]") && stale.errors.isOneLine, "\(stale)")

                #expect(try await service.cli("agent", "show", "reviewer").output == text)
                let json = try await service.cli("agent", "show", "--json", "reviewer")
                let reply = try FermataGetAgentReply(jsonString: json.output)
                #expect(reply.agent.agent.limits.maxCostNanoUsd == 500_000_000 && reply.agent.by == "operator:tester")
                let list = try await service.cli("agent", "list")
                #expect(list.output == "reviewer  version 1  openai/gpt-4o  Reads changes.\n")
                #expect(try await service.cli("agent", "show", "nobody").errors.contains("[NO_SUCH_AGENT]"))

                let launched = try await service.cli("launch", "--agent", "reviewer", "--wait", "go")
                #expect(launched.code == 0 && launched.output == "Done.\n", "\(launched)")
                let run = try #require(try await service.client.send(FermataListRuns()).runs.first)
                #expect(run.agent == "reviewer")
            }
        }

        @Test func ofFilesWithMistakesNoneIsStored() async throws {
            try await Service.run(script: "[]") { service, _ in
                let files = ["good", "bad", "worse"].map { service.directory + "/\($0).yaml" }
                let texts = ["name: good\n", "name: bad\nmodle: x\nlimits: {max_steps: 0}\n", "name: [\n"]
                for (file, text) in zip(files, texts) {
                    try text.write(toFile: file, atomically: true, encoding: .utf8)
                }
                for command in ["check", "put"] {
                    let result = try await service.cli("agent", command, files[0], files[1], files[2])
                    #expect(result.code == 1 && result.output.isEmpty, "\(result)")
                    let lines = result.errors.split(separator: "\n")
                    #expect(lines.count == 3)
                    #expect(lines.first?.hasPrefix("\(files[1]):2: modle: is not known; did you mean model? ") == true)
                    #expect(lines.dropFirst().first == "\(files[1]):3: limits.max_steps: must be at least 1")
                    #expect(lines.last?.hasPrefix("\(files[2]):2: ") == true, "\(lines)")
                }
                #expect(try await service.client.send(FermataListAgents()).agents.isEmpty)
                // What only the server knows.
                try "name: good\ntools: [nothing]\n".write(toFile: files[0], atomically: true, encoding: .utf8)
                #expect(try await service.cli("agent", "check", files[0]).code == 0)
                let refused = try await service.cli("agent", "put", files[0])
                #expect(refused.code == 1 && refused.errors.contains("[INVALID_ARGUMENT]"), "\(refused)")
                #expect(refused.errors.contains("file_editor"))

                // What can be judged without one is, what cannot is said.
                try "name: good\npolicy: {terminl: ask}\n".write(toFile: files[0], atomically: true, encoding: .utf8)
                let typo = try await service.cli("agent", "check", files[0])
                #expect(typo.code == 1 && typo.errors.contains("terminl here, is it terminal?"), "\(typo)")
                try "name: good\ntools: [terminl]\npolicy: {terminl: ask}\n".write(
                    toFile: files[0], atomically: true, encoding: .utf8)
                #expect(try await service.cli("agent", "check", files[0]).code == 0)
                let policies = "name: good\npolicy:\n  deploy: deny\n  terminal:\n    rules:\n"
                for (rule, code, line) in [
                    (
                        "- {when: [{pointer: /comand, matches: rm}], gate: deny}", 1,
                        "policy.terminal.rules[0].when[0].pointer: points at nothing that terminal takes; did you mean /command?"
                    ),
                    ("- {when: [{pointer: /command, matches: rm}], gate: deny}", 0, nil),
                ] as [(String, Int32, String?)] {
                    try (policies + "    \(rule)\n").write(toFile: files[0], atomically: true, encoding: .utf8)
                    let checked = try await service.cli("agent", "check", files[0])
                    #expect(checked.code == code, "\(checked)")
                    let lines = checked.errors.split(separator: "\n").map(String.init)
                    #expect(lines.first == line.map { "\(files[0]): \($0)" } || line == nil, "\(lines)")
                    let unknown =
                        " is not built in, nor in worker_tools; whether a worker has registered it, only a server knows"
                    #expect(lines.contains("\(files[0]): policy.deploy: not judged: deploy\(unknown)"))
                }
            }
        }

        /// Taken, and said by whoever reads the schema: the file's check, and the log of a server that is given it.
        @Test func whatOfASchemaIsNotCheckedIsSaid() async throws {
            try await Service.run(script: "[]") { service, _ in
                let file = service.directory + "/looks.yaml"
                let text = """
                    name: looks
                    worker_tools: [{name: t, parameters: {properties: {a: {pattern: "(?=b)b"}}}}]
                    """
                try (text + "\n").write(toFile: file, atomically: true, encoding: .utf8)
                let place = "parameters#/properties/a/pattern: not checked: look-around in a pattern is not checked"
                let checked = try await service.cli("agent", "check", file)
                #expect(checked.code == 0 && checked.errors.contains("worker_tools.t.\(place)"), "\(checked)")
                #expect(try await service.cli("agent", "put", file).code == 0)
                let tool = try await service.client.send(FermataGetAgent.with { $0.name = "looks" }).agent.agent
                    .workerTools
                _ = try await service.launch("") { $0.workerTools = tool }
                let lines = service.serverLog.split(separator: "\n").filter { $0.contains("is not checked") }
                #expect(lines.count == 2 && lines.allSatisfy { $0.contains("/properties/a/pattern") }, "\(lines)")
            }
        }
    }
}
