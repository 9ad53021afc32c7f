internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

extension CompletionKind {
    /// Ids of the runs that were launched last and begin as what is typed does.
    static var runs: CompletionKind {
        .custom { arguments, index, _ in
            let typed = arguments.indices.contains(index) ? arguments[index] : ""
            return await Completion.quickly(arguments) { client in
                try await client.send(FermataListRuns.with { $0.limit = 200 }).runs.map(\.id).filter {
                    $0.hasPrefix(typed)
                }
            }
        }
    }

    /// Names of stored agents.
    static var agents: CompletionKind {
        .custom { arguments, _, _ in
            await Completion.quickly(arguments) { client in
                try await client.send(FermataListAgents.with { $0.limit = 1000 }).agents.map(\.agent.name)
            }
        }
    }
}

/// What the running server knows, for a shell that completes a word: within a moment or not at all, and silent.
enum Completion {
    /// - Parameter arguments: the command line so far, which may say where the server is.
    static func quickly(
        _ arguments: [String], _ ask: @escaping @Sendable (Client) async throws -> [String]
    ) async -> [String] {
        func value(of option: String) -> String? {
            if let at = arguments.lastIndex(of: option), at + 1 < arguments.count { return arguments[at + 1] }
            return arguments.last { $0.hasPrefix(option + "=") }.map { String($0.dropFirst(option.count + 1)) }
        }
        guard let settings = try? ServerOptions.settings(dir: value(of: "--dir"), control: value(of: "--control"))
        else {
            return []
        }
        let client = Client(controlURL: settings["control"], token: try? ServerOptions.token())
        return await withTaskGroup(of: [String].self) { group in
            group.addTask { (try? await ask(client)) ?? [] }
            group.addTask {
                try? await Task.sleep(for: .milliseconds(700))
                return []
            }
            let first = await group.next() ?? []
            group.cancelAll()
            return first
        }
    }
}
