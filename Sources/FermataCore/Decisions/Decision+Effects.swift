public import FermataProtocol
internal import JSON
internal import SwiftProtobuf

/// The ends of effects.
extension Decision {
    /// The model's answer: its calls are selected, and those that cannot be executed get their result at once. Of an
    /// answer that is not complete none is executed: what it chose may be half of what it was to be.
    mutating func answer(_ reply: ModelReply) {
        let first = run.calls.last + 1
        let calls = reply.calls.enumerated().map { index, call in
            FermataSelectedCall.with {
                $0.number = first + UInt32(index)
                $0.tool = call.tool
                // Servers send nothing, or null, for a tool without parameters.
                $0.arguments = call.arguments.isAbsentJSON ? "{}" : call.arguments
                $0.modelID = call.modelID
                $0.gate = run.spec.policy.gate(tool: call.tool, arguments: $0.arguments)
            }
        }
        let failure = failure(of: reply)
        emit(
            .modelAnswered(
                .with {
                    $0.step = run.turn.step
                    $0.attempt = run.turn.attempt
                    $0.text = reply.text
                    $0.calls = calls
                    $0.finishReason = reply.finishReason
                    $0.usage = reply.usage
                    $0.ending = reply.ending
                    $0.model = run.spec.model
                    $0.providerRequestID = reply.providerRequestID
                    if !reply.blocks.isEmpty {
                        $0.blocks = reply.blocks.map { block in
                            guard case .call(let place)? = block.kind else { return block }
                            var block = block
                            block.call = run.calls.last + place
                            return block
                        }
                        $0.origin = reply.origin
                    }
                    if let failure { $0.failure = failure }
                }))
        guard reply.ending == .complete else {
            let result = reply.ending == .truncated ? Marker.truncatedCall : Marker.refusedCall
            for call in run.calls { end(call.number, attempt: 0, ToolReply(outcome: .callFailed, output: result)) }
            return
        }
        checkCalls()
        // A hold spared this model call when the message came: the calls that it chose are as good as chosen before.
        if run.messages.urgent > 0 { supersedeCallsNotStarted() }
    }

    /// Why the turn ends with this answer and has failed; nil: it goes on, or has ended well.
    private func failure(of reply: ModelReply) -> FermataFailure? {
        switch reply.ending {
        case .refused:
            .with {
                $0.kind = "REFUSED"
                $0.message =
                    "the model's answer was ended by a filter or by the model's own refusal (\(reply.finishReason)): "
                    + "resume with another message or another model"
                $0.willRepeat = true
            }
        case .truncated
        where reply.calls.isEmpty ? run.turn.goOns >= Run.mostGoOns : run.turn.truncatedInARow >= Run.mostGoOns:
            .with {
                $0.kind = "TRUNCATED"
                $0.message =
                    "the model's answer was cut by its length limit (\(reply.finishReason)), and so were those before it: "
                    + "resume to let it go on, or raise max_output_tokens"
            }
        default: nil
        }
    }

    /// Gives the calls that cannot be executed their result.
    mutating func checkCalls() {
        for call in run.calls where call.state == .selected && call.attempt == 0 {
            guard let problem = run.problem(with: call.tool, call.arguments) else { continue }
            end(call.number, attempt: 0, ToolReply(outcome: .callFailed, output: problem))
        }
    }

