internal import FermataProtocol
internal import SwiftProtobuf

/// Asks: how they open, and the one answer that each gets.
extension Decision {
    /// Opens an ask of a call, or of the turn (`call` nil).
    mutating func open(
        _ kind: FermataAskKind, _ question: FermataQuestion, of call: Run.Call?, showsArguments: Bool = false
    ) {
        emit(
            .askOpened(
                .with {
                    $0.number = run.asks.last + 1
                    $0.kind = kind
                    $0.question = question.question
                    $0.context = question.context
                    $0.urgency = question.urgency == .unspecified ? .normal : question.urgency
                    if kind == .question { $0.format = question.format }
                    if question.deadlineMs > 0, question.atDeadline != .never, question.atDeadline != .unspecified {
                        $0.deadlineAt = context.at(after: Int64(question.deadlineMs) * 1000)
                        $0.atDeadline = question.atDeadline
                        $0.defaultAnswer = question.defaultAnswer
                    }
                    if let call {
                        $0.call = call.number
                        $0.tool = call.tool
                        if showsArguments {
                            $0.arguments = call.arguments
                            $0.argumentsSha256 = call.argumentsDigest
                        }
                    }
                }))
    }

    mutating func close(_ ask: Run.OpenAsk, _ outcome: FermataCallOutcome, hasExpired: Bool = false) {
        emit(
            .askClosed(
                .with {
                    $0.number = ask.number
                    $0.outcome = outcome
                    $0.expired = hasExpired
                }))
    }

    mutating func answer(_ answer: AskAnswer, _ context: Context) throws(Refusal) {
        let ask = try openAsk(of: answer)
        if let deadline = ask.deadline, deadline <= context.now - context.patience {
            throw Refusal(.expired, "the deadline of ask \(ask.number) has passed")
        }
        switch ask.kind {
        case .question: try answerQuestion(ask, answer)
        case .approval: try answerApproval(ask, answer)
        case .outcome: try answerOutcome(ask, answer)
        case .budget, .stuck, .limit: try answerAboutTheTurn(ask, answer, context)
        case .unspecified, .UNRECOGNIZED:
            throw Refusal(.unsupported, "this server does not know the kind of ask \(ask.number)")
        }
    }

    private func openAsk(of answer: AskAnswer) throws(Refusal) -> Run.OpenAsk {
        if !run.isStopped, let ask = run.asks[number: answer.ask] { return ask }
        // An import answers whatever is open.
        if answer.ask == 0, answer.via == .viaImport {
            try refuse("answer", in: .stopped)
            guard run.asks.count == 1 else {
                throw Refusal(
                    .invalidArgument, "the run has \(run.asks.count) open asks: name one", details: ["field": "ask"]
                )
            }
            return run.asks[0]
        }
        if run.isHandedOff, run.asks[number: answer.ask] != nil {
            throw Refusal(
                .wrongStatus,
                "answer is not possible: the run is STOPPED here, it was handed off and goes on elsewhere",
                details: ["status": "STOPPED"])
        }
        // An ask that was answered says so whatever the status has become since: a caller who lost the race
        // must hear that, and not that the run is finished.
        guard answer.ask > 0, answer.ask <= run.asks.last else {
            try refuse("answer", in: .finished, .stopped)
            throw Refusal(.noSuchAsk, "the run has had no ask \(answer.ask)")
        }
        let fate = run.asks.fate(of: answer.ask)
        if fate != .expired, answer.via == .viaToken {
            throw Refusal(.tokenUsed, "the ask that the token answers is not open any more")
        }
        switch fate {
        case .expired: throw Refusal(.expired, "the deadline of ask \(answer.ask) has passed")
        case .answered: throw Refusal(.alreadyAnswered, "ask \(answer.ask) has been answered")
        case .closed: throw Refusal(.askClosed, "ask \(answer.ask) was closed without an answer")
        case .forgotten:
            throw Refusal(
                .askClosed,
                "ask \(answer.ask) is not open any more; how it ended is in the run's events: the run has had "
                    + "\(run.asks.last - answer.ask) asks since")
        }
    }

