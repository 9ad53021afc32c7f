internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a run: status, hold, calls, messages that wait, cost, last message.",
        discussion: """
            EXAMPLES
              fermata show 01a1fd79
              fermata show --json 01a1fd79 | jq .run.usage
            """)
    @Argument(help: "The run's id, or the beginning of it.", completion: .runs) var run: String
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        let reply = try await client.send(
            FermataGetRun.with {
                $0.run = run
                $0.calls = true
            })
        if server.json { return try server.print(json: reply) }
        let summary = reply.run
        let first = try await client.send(
            FermataReadEvents.with {
                $0.run = summary.id
                $0.limit = 1
            }
        ).events.first
        let launched: FermataLaunched = if case .launched(let launched) = first?.kind { launched } else { .init() }
        line("run", summary.id)
        line("status", summary.why)
        if summary.hasHold { printHold(summary.hold) }
        for hold in summary.holds.dropFirst() { printHold(hold) }
        if summary.holdAt == .selection { line("hold at", "each selection of calls") }
        if summary.nextAttemptAt > 0 { line("next try", TimeArgument.text(summary.nextAttemptAt)) }
        line("agent", summary.agent + (launched.agentVersion > 0 ? ", version \(launched.agentVersion)" : ""))
        line("model", ([summary.model] + launched.modelOptions.texts).joined(separator: ", "))
        if !summary.limits.texts.isEmpty { line("limits", summary.limits.texts.joined(separator: ", ")) }
        for text in reply.policy.texts { line("policy", text) }
        if !summary.parent.isEmpty { line("parent", summary.parent) }
        if summary.children > 0 { line("children", "\(summary.children)") }
        if !summary.source.isEmpty { line("fork of", summary.source) }
        line("workspace", summary.workspace)
        line("task", summary.task.oneLine(100))
        for label in summary.labels { line("label", "\(label.key)=\(label.value)") }
        line("step", "\(summary.step), last event #\(summary.lastSeq) at \(EventLine.time(summary.updatedAt))")
        if let note = summary.ending.note { line("answer", "the last one was \(note)") }
        line("usage", summary.usage.text)
        if summary.hasInherited { line("inherited", "of that: \(summary.inherited.text)") }
        for message in reply.queued { line("message", "\(message.number) waits (\(message.delivery.protocolName))") }
        for call in reply.calls {
            line("call \(call.number)", "\(call.tool) \(call.arguments)  \(call.texts.joined(separator: ", "))")
        }
        for tool in summary.waitsForTools {
            let note = reply.servedTools.contains(tool) ? "" : " (none has asked for its calls lately)"
            line("worker", "waits for a worker that serves \(tool)\(note)")
        }
        if !summary.lastMessage.isEmpty { print("\n\(summary.lastMessage)") }
        if let partial = try await partialText(of: summary) {
            print("\nOf the answer that was not completed there is:\n\(partial)")
        }
    }

    /// What had come of the run's last model call before it failed or was cut, if it was and if anything had.
    private func partialText(of run: FermataRunSummary) async throws -> String? {
        var text: String?
        var read = FermataReadEvents.with {
            $0.run = run.id
            // Who has a hold, asks or messages after a failure has a few events after it; not thousands.
            $0.after = run.lastSeq > 100 ? run.lastSeq - 100 : 0
        }
        while true {
            let reply = try await server.client.send(read)
            for event in reply.events {
                switch event.kind {
                case .modelFailed(let failed): text = AnswerText.of(failed.text, failed.blocks)
                case .modelCut(let cut): text = AnswerText.of(cut.text, cut.blocks)
                case .modelCalled, .modelAnswered: text = nil
                default: break
                }
            }
            guard reply.more, let last = reply.events.last else { return text?.isEmpty == false ? text : nil }
            read.after = last.seq
        }
    }

    private func line(_ name: String, _ value: String) { print("\(name.padding(to: 11))\(value)") }

    private func printHold(_ hold: FermataHold) {
        guard hold.owner.isEmpty else {
            return line(
                "hold", "since \(TimeArgument.text(hold.sinceAt)), with run \(hold.owner), until that is resumed")
        }
        let ends = hold.resumeAt > 0 ? "lifts itself at \(TimeArgument.text(hold.resumeAt))" : "until it is resumed"
        let token = hold.hasToken_p ? ", or by its token" : ""
        line("hold", "since \(TimeArgument.text(hold.sinceAt)), \(ends)\(token)")
    }
}

extension FermataModelOptions {
    /// Each that is set.
    var texts: [String] {
        var texts: [String] = []
        if hasTemperature { texts.append("temperature \(temperature)") }
        if hasTopP { texts.append("top_p \(topP)") }
        if hasMaxOutputTokens { texts.append("at most \(maxOutputTokens) output tokens") }
        if hasSeed { texts.append("seed \(seed)") }
        if !reasoningEffort.isEmpty { texts.append("reasoning effort \(reasoningEffort)") }
        if !stop.isEmpty { texts.append("stops at \(stop)") }
        return texts
    }
}

extension FermataLimits {
    var texts: [String] {
        var texts: [String] = []
        if hasMaxSteps { texts.append("\(maxSteps) steps a turn") }
        if hasMaxCostNanoUsd { texts.append("$\(Dollars(nano: maxCostNanoUsd))") }
        if hasMaxRepeats { texts.append("\(maxRepeats) equal steps in a row") }
        return texts
    }
}

extension FermataCall {
    /// How it is with the call.
    fileprivate var texts: [String] {
        var texts = [state == .ended ? outcome.protocolName : state.protocolName]
        if gate == .ask || gate == .deny { texts.append("policy: \(gate.protocolName.lowercased())") }
        if state == .asking { texts.append("ask \(ask)") }
        if approved { texts.append("approved") }
        if edited { texts.append("edited") }
        if attempt > 1 { texts.append("attempt \(attempt)") }
        if !worker.isEmpty { texts.append("worker \(worker)") }
        return texts
    }
}

extension FermataRunSummary {
    /// The status, and when its hold lifts itself.
    var statusText: String {
        status.protocolName + (hold.resumeAt > 0 ? " until \(TimeArgument.text(hold.resumeAt))" : "")
    }

    /// The status, and what a person would want to know beside it.
    var why: String {
        switch status {
        case .failed:
            "FAILED: \(failure.kind): \(failure.message)"
                + (failure.willRepeat ? "; trying again unchanged would fail again" : "")
        case .stopped where handedOff: "STOPPED: handed off; it may go on elsewhere"
        case .paused, .pausing:
            "\(status.protocolName) (\(hold.cause.protocolName))" + (hold.by.isEmpty ? "" : " by \(hold.by)")
                + (hold.reason.isEmpty ? "" : ": \(hold.reason)")
        case .waiting where openAsks.isEmpty:
            "WAITING: for a worker that serves \(waitsForTools.joined(separator: ", "))"
        case .waiting: "WAITING: see fermata inbox; asks \(openAsks.map(String.init).joined(separator: ", "))"
        default: status.protocolName
        }
    }
}