    /// The model's failure: it is asked again after a while, or another one is, or the turn has failed.
    mutating func fail(_ failure: FermataFailure, _ soFar: AnswerSoFar) {
        let attempts = run.turn.failedAttempts + 1
        // The same request would be refused for ever; without the reasoning, or without the images, it is another one.
        let dropsReasoning = failure.kind == Run.reasoningRefused
        let dropsImages = failure.kind == Run.imagesRefused && run.showsImages
        let isMended = dropsReasoning || dropsImages
        let isLast = !isMended && (!failure.retryable || attempts >= run.spec.modelAttempts)
        var failure = failure
        if isLast, attempts > 1 { failure.message += " (after \(attempts) attempts)" }
        var delay = max(
            min(Int64(clamping: failure.retryAfterMs), Run.longestRetryAfterMilliseconds),
            run.backOffMilliseconds(afterFailures: run.turn.failedAttempts + 1))
        let isTooLong = !isLast && !isMended && run.spec.patienceMs > 0 && delay > run.spec.patienceMs
        let fallback =
            (isLast || isTooLong) && !Run.notForOthers.contains(failure.kind) ? run.spec.nextFallback : nil
        if isMended || fallback != nil { delay = 0 }
        emit(
            .modelFailed(
                .with {
                    $0.step = run.turn.step
                    $0.attempt = run.turn.attempt
                    $0.text = soFar.text
                    $0.blocks = soFar.blocks
                    $0.usage = soFar.usageOrUnknown
                    $0.failure = failure
                    $0.nextAttemptAt = isLast && fallback == nil ? 0 : context.at(after: delay * 1000)
                    $0.model = run.spec.model
                    $0.providerRequestID = soFar.providerRequestID
                    $0.dropsReasoning = dropsReasoning
                    $0.dropsImages = dropsImages
                }))
        if let fallback {
            emit(.modelSet(fallback))
        } else if isTooLong, run.turn.nextAttemptAt != nil {
            open(
                .limit,
                .with {
                    $0.question =
                        "The provider of \(run.spec.model) wants to be asked again only in \(Run.period(delay)), and the "
                        + "agent's patience is \(Run.period(Int64(run.spec.patienceMs))). Is it to wait, or to ask another "
                        + "model?"
                    $0.context = failure.message
                    $0.deadlineMs = UInt32(clamping: delay)
                    $0.atDeadline = .default
                    $0.defaultAnswer = FermataVerdict.goOn.protocolName
                }, of: nil)
        }
    }

    /// No process of the call is left.
    mutating func endKilling(_ call: UInt32, _ attempt: UInt32) {
        emit(
            .callGone(
                .with {
                    $0.number = call
                    $0.attempt = attempt
                }))
    }

    mutating func endTool(_ effect: Effect, call: UInt32, attempt: UInt32, _ reply: ToolReply) {
        if run.calls.killing.contains(effect) {
            endKilling(call, attempt)
        } else if run.wants(effect), let started = run.calls[number: call] {
            var reply = reply
            switch reply.outcome {
            case .callUnknown:
                // What executes it may be lost again and again, without a day between: it is not begun without end.
                return lose(started, output: reply.output, mayRunAgain: attempt < Run.mostStartsOfLostCall)
            case .callInterrupted:
                // Cancelled for a command that could not be written: the model must not take half an output for a result.
                reply.replaceOutput(
                    reply.mayGoOn
                        ? Marker.interruptedInService(outputSoFar: reply.output)
                        : Marker.interrupted(outputSoFar: reply.output))
            default: break
            }
            end(call, attempt: attempt, reply)
        }
    }

    mutating func lose(_ effect: Effect, _ soFar: AnswerSoFar) {
        guard run.wants(effect) || run.calls.killing.contains(effect) else { return }
        switch effect {
        case .model: cutModel(.byCrash, soFar)
        // Whoever has the call may still be at it: its lease begins anew.
        case .lease: break
        case .tool(let call, let attempt) where run.calls.killing.contains(effect):
            endKilling(call, attempt)
        case .tool(let number, _): if let call = run.calls[number: number] { lose(call, output: "") }
        }
    }

    /// Cuts what is in flight: the model's text and the tools' output so far become part of events now.
    mutating func cutEverything(_ cause: FermataCutCause, _ context: Context) {
        if run.turn.modelCall == .inFlight {
            cutModel(cause, context.answerSoFar(.model(step: run.turn.step, attempt: run.turn.attempt)))
        }
        for call in run.calls where call.state == .started {
            // Whoever has it goes on when the service ends; it can complete the call when the service is back.
            let isByWorker = call.origin == .worker
            if isByWorker, cause == .byShutdown { continue }
            var reply = context.outputSoFar(call.effect)
            reply.outcome = .callInterrupted
            reply.replaceOutput(
                isByWorker
                    ? Marker.interruptedAtWorker(outputSoFar: reply.output)
                    : reply.mayGoOn
                        ? Marker.interruptedInService(outputSoFar: reply.output, cause)
                        : Marker.interrupted(outputSoFar: reply.output, cause))
            end(call.number, attempt: call.attempt, reply, isKilling: !isByWorker)
        }
    }

