internal import AgentFiles
internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct Launch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launch",
        abstract: "Launch a run and print its id.",
        discussion: """
            With --wait it waits until the run needs nothing but a person and prints the model's last message; on a \
            terminal a line on standard error tells how the run is meanwhile. With --follow the transcript is \
            printed as it streams; Ctrl-C interrupts the run and asks how it goes on.

            What is named here comes before what the agent says; what neither says is the server's default.

            EXIT CODES (--wait, --follow)
              0  FINISHED   10  WAITING   11  PAUSED   12  FAILED   13  STOPPED

            EXAMPLES
              fermata launch "Where did the disk space go?"
              fermata launch --follow --workspace . "Make the tests pass."
              fermata launch --agent reviewer --max-cost 0.50 --wait "Review the last commit." > review.txt
              fermata launch --model openai/gpt-4o --temperature 0 --tools terminal -- "Count the files."
              fermata launch --fallback-model anthropic/claude-haiku-5-5 --patience 2m "Sort the inbox."
              fermata launch --ask terminal --deny file_editor -- "Find out why the build fails."
              fermata launch --hold-at selection "Deploy the last release."
              fermata launch --attach screen.png "What is wrong on this page?"
            """)

    @Argument(help: "What the agent is to do. Without it the run is IDLE until a message is sent.") var task: String?
    @OptionGroup var attachments: Attachments
    @Option(help: "The stored agent to launch it from.", completion: .agents) var agent: String?
    @Option(help: "The model as provider/model.") var model: String?
    @Option(
        name: .customLong("fallback-model"),
        help: "Asked when the model before it has failed; may be given several times.")
    var fallbackModels: [String] = []
    @Option(
        help: ArgumentHelp(
            "Ask people, or a fallback model, when a provider wants a longer wait; 10m.", valueName: "period"),
        transform: { text in
            guard let period = Period(text), let milliseconds = UInt32(exactly: period.milliseconds) else {
                throw TimeArgument.Mistake(description: "a period is written as 90s, 10m or 2h30m; at most 49 days")
            }
            return milliseconds
        })
    var patience: UInt32?
    @OptionGroup(title: "Model options") var modelOptions: ModelOptionOptions
    @Option(help: "The directory to work in; a new one without it.", completion: .directory) var workspace: String?
    @Option(name: .customLong("system"), help: "The system prompt; the built-in one without it.") var systemPrompt:
        String?
    @Option(parsing: .upToNextOption, help: "The tools the agent has; all without it. none: not one.") var tools:
        [String] = []
    @Option(help: "How often a model call is tried whose failure may pass by itself; 3.") var attempts: UInt32?
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Policy") var policy: PolicyOptions
    @Option(
        help: ArgumentHelp(
            "Hold after each selection of calls, before any of them starts.", valueName: "selection|none"))
    var holdAt: FermataHoldPoint.At?
    @Option(
        help: ArgumentHelp("A label; may be given several times.", valueName: "key=value"),
        transform: { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw TimeArgument.Mistake(description: "a label is written key=value")
            }
            return .with { ($0.key, $0.value) = (parts[0], parts[1]) }
        })
    var label: [FermataLabelEntry] = []
    @Option(help: "The run that it is launched for, and stands still and stops with.", completion: .runs)
    var parent: String?
    @Option(help: "Who launches; noted in the journal.") var by: String?
    @Option(help: "Why; noted in the journal.") var reason: String?
    @Flag(help: "Stream the transcript; Ctrl-C interrupts the run.") var follow = false
    @OptionGroup var reasoning: ReasoningOption
    @Flag(help: "Wait until the run is at rest and print the last message.") var wait = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        let text = follow ? try await client.text() : nil
        let interrupts = follow ? InterruptKey() : nil
        var command = command(try policy.message())
        command.blocks = try await attachments.blocks(client)
        let reply = try await client.send(command)
        if let text, let interrupts {
            let status = try await Follow(
                client: client, run: reply.run.id, text: text, interrupts: interrupts,
                withReasoning: reasoning.reasoning
            ).run()
            throw ExitCode(Failure.code(for: status))
        }
        guard wait else {
            if server.json { try server.print(json: reply) } else { print(reply.run.id) }
            return
        }
        FileHandle.standardError.write(Data("run \(reply.run.id)\n".utf8))
        let progress = Progress(client, run: reply.run.id, waitsFor: "its end")
        let summary = try await client.waitUntilAtRest(run: reply.run.id)
        progress.end()
        if server.json {
            try server.print(json: summary)
        } else {
            if !summary.lastMessage.isEmpty { print(summary.lastMessage) }
            if summary.status != .finished { Failure.say(summary.why) }
        }
        throw ExitCode(Failure.code(for: summary.status))
    }

    private func command(_ policy: FermataPolicy) -> FermataLaunch {
        .with {
            $0.task = task ?? ""
            $0.agent = agent ?? ""
            $0.model = model ?? ""
            $0.workspace = workspace.map(Settings.absolute) ?? ""
            $0.systemPrompt = systemPrompt ?? ""
            $0.tools = tools
            $0.modelAttempts = attempts ?? 0
            $0.fallbackModels = fallbackModels
            $0.patienceMs = patience ?? 0
            $0.labels = label
            if let options = modelOptions.message { $0.modelOptions = options }
            if let limits = limits.message { $0.limits = limits }
            if policy != FermataPolicy() { $0.policy = policy }
            $0.holdAt = holdAt ?? .unspecified
            $0.parent = parent ?? ""
            $0.by = by ?? operatorName
            $0.reason = reason ?? ""
        }
    }
}

