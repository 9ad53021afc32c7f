internal import FermataProtocol
internal import Foundation

/// One event as lines for a person.
struct EventLine {
    let text: String

    /// - Parameter withText: also the text of the model, the tool or the message; false where it was streamed.
    init(_ event: FermataEvent, withText: Bool = true, withReasoning: Bool = true) {
        var what = Self.what(event)
        if !event.by.isEmpty { what += "  by \(event.by)" }
        if !event.reason.isEmpty { what += ": \(event.reason)" }
        var lines = ["#\(event.seq) \(Self.time(event.at)) \(what)"]
        if withText, let body = Self.body(event, withReasoning), !body.isEmpty {
            lines += body.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
        }
        text = lines.joined(separator: "\n")
    }

    private static func what(_ event: FermataEvent) -> String {
        switch event.kind {
        case .launched(let launched): "launched with \(launched.model) in \(launched.workspace)"
        case .messageQueued(let message): "message \(message.number) (\(message.delivery.protocolName))"
        case .messageWithdrawn(let message): "message \(message.number) withdrawn"
        case .modelCalled(let call):
            "step \(call.step)" + (call.attempt > 1 ? ", attempt \(call.attempt)" : "")
                + (call.delivered.isEmpty
                    ? "" : ", delivers \(call.delivered.map(String.init).joined(separator: ", "))")
        case .modelAnswered(let answer): answered(answer)
        case .modelCut(let cut): "answer cut (\(cut.cause.protocolName)), \(cut.text.utf8.count) bytes kept"
        case .modelFailed(let failed):
            "model call failed: \(failed.failure.kind): \(failed.failure.message)"
                + (failed.nextAttemptAt > 0 ? "; next attempt at \(time(failed.nextAttemptAt))" : "")
        case .callStarted(let call): "call \(call.number) started"
        case .callLost(let call): "call \(call.number) lost; it will run again"
        case .callEnded(let ended):
            "call \(ended.number) ended (\(ended.outcome.protocolName))"
                + (ended.hasExitCode ? ", exit code \(ended.exitCode)" : "")
        case .callGone(let call): "call \(call.number): no process is left"
        case .askOpened(let ask):
            "ask \(ask.number) opened" + (ask.kind == .question ? "" : " (\(ask.kind.protocolName))")
        case .askAnswered(let answer): answered(answer)
        case .askClosed(let closed): "ask \(closed.number) closed" + (closed.expired ? ": its deadline came" : "")
        case .held(let held):
            "held (\(held.cause.protocolName))" + (held.owner.isEmpty ? "" : " with \(held.owner)")
                + (held.resumeAt > 0 ? " until \(time(held.resumeAt))" : "")
        case .holdLifted(let lifted):
            "hold lifted" + (lifted.owner.isEmpty ? "" : " with that of \(lifted.owner)")
                + (lifted.cause == .byTime ? " in time" : "")
        case .retried: "tried again"
        case .limitReached(let reached): "limit reached: \(reached.failure.message)"
        case .stopped: "stopped"
        case .callEdited(let edited): "call \(edited.number) has other arguments: \(edited.arguments)"
        case .policySet: "policy set"
        case .limitsSet(let set):
            "limits set: " + (set.limits.texts.isEmpty ? "none" : set.limits.texts.joined(separator: ", "))
        case .modelSet(let set):
            "model is \(set.model) from now on" + (set.baseURL.isEmpty ? "" : " at \(set.baseURL)")
        case .holdAtSet(let set): "holds at \(set.holdAt.protocolName) from now on"
        case .handedOff: "handed off: it may go on elsewhere"
        case .forked(let forked): "forked from \(forked.source) after its #\(forked.at)"
        case .childLaunched(let child): "child \(child.run) launched"
        case .imported(let imported): "imported from checkpoint \(imported.digest)"
        case nil: "an event of a newer server"
        }
    }

    private static func answered(_ answer: FermataModelAnswered) -> String {
        let calls = answer.calls.map { "call \($0.number): \($0.tool) \($0.arguments)" }
        let ending = answer.ending.note.map { ": \($0) (\(answer.finishReason))" } ?? ""
        let failure =
            answer.hasFailure ? "; the turn has failed: \(answer.failure.kind): \(answer.failure.message)" : ""
        return (["model answered\(ending)\(failure)"] + calls).joined(separator: "\n    ")
    }

    private static func answered(_ answer: FermataAskAnswered) -> String {
        let verdict = answer.verdict == .unspecified ? "" : " (\(answer.verdict.protocolName))"
        let via =
            switch answer.via {
            case .viaToken: " through its token"
            case .viaDeadline: " by its deadline"
            case .viaImport: " with an import"
            default: ""
            }
        return "ask \(answer.number) answered\(verdict)\(via)"
    }

    private static func body(_ event: FermataEvent, _ withReasoning: Bool) -> String? {
        switch event.kind {
        case .messageQueued(let message): AnswerText.of(message.text, message.blocks)
        case .modelAnswered(let answer): AnswerText.of(answer.text, answer.blocks, withReasoning: withReasoning)
        case .modelCut(let cut): AnswerText.of(cut.text, cut.blocks, withReasoning: withReasoning)
        case .modelFailed(let failed): AnswerText.of(failed.text, failed.blocks, withReasoning: withReasoning)
        case .callEnded(let ended): AnswerText.of(ended.output, ended.blocks)
        case .askOpened(let ask):
            [ask.question, ask.context, ask.arguments.isEmpty ? "" : "\(ask.tool) \(ask.arguments)"]
                .filter { !$0.isEmpty }.joined(separator: "\n")
        case .askAnswered(let answer): answer.verdict == .edit ? answer.arguments : answer.text
        case .policySet(let set): set.policy.texts.joined(separator: "\n")
        default: nil
        }
    }

    /// Local time with milliseconds.
    static func time(_ microseconds: Int64) -> String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return String(
            format: "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
            Int32(microseconds % 1_000_000 / 1000))
    }
}

extension FermataEnding {
    /// What a person would want to know of an answer; nil: it is complete.
    var note: String? {
        switch self {
        case .unspecified, .complete: nil
        case .truncated: "cut by the limit on its length"
        case .refused: "refused"
        case .UNRECOGNIZED: "ended in a way that only a newer client knows"
        }
    }
}