    private mutating func record(_ answer: AskAnswer, to ask: Run.OpenAsk) {
        emit(
            .askAnswered(
                .with {
                    $0.number = ask.number
                    $0.text = answer.text
                    $0.verdict = answer.verdict
                    $0.arguments = answer.arguments
                    $0.via = answer.via
                    if answer.verdict == .edit, let call = run.calls[number: ask.call] {
                        $0.gate = run.spec.policy.gate(tool: call.tool, arguments: answer.arguments)
                    }
                    if answer.verdict == .raise, answer.limits != .init() { $0.limits = answer.limits }
                }), isCommanded: true)
    }

    // MARK: - By kind

    private mutating func answerQuestion(_ ask: Run.OpenAsk, _ answer: AskAnswer) throws(Refusal) {
        try require(answer, .unspecified, in: [.unspecified], to: ask)
        guard ask.opened.format.accepts(answer.text) else {
            throw invalid("the answer to ask \(ask.number) must be \(ask.opened.format.shape)", ask)
        }
        record(answer, to: ask)
        finish(ask, with: answer.text)
    }

    /// The answer to a question is its call's result.
    private mutating func finish(_ ask: Run.OpenAsk, with text: String) {
        end(
            ask.call, attempt: run.calls[number: ask.call]?.attempt ?? 0,
            ToolReply(outcome: .callFinished, output: text))
    }

    private mutating func answerApproval(_ ask: Run.OpenAsk, _ answer: AskAnswer) throws(Refusal) {
        try require(answer, answer.verdict, in: [.approve, .edit, .reject], to: ask)
        guard let call = run.calls[number: ask.call] else {
            throw Refusal(.internalError, "ask \(ask.number) has no call")
        }
        if let digest = answer.argumentsDigest, !(digest.isEmpty && answer.verdict == .reject) {
            guard !digest.isEmpty else {
                throw invalid("arguments_sha256 is missing: it names the arguments that were shown", ask)
            }
            guard digest.lowercased() == ask.opened.argumentsSha256 else {
                throw Refusal(.stale, "the arguments that ask \(ask.number) shows have another SHA-256")
            }
        }
        let sticky = try answer.sticky.map { (when) throws(Refusal) in try rule(answer.verdict, when, ask) }
        switch answer.verdict {
        case .edit:
            try check(answer.arguments, for: call.tool, .invalidAnswer)
            guard run.spec.policy.gate(tool: call.tool, arguments: answer.arguments) != .deny else {
                throw invalid("the policy denies the call with these arguments", ask)
            }
            record(answer, to: ask)
        case .reject:
            record(answer, to: ask)
            reject(call, answer.text)
        default: record(answer, to: ask)
        }
        if let sticky {
            set(run.spec.policy.adding(sticky, for: call.tool))
        }
    }

    private func rule(
        _ verdict: FermataVerdict, _ when: [FermataCondition], _ ask: Run.OpenAsk
    ) throws(Refusal) -> FermataRule {
        guard verdict != .edit else { throw invalid("an edit cannot be made sticky", ask) }
        let tool = run.spec.tool(ask.opened.tool)
        if let problem = when.problems.first ?? tool.flatMap(when.unreachable) {
            throw invalid("sticky.\(problem)", ask)
        }
        guard (run.spec.policy.of(ask.opened.tool)?.rules.count ?? 0) < 100 else {
            throw invalid("the policy has 100 rules for the tool already: set one anew", ask)
        }
        return .with {
            $0.when = when
            $0.gate = verdict == .approve ? .allow : .deny
        }
    }

    private mutating func answerOutcome(_ ask: Run.OpenAsk, _ answer: AskAnswer) throws(Refusal) {
        try require(answer, answer.verdict, in: [.runAgain, .takeResult, .tellUnknown], to: ask)
        if answer.verdict == .takeResult, answer.text.isEmpty {
            throw invalid("TAKE_RESULT needs the result as text", ask)
        }
        record(answer, to: ask)
        let attempt = run.calls[number: ask.call]?.attempt ?? 0
        switch answer.verdict {
        case .takeResult: end(ask.call, attempt: attempt, ToolReply(outcome: .callFinished, output: answer.text))
        case .tellUnknown:
            end(ask.call, attempt: attempt, ToolReply(outcome: .callUnknown, output: Marker.unknownOutcome))
        default: break
        }
    }

