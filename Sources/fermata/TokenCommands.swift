public import ArgumentParser
internal import FermataClient
public import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct TokenCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, list and revoke tokens: who may do what over the gateway and over networks.",
        discussion: """
            READ looks at everything; OPERATE besides launches, controls and answers runs, and serves tools; ADMIN \
            besides stores agents, makes tokens and sets a model's base URL. The server keeps a token's digest only; \
            what it makes tokens with is the file token.key in its directory.

            EXAMPLES
              fermata token create dashboard --scope READ
              fermata token create ci --scope OPERATE --expires 90d > ci.token
              FERMATA_TOKEN=fac_… fermata --control tcp://host:7000 list
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make a token and print it; nobody is shown it again.",
            discussion: """
                EXAMPLES
                  fermata token create dashboard --scope READ
                  fermata token create ci --scope OPERATE --expires 90d > ci.token
                """)
        @Argument(help: "Whose it is: letters, digits, - _ . and at most 64 of them.") var name: String
        @Option(help: "READ, OPERATE or ADMIN.") var scope: FermataScope
        @Option(help: ArgumentHelp("When it ends: after a period such as 90d, or a time.", valueName: "time"))
        var expires: String?
        @Option(help: "Who makes it.") var by: String?
        @OptionGroup var server: ServerOptions

        func run() async throws {
            var create = FermataCreateToken.with {
                $0.name = name
                $0.scope = scope
                $0.by = by ?? operatorName
            }
            if let expires {
                do {
                    let period = try? TimeArgument.period(expires)
                    create.expiresAt = try period.map { TimeArgument.now + $0 } ?? TimeArgument.coming(expires)
                } catch { throw ValidationError("--expires: \(error)") }
            }
            let reply = try await server.client.send(create)
            if server.json { return try server.print(json: reply) }
            print(reply.secret)
            Failure.say("token \(reply.token.id) of \(name), \(scope.protocolName); it is not shown again")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the tokens, oldest first, without their secrets.",
            discussion: """
                EXAMPLES
                  fermata token list
                  fermata token list --json | jq -r 'select(.revokedAt == null) | .name'
                """)
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let client = server.client
            var list = FermataListTokens()
            var count = 0
            repeat {
                let reply = try await client.send(list)
                for token in reply.tokens {
                    count += 1
                    if server.json { try server.print(json: token) } else { print(Self.line(token)) }
                }
                list.after = reply.next
            } while !list.after.isEmpty
            if count == 0, !server.json { print("there is no token") }
        }

        private static func line(_ token: FermataToken) -> String {
            var line = "\(token.id)  \(token.scope.protocolName.padding(to: 7))  \(token.name)"
            line += "  made \(TimeArgument.text(token.createdAt))"
            if !token.by.isEmpty { line += " by \(token.by.oneLine(60))" }
            if token.revokedAt > 0 { return line + "  revoked \(TimeArgument.text(token.revokedAt))" }
            guard token.expiresAt > 0 else { return line }
            let word = token.expiresAt > TimeArgument.now ? "until" : "expired"
            return line + "  \(word) \(TimeArgument.text(token.expiresAt))"
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "End a token: from the reply on nothing is accepted with it.",
            discussion: """
                EXAMPLE
                  fermata token revoke 01a1fd62-0ace-73f3-b7a9-654f5c091bd4
                """)
        @Argument(help: "The token's id, as the list shows it.") var id: String
        @Option(help: "Who ends it.") var by: String?
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let reply = try await server.client.send(
                FermataRevokeToken.with {
                    $0.id = id
                    $0.by = by ?? operatorName
                })
            if server.json { return try server.print(json: reply) }
            print("\(reply.token.id)  \(reply.token.name)  revoked" + (reply.changed ? "" : "  (nothing to do)"))
        }
    }
}

extension FermataScope: ExpressibleByArgument {
    public init?(argument: String) {
        guard let scope = FermataScope.allCases.first(where: { $0.protocolName == argument.uppercased() }),
            scope != .unspecified
        else { return nil }
        self = scope
    }

    public static var allValueStrings: [String] {
        allCases.filter { $0 != .unspecified }.map(\.protocolName)
    }

    public static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}