    mutating func cutModel(_ cause: FermataCutCause, _ soFar: AnswerSoFar) {
        emit(
            .modelCut(
                .with {
                    $0.step = run.turn.step
                    $0.attempt = run.turn.attempt
                    $0.text = soFar.text
                    $0.blocks = soFar.blocks
                    $0.usage = soFar.usageOrUnknown
                    $0.cause = cause
                    $0.model = run.spec.model
                    $0.providerRequestID = soFar.providerRequestID
                }))
    }

    mutating func end(
        _ number: UInt32, attempt: UInt32, _ reply: ToolReply, isKilling: Bool = false, isCommanded: Bool = false
    ) {
        emit(
            .callEnded(
                .with {
                    $0.number = number
                    $0.attempt = attempt
                    $0.outcome = reply.outcome
                    $0.output = reply.output
                    if let exitCode = reply.exitCode { $0.exitCode = exitCode }
                    $0.omittedBytes = reply.omittedBytes
                    $0.repaired = reply.repaired
                    $0.killing = isKilling
                    $0.blocks = reply.blocks
                }), isCommanded: isCommanded)
    }
}

extension Run {
    /// Why a call cannot be executed, as the model is told; nil if it can.
    func problem(with name: String, _ text: String) -> String? {
        guard let tool = spec.tool(name) else {
            let known = spec.tools.map(\.name).joined(separator: ", ")
            return "There is no tool of this name. The tools are: \(known)."
        }
        let arguments: JSONDocument
        do {
            arguments = try JSONDocument(asArguments: text)
        } catch {
            // The model is not shown them as its call's arguments: servers that read those would refuse every request.
            return "The arguments are not valid JSON: \(error). They were:\n\(Run.quoted(text))"
        }
        guard arguments.kind(0) == .object else {
            return "The arguments are not a JSON object. They were:\n\(Run.quoted(text))"
        }
        do {
            let problems = try ParsedSchemas.shared.schema(tool.parameters).validate(arguments)
            guard problems.isEmpty else {
                return "The arguments do not fit the tool's schema: "
                    + problems.map(\.description).joined(separator: "; ")
            }
            return try CoreTool(tool)?.problem(JSONValue(arguments))
        } catch let error as JSONError {
            return "The arguments are not valid JSON: \(error)"
        } catch {
            return "The tool's schema cannot be used: \(error)"
        }
    }

    /// A text of the model's as it is told about it: whole, or its beginning if nobody would read it to its end.
    private static func quoted(_ text: String) -> String {
        let most = 16 << 10
        guard text.utf8.count > most else { return text }
        return text.prefix(utf8Bytes: most) + "\n[… all of it has \(text.utf8.count) bytes]"
    }

    /// The kind of a failure after which the model's reasoning is not sent any more: its provider says that it is bound to
    /// something else, or that it is not its own.
    static let reasoningRefused = "REASONING_REFUSED"

    /// The kind of a failure after which the model is told of images in words: its provider takes none, or not one of these.
    static let imagesRefused = "IMAGES_REFUSED"

    /// Kinds of failures that are no reason to ask another model.
    static let notForOthers: Set<String> = ["REFUSED", "JOURNAL_UNREADABLE", "DESCRIPTORS"]

    /// As people say it: `2 h 5 min`.
    static func period(_ milliseconds: Int64) -> String {
        let seconds = (milliseconds + 999) / 1000
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")].filter { $0.0 > 0 }
        return parts.isEmpty ? "0 s" : parts.prefix(2).map { "\($0.0) \($0.1)" }.joined(separator: " ")
    }

    /// How often a call is started that may run again and whose execution is lost each time, the service living on.
    static let mostStartsOfLostCall: UInt32 = 3

    /// How often in a turn the model is asked to go on with a truncated answer.
    static let mostGoOns: UInt32 = 3

