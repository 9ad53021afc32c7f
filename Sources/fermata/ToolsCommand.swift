internal import ArgumentParser
internal import FermataClient
internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf

struct ToolsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tools",
        abstract: "List the tools that agents can name: those built in, and those that workers have registered.",
        discussion: """
            A worker is any program that registers tools and executes their calls; protocol/README.md says how. A \
            registered tool stays registered; its calls wait while no worker asks for them.

            EXAMPLES
              fermata tools
              fermata tools --json | jq -r .spec.name
            """)
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        var list = FermataListTools()
        repeat {
            let reply = try await client.send(list)
            for tool in reply.tools {
                if server.json {
                    try server.print(json: tool)
                } else {
                    print(
                        ([tool.spec.name.padding(to: 16), tool.origin] + tool.flags).joined(separator: "  ").harmless)
                }
            }
            list.after = reply.next
        } while !list.after.isEmpty
    }
}

extension FermataRegisteredTool {
    /// Who executes it, and whether anybody does.
    fileprivate var origin: String {
        guard spec.resolvedOrigin == .worker else { return "built in" }
        let polled = polledAt > 0 ? "asked for at \(TimeArgument.text(polledAt))" : "nobody has asked for its calls yet"
        return "registered by \(worker), \(polled)"
    }

    fileprivate var flags: [String] {
        (spec.idempotent ? ["idempotent"] : [])
            + (spec.idempotentWhen.isEmpty
                ? [] : ["idempotent if " + spec.idempotentWhen.map(\.text).joined(separator: " and ")])
            + (spec.parallel ? ["parallel"] : [])
            + (spec.description_p.isEmpty ? [] : [spec.description_p.oneLine(60)])
    }
}