    private mutating func answerAboutTheTurn(
        _ ask: Run.OpenAsk, _ answer: AskAnswer, _ context: Context
    ) throws(Refusal) {
        let verdicts: [FermataVerdict] =
            switch ask.kind {
            case .budget: [.raise, .endTurn]
            case .limit: [.goOn, .useModel, .endTurn]
            default: [.guide, .goOn, .endTurn]
            }
        try require(answer, answer.verdict, in: verdicts, to: ask)
        if answer.verdict == .guide, answer.text.isEmpty { throw invalid("GUIDE needs a message as text", ask) }
        if answer.verdict == .useModel {
            guard !answer.text.isEmpty else { throw invalid("USE_MODEL needs the model's name as text", ask) }
            try check(run.budget.limits, of: answer.text, field: "text", context)
        }
        if answer.verdict == .raise, answer.limits != .init() {
            if let problem = answer.limits.problems.first { throw invalid("limits.\(problem)", ask) }
            try check(answer.limits, of: run.spec.model, field: "limits.max_cost_nano_usd", context)
            let raised = run.budget.with(answer.limits.over(run.budget.limits))
            guard !raised.costIsUntold else {
                throw invalid(
                    "what the run has cost cannot be told, so that no limit on it can be looked at: RAISE without limits, "
                        + "or set a budget without max_cost_nano_usd", ask)
            }
            guard run.turn.isUnanswered || raised.reached(inTurn: run.turn.phase == .active)?.kind != .budget else {
                throw invalid("these limits are reached already", ask)
            }
        }
        record(answer, to: ask)
        if answer.verdict == .useModel { emit(.modelSet(.with { $0.model = answer.text }), isCommanded: true) }
        if answer.verdict == .guide { queue(Content(answer.text), .nextStep) }
    }

    private func require(
        _ answer: AskAnswer, _ verdict: FermataVerdict, in allowed: [FermataVerdict], to ask: Run.OpenAsk
    ) throws(Refusal) {
        guard !allowed.contains(answer.verdict) else { return }
        let names = allowed.map(\.protocolName).joined(separator: ", ")
        throw invalid(
            allowed == [.unspecified]
                ? "ask \(ask.number) is a QUESTION: its answer is a text, without a verdict"
                : "ask \(ask.number) is of kind \(ask.kind.protocolName): its verdict is one of \(names)", ask)
    }

    private func invalid(_ message: String, _ ask: Run.OpenAsk) -> Refusal {
        Refusal(.invalidAnswer, message, details: ["ask": String(ask.number), "kind": ask.kind.protocolName])
    }

    // MARK: - Time

    /// Everything whose time has come, in the order of the times.
    mutating func passTime() {
        while !run.isStopped {
            let ask = run.asks.mostUrgent.flatMap { ask in ask.deadline.map { (ask: ask, time: $0) } }
            let hold = run.holds.end
            switch (ask, hold) {
            case (let ask?, _) where ask.time <= context.now && ask.time <= hold ?? .max: expire(ask.ask)
            case (_, let hold?) where hold <= context.now: liftHold(.byTime)
            default: return
            }
        }
    }

    private mutating func expire(_ ask: Run.OpenAsk) {
        if ask.opened.atDeadline == .default, ask.kind == .question {
            record(AskAnswer(ask: ask.number, text: ask.opened.defaultAnswer, via: .viaDeadline), to: ask)
            return finish(ask, with: ask.opened.defaultAnswer)
        }
        // The wait that it is about is over.
        if ask.kind == .limit {
            return record(AskAnswer(ask: ask.number, verdict: .goOn, via: .viaDeadline), to: ask)
        }
        guard let call = run.calls[number: ask.call] else { return close(ask, .unspecified, hasExpired: true) }
        let reply =
            switch ask.kind {
            case .approval: ToolReply.notStarted(.callRejected, Marker.notApprovedInTime, call)
            case .outcome: ToolReply(outcome: .callUnknown, output: Marker.unknownOutcome)
            default: ToolReply(outcome: .callFailed, output: Marker.notAnsweredInTime)
            }
        close(ask, reply.outcome, hasExpired: true)
        end(call.number, attempt: call.attempt, reply)
    }
}

extension ToolReply {
    /// Of a call that is not to start; if it was started once, nobody can say that it was not executed.
    static func notStarted(_ outcome: FermataCallOutcome, _ output: String, _ call: Run.Call) -> ToolReply {
        call.attempt > 0
            ? ToolReply(outcome: .callUnknown, output: Marker.unknownOutcome)
            : ToolReply(outcome: outcome, output: output)
    }
}