    /// What a model's server asks for is heeded up to a day: the number is its own, and anything can be in it.
    public static let longestRetryAfterMilliseconds: Int64 = 24 * 3600 * 1000

    /// 1 s, 2 s, 4 s … at most a minute; less by up to a half, each run by another part: those that a server has dropped
    /// together do not come back together.
    func backOffMilliseconds(afterFailures failures: UInt32) -> Int64 {
        let most: Int64 = min(60_000, 1000 << Int64(min(failures, 7) - 1))
        var bits = id.low ^ id.high ^ UInt64(turn.step) << 32 ^ UInt64(turn.attempt)
        bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
        return most - Int64((bits ^ bits >> 31) % UInt64(most / 2 + 1))
    }
}

extension String {
    /// No arguments at all, or null.
    fileprivate var isAbsentJSON: Bool {
        let text = utf8.drop { $0 == 0x20 || 0x09...0x0D ~= $0 }
        return text.isEmpty
            || text.starts(with: "null".utf8) && text.dropFirst(4).allSatisfy { $0 == 0x20 || 0x09...0x0D ~= $0 }
    }
}

/// What the model is told where a result or an answer is not the tool's or its own.
///
/// frozen: models have been shown these words, and are shown them again with every request. MarkerTests has each.
public enum Marker {
    public static let cut = "[Your answer above was cut off here before it was complete.]"
    public static let truncated =
        "[Your answer above was cut off here by the limit on its length. Go on exactly where it stopped.]"
    public static let truncatedAtOnce =
        "[Your answer was cut off by the limit on its length before it had any text. Answer again, and more briefly.]"
    public static let truncatedCall =
        "[Not executed: your answer was cut off by the limit on its length, so that this call may be incomplete. Make it "
        + "again, with shorter arguments or in several calls.]"
    public static let refusedCall = "[Not executed: the answer that chose this call was ended by a filter.]"
    public static let unknownOutcome =
        "[Whatever executed this call was lost before it could tell how the call ended. Its outcome is unknown: "
        + "it may have happened, in part or not at all. Check before you do it again.]"
    public static func unknownOutcome(outputSoFar: String) -> String { note(unknownOutcome, after: outputSoFar) }

    public static let superseded = "[Not executed: superseded by a message from the operator.]"
    public static let cancelled = "[Not executed: the run was stopped.]"
    public static let denied = "[Not executed: the policy of this run forbids it.]"
    public static let notApprovedInTime = "[Not executed: nobody approved it before the deadline.]"
    public static let notAnsweredInTime = "Nobody answered before the deadline."
    public static let unansweredPause =
        "[The tool was executed and paused with a question to people; before there was an answer, a message of the "
        + "operator's or a stop came.]"

    public static func rejected(_ comment: String) -> String {
        "[Not executed: the operator rejected this call.]" + (comment.isEmpty ? "" : "\n" + comment)
    }

    public static func edited(_ arguments: String) -> String {
        "[The operator changed the arguments of this call. It was executed with: \(arguments)]"
    }

    public static func interruptedAtWorker(outputSoFar: String) -> String {
        let note =
            "[Interrupted by the operator: the worker that executed the call was told to stop. "
            + "Its effects may have gone on.]"
        return Self.note(note, after: outputSoFar)
    }

    public static func interrupted(outputSoFar: String, _ cause: FermataCutCause = .byInterrupt) -> String {
        note("[Interrupted by \(who(cause)): the tool and all its processes were killed.]", after: outputSoFar)
    }

    /// What executed the call lives on.
    public static func interruptedInService(outputSoFar: String, _ cause: FermataCutCause = .byInterrupt) -> String {
        let note = "[Interrupted by \(who(cause)): the tool was told to stop. Its effects may have gone on.]"
        return Self.note(note, after: outputSoFar)
    }

    private static func who(_ cause: FermataCutCause) -> String {
        cause == .byShutdown ? "a shutdown of the service" : "the operator"
    }

    /// On a line of its own.
    private static func note(_ note: String, after output: String) -> String {
        output.isEmpty ? note : output + (output.hasSuffix("\n") ? "" : "\n") + note
    }
}
