internal import AgentFiles
internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Check, store and show agents: what runs are launched from, as YAML files.",
        discussion: """
            A file has a name, and if wanted description, model, model_options (temperature, top_p, max_output_tokens, \
            seed, reasoning_effort, stop), system_prompt, tools, model_attempts, limits (max_steps, max_cost_usd, \
            max_repeats), policy (as in fermata help policy) and worker_tools (tools that workers serve: name, \
            description, parameters, idempotent, idempotent_when (conditions as in a policy), parallel). \
            A run keeps the agent that it was launched with, whatever is stored later.

            EXAMPLES
              fermata agent check reviewer.yaml
              fermata agent put reviewer.yaml
              fermata launch --agent reviewer "Review the last commit."
              fermata agent show reviewer > reviewer.yaml
            """,
        subcommands: [Check.self, Put.self, Show.self, List.self])

    /// Reads files; prints everything that is wrong with any of them, and ends the command if something is.
    private static func read(_ files: [String]) throws -> [FermataAgent] {
        var agents: [FermataAgent] = []
        var mistakes: [AgentMistake] = []
        for file in files {
            do throws(AgentFileError) {
                agents.append(try AgentFile.read(file))
            } catch {
                mistakes += error.mistakes
            }
        }
        guard mistakes.isEmpty else {
            let text = mistakes.map { $0.description.harmless + "\n" }.joined()
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
            throw ExitCode(Failure.refused)
        }
        return agents
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Say what is wrong with agents' files, without a server.",
            discussion: """
                A mistake is a line on standard error: FILE:LINE: KEY: what is wrong. What only a server knows (which \
                models there are and what they cost, which tools workers have registered) is a line as well, FILE: \
                KEY: not judged, and no mistake: `fermata agent put` judges it.

                EXAMPLES
                  fermata agent check reviewer.yaml
                  fermata agent check agents/*.yaml && echo "all are right"
                """)
        @Argument(help: "The files.", completion: .file(extensions: ["yaml", "yml"])) var files: [String]

        func run() async throws {
            let agents = try AgentCommand.read(files)
            var mistakes: [String] = []
            var notes: [String] = []
            for (file, agent) in zip(files, agents) {
                let judgement = AgentJudgement(agent)
                mistakes += judgement.mistakes.map { "\(file): \($0)" }
                notes += judgement.unjudged.map { "\(file): \($0)" }
            }
            let text = (mistakes + notes).map { $0.harmless + "\n" }.joined()
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
            if !mistakes.isEmpty { throw ExitCode(Failure.refused) }
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put",
            abstract: "Store agents on the server, each under the name in its file.",
            discussion: """
                An agent of that name is replaced; runs keep the one that they were launched with. If one of the files \
                is wrong, none is stored.

                EXAMPLES
                  fermata agent put agents/*.yaml
                  fermata agent put --if-version 3 reviewer.yaml    refused if another one is stored
                  fermata agent put --if-version 0 reviewer.yaml    refused if there is one
                """)
        @Argument(help: "The files.", completion: .file(extensions: ["yaml", "yml"])) var files: [String]
        @Option(
            help: ArgumentHelp("Refuse it unless the stored agent has this version; 0: none.", valueName: "version"))
        var ifVersion: UInt32?
        @Option(help: "Who stores it.") var by: String?
        @Option(help: "Why; noted with the command.") var reason: String?
        @OptionGroup var server: ServerOptions

        func validate() throws {
            if ifVersion != nil, files.count > 1 { throw ValidationError("--if-version is for one file.") }
        }

        func run() async throws {
            for agent in try AgentCommand.read(files) {
                let reply = try await server.client.send(
                    FermataPutAgent.with {
                        $0.agent = agent
                        if let ifVersion { $0.ifVersion = ifVersion }
                        $0.by = by ?? operatorName
                        $0.reason = reason ?? ""
                    })
                if server.json {
                    try server.print(json: reply)
                } else {
                    print("\(agent.name)  version \(reply.agent.version)" + (reply.changed ? "" : "  (nothing to do)"))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Print a stored agent as a YAML file.",
            discussion: """
                EXAMPLES
                  fermata agent show reviewer > reviewer.yaml
                  fermata agent show --json reviewer | jq .agent.version
                """)
        @Argument(help: "The agent's name.", completion: .agents) var name: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let reply = try await server.client.send(FermataGetAgent.with { $0.name = name })
            if server.json { return try server.print(json: reply) }
            print(AgentFile.text(of: reply.agent.agent), terminator: "")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the stored agents by name.",
            discussion: """
                EXAMPLES
                  fermata agent list
                  fermata agent list --json | jq -r .agent.name
                """)
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = server.client
            var list = FermataListAgents()
            var count = 0
            repeat {
                let reply = try await client.send(list)
                for stored in reply.agents {
                    count += 1
                    if server.json {
                        try server.print(json: stored)
                    } else {
                        let agent = stored.agent
                        let notes = [agent.model, agent.description_p.oneLine(60)].filter { !$0.isEmpty }
                        print(([agent.name, "version \(stored.version)"] + notes).joined(separator: "  "))
                    }
                }
                list.after = reply.next
            } while !list.after.isEmpty
            if count == 0, !server.json { print("no agent is stored") }
        }
    }
}
