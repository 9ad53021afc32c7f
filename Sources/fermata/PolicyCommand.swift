internal import AgentFiles
public import ArgumentParser
internal import FermataClient
public import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Show or set when a run's calls may start, tool by tool.",
        discussion: """
            allow: they start. ask: each waits until a person has approved it. deny: they never do, and the model is \
            told so. A file can have conditions on a call's arguments as well:

              terminal: ask
              refund:
                rules:
                  - when: [{pointer: /amount, greater: 500}]
                    gate: deny
                gate: ask

            Calls that have not started are judged again when the policy changes; none is approved by it.

            EXAMPLES
              fermata policy show 01a1fd79 > policy.yaml
              fermata policy set 01a1fd79 policy.yaml
              fermata policy set 01a1fd79 --ask terminal --deny file_editor
            """,
        subcommands: [Show.self, Set.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Print a run's policy as a YAML file.",
            discussion: """
                EXAMPLES
                  fermata policy show 01a1fd79 > policy.yaml
                  fermata policy show --json 01a1fd79
                """)
        @Argument(help: "The run's id, or the beginning of it.", completion: .runs) var run: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let policy = try await PolicyCommand.get(run, server).policy
            if server.json { return try server.print(json: policy) }
            print(PolicyFile.text(of: policy), terminator: "")
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Replace a run's policy by a file's, or change it for some tools.",
            discussion: """
                A file is the whole policy. With --allow, --ask and --deny only these tools' is changed, and their \
                conditions go. An open approval is never answered by it, but a call that is denied now ends.

                EXAMPLES
                  fermata policy set 01a1fd79 policy.yaml --reason "refunds up to 500 dollars"
                  fermata policy set 01a1fd79 --deny terminal
                """)
        @OptionGroup var on: RunOptions
        @Argument(help: "The file.", completion: .file(extensions: ["yaml", "yml"])) var file: String?
        @OptionGroup var gates: GateOptions

        func validate() throws {
            if (file != nil) == gates.isEmpty { return }
            throw ValidationError("Name a file, or tools with --allow, --ask and --deny; not both.")
        }

        func run() async throws {
            var set = on.command(FermataSetPolicy.self)
            if let file {
                set.policy = try PolicyOptions.read(file)
                return try await on.server.run(set)
            }
            // What somebody else has set since it was read must not be lost; that the run merely went on does not
            // matter.
            while true {
                let reply = try await PolicyCommand.get(on.run, on.server)
                set.policy = gates.changing(reply.policy)
                if on.options.ifSeq == nil { set.ifSeq = reply.run.lastSeq }
                do {
                    return try await on.server.run(set)
                } catch ClientError.refused(let error)
                    where error.code == ErrorCode.stale.name && on.options.ifSeq == nil
                {
                    continue
                }
            }
        }
    }

    private static func get(_ run: String, _ server: ServerOptions) async throws -> FermataGetRunReply {
        try await server.client.send(
            FermataGetRun.with {
                $0.run = run
                $0.calls = true
            })
    }
}

/// Tools, and whether their calls may start.
struct GateOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption, help: ArgumentHelp("Tools whose calls start without asking.", valueName: "tool"))
    var allow: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Tools whose calls wait for a person's approval.", valueName: "tool"))
    var ask: [String] = []
    @Option(parsing: .upToNextOption, help: ArgumentHelp("Tools whose calls never start.", valueName: "tool"))
    var deny: [String] = []

    var isEmpty: Bool { (allow + ask + deny).isEmpty }

    func validate() throws {
        let tools = allow + ask + deny
        if Swift.Set(tools).count != tools.count {
            throw ValidationError("A tool is named once among --allow, --ask and --deny.")
        }
    }

    /// The policy with these tools as they are named here: without conditions, for those might say otherwise.
    func changing(_ policy: FermataPolicy) -> FermataPolicy {
        var policy = policy
        for (tools, gate) in [(allow, FermataGate.allow), (ask, .ask), (deny, .deny)] {
            for tool in tools {
                if !policy.tools.contains(where: { $0.tool == tool }) { policy.tools.append(.with { $0.tool = tool }) }
                for index in policy.tools.indices where policy.tools[index].tool == tool {
                    policy.tools[index].gate = gate
                    policy.tools[index].rules = []
                }
            }
        }
        return policy
    }
}

/// The policy that a run is launched with.
struct PolicyOptions: ParsableArguments {
    @Option(
        name: .customLong("policy"),
        help: ArgumentHelp("A file with a policy, as in fermata help policy.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?
    @OptionGroup var gates: GateOptions

    func message() throws -> FermataPolicy { gates.changing(try file.map(PolicyOptions.read) ?? FermataPolicy()) }

    /// Reads a file; prints everything that is wrong with it, and ends the command if something is.
    static func read(_ file: String) throws -> FermataPolicy {
        do throws(AgentFileError) {
            return try PolicyFile.read(file)
        } catch {
            let text = error.mistakes.map { $0.description.harmless + "\n" }.joined()
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
            throw ExitCode(Failure.refused)
        }
    }
}

extension FermataHoldPoint.At: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument.lowercased() {
        case "selection": self = .selection
        case "none": self = .none
        default: return nil
        }
    }

    public static var allValueStrings: [String] { ["selection", "none"] }
    public static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}
