internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf
internal import Foundation

struct Launch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Launch a run and print its id.",
        discussion: """
            With --wait it waits until the run needs nothing but a person, prints the model's last message, and its \
            exit code tells FINISHED (0), WAITING (10), PAUSED (11), FAILED (12) and STOPPED (13) apart.
            """)

    @Argument(help: "What the agent is to do. Without it the run is IDLE until a message is sent.") var task: String?
    @Option(help: "The model as provider/model; the server's LLM_MODEL without it.") var model: String?
    @Option(help: "The directory to work in; a new one without it.") var workspace: String?
    @Option(name: .customLong("system"), help: "The system prompt; the built-in one without it.") var systemPrompt: String?
    @Option(parsing: .upToNextOption, help: "The tools the agent has; all without it.") var tools: [String] = []
    @Option(help: "How often a model call is tried whose failure may pass by itself.") var attempts: UInt32 = 1
    @Option(help: "Who launches; noted in the journal.") var by: String?
    @Option(help: "Why; noted in the journal.") var reason: String?
    @Flag(help: "Stream the transcript; Ctrl-C interrupts the run.") var follow = false
    @Flag(help: "Wait until the run is at rest and print the last message.") var wait = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        let text = follow ? try await client.text() : nil
        let interrupts = follow ? InterruptKey() : nil
        let reply = try await client.send(
            FermataLaunch.with {
                $0.task = task ?? ""
                $0.model = model ?? ""
                $0.workspace = workspace.map(ServerOptions.absolute) ?? ""
                $0.systemPrompt = systemPrompt ?? ""
                $0.tools = tools
                $0.modelAttempts = attempts
                $0.by = by ?? operatorName
                $0.reason = reason ?? ""
            })
        if let text, let interrupts {
            let status = try await Follow(client: client, run: reply.run.id, text: text, interrupts: interrupts).run()
            throw ExitCode(Failure.code(for: status))
        }
        guard wait else {
            if server.json { try server.print(json: reply) } else { print(reply.run.id) }
            return
        }
        FileHandle.standardError.write(Data("run \(reply.run.id)\n".utf8))
        let summary = try await client.waitUntilAtRest(run: reply.run.id)
        if server.json {
            try server.print(json: summary)
        } else {
            if !summary.lastMessage.isEmpty { print(summary.lastMessage) }
            if summary.status != .finished { Failure.say(summary.why) }
        }
        throw ExitCode(Failure.code(for: summary.status))
    }
}

extension Client {
    /// Waits until a run needs nothing but a person, and still does when the answer is there.
    func waitUntilAtRest(run: String) async throws -> FermataRunSummary {
        while true {
            let summary = try await wait(for: FermataStatus.atRest, run: run)
            if FermataStatus.atRest.contains(summary.status) { return summary }
        }
    }
}

extension FermataRunSummary {
    /// The status, and what a person would want to know beside it.
    var why: String {
        switch status {
        case .failed: "FAILED: \(failure.kind): \(failure.message)"
        case .paused, .pausing:
            "\(status.protocolName) (\(hold.cause.protocolName)) by \(hold.by)" + (hold.reason.isEmpty ? "" : ": \(hold.reason)")
        case .waiting: "WAITING: see fermata inbox; asks \(openAsks.map(String.init).joined(separator: ", "))"
        default: status.protocolName
        }
    }
}