/// Sent to the model's server as they are; what is not given is not sent.
struct ModelOptionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How freely it chooses its words.", valueName: "number")) var temperature: Double?
    @Option(help: ArgumentHelp("The share of likely words that it chooses from.", valueName: "number")) var topP:
        Double?
    @Option(help: ArgumentHelp("The most tokens of one answer.", valueName: "count")) var maxOutputTokens: UInt32?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("For answers that can be had again.", valueName: "number"))
    var seed: Int64?
    @Option(help: ArgumentHelp("For models that reason.", valueName: "effort")) var reasoningEffort: String?
    @Option(
        name: .customLong("stop-at"),
        help: ArgumentHelp("A text at which an answer ends; may be given several times.", valueName: "text"))
    var stop: [String] = []

    /// Nil if nothing is given.
    var message: FermataModelOptions? {
        let message = FermataModelOptions.with {
            if let temperature { $0.temperature = temperature }
            if let topP { $0.topP = topP }
            if let maxOutputTokens { $0.maxOutputTokens = maxOutputTokens }
            if let seed { $0.seed = seed }
            $0.reasoningEffort = reasoningEffort ?? ""
            $0.stop = stop
        }
        return message == FermataModelOptions() ? nil : message
    }
}

struct LimitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The most model calls of one turn; then it asks.", valueName: "count")) var maxSteps:
        UInt32?
    @Option(
        help: ArgumentHelp("The most that the run may cost, in US dollars; then it asks.", valueName: "dollars"),
        transform: { try Dollars.argument($0).nano })
    var maxCost: Int64?
    @Option(
        help: ArgumentHelp(
            "Ask when so many steps in a row chose the same calls and got the same results.", valueName: "count"))
    var maxRepeats: UInt32?

    /// Nil if nothing is given.
    var message: FermataLimits? {
        guard maxSteps != nil || maxCost != nil || maxRepeats != nil else { return nil }
        return .with {
            if let maxSteps { $0.maxSteps = maxSteps }
            if let maxCost { $0.maxCostNanoUsd = maxCost }
            if let maxRepeats { $0.maxRepeats = maxRepeats }
        }
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
