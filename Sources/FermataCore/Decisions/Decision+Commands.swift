internal import FermataProtocol
internal import FoundationEssentials
internal import SwiftProtobuf

/// Commands: the table of DESIGN, "Commands on a run".
extension Decision {
    mutating func command(_ request: RunRequest, _ context: Context) throws(Refusal) {
        switch request {
        case .launch(let launched, let task, let owners):
            emit(.launched(launched), isCommanded: true)
            for owner in owners { holdByAncestor(owner) }
            if !task.isEmpty { queue(task, .nextStep) }
        case .launchChild(let child, let launched, let task): try launchChild(child, launched, task)
        case .send(let message, let delivery): try send(message, delivery, context)
        case .withdraw(let number): try withdraw(number)
        case .pause(let terms): try pause(terms, context)
        case .interrupt(let terms): try interrupt(terms, context)
        case .resume(let terms): try resume(terms, context)
        case .stop: stop(context)
        case .answer(let answer): try self.answer(answer, context)
        case .decideCall(let decision): try decideCall(decision)
        case .setPolicy(let policy): try setPolicy(policy, context)
        case .setLimits(let limits): try setLimits(limits, context)
        case .handOff: try handOff()
        case .startCall(let call, let attempt, let worker): try startCall(call, attempt, worker)
        case .completeCall(let call, let attempt, let worker, let result):
            try completeCall(call, attempt, worker, result)
        case .fork(let forked, let terms): try fork(forked, terms)
        case .import(let imported, let start, let answer): try arrive(imported, start: start, answer, context)
        }
    }

    private mutating func send(_ message: Content, _ delivery: FermataDelivery, _ context: Context) throws(Refusal) {
        try refuse("send", in: .stopped)
        queue(message, delivery == .unspecified ? .nextStep : delivery)
        guard delivery == .now else { return }
        // Under a hold a model call in flight is spared: its answer is what the pause promised to keep.
        if run.turn.modelCall == .inFlight, run.holds.isEmpty {
            cutModel(.byMessage, context.answerSoFar(.model(step: run.turn.step, attempt: run.turn.attempt)))
        }
        supersedeCallsNotStarted()
    }

    mutating func queue(_ content: Content, _ delivery: FermataDelivery) {
        message = run.messages.last + 1
        emit(
            .messageQueued(
                .with {
                    $0.number = run.messages.last + 1
                    $0.text = content.text
                    $0.delivery = delivery
                    $0.blocks = content.blocks
                }), isCommanded: true)
    }

    private mutating func withdraw(_ number: UInt32) throws(Refusal) {
        guard run.messages.isWaiting(number) else {
            throw run.messages.isDelivered(number)
                ? Refusal(.alreadyDelivered, "the model has been shown message \(number)")
                : Refusal(.noSuchMessage, "the run has no message \(number) that waits")
        }
        try refuse("withdraw", in: .stopped)
        emit(.messageWithdrawn(.with { $0.number = number }), isCommanded: true)
    }

    private mutating func pause(_ terms: HoldTerms, _ context: Context) throws(Refusal) {
        try refuse("pause", in: .finished, .failed, .stopped)
        if run.holds.operators == nil { try hold(.requested, terms, context) }
        tellChildren(.held(by: run.id, cuts: false))
    }

    private mutating func interrupt(_ terms: HoldTerms, _ context: Context) throws(Refusal) {
        try refuse("interrupt", in: .finished, .failed, .stopped)
        // On hold with nothing to cut, the run is already as the operator wants it.
        if run.holds.operators == nil || !run.wanted.isEmpty {
            try hold(.interrupted, terms, context)
            cutEverything(.byInterrupt, context)
        }
        tellChildren(.held(by: run.id, cuts: true))
    }

    private mutating func hold(
        _ cause: FermataHoldCause, _ terms: HoldTerms, _ context: Context
    ) throws(Refusal) {
        if let resumeAt = terms.resumeAt, resumeAt <= context.now + context.lead {
            throw Refusal(.invalidArgument, "resume_at is not in the future", details: ["field": "resume_at"])
        }
        if let resumeAt = terms.resumeAt, resumeAt > Run.latestTime {
            throw Refusal(
                .invalidArgument, "resume_at is later than the year 2255; 0 is never", details: ["field": "resume_at"])
        }
        emit(
            .held(
                .with {
                    $0.cause = cause
                    $0.resumeAt = terms.resumeAt ?? terms.resumeAfter.map { self.context.at(after: $0) } ?? 0
                    $0.tokenSha256 = .init(terms.tokenDigest)
                }), isCommanded: true)
    }

    private mutating func resume(_ terms: ResumeTerms, _ context: Context) throws(Refusal) {
        if !terms.tokenDigest.isEmpty, run.holds.operators?.tokenDigest != terms.tokenDigest {
            throw Refusal(.tokenUsed, "the hold that the token lifts is not there any more")
        }
        try refuse("resume", in: .stopped)
        if let ancestor = run.holds.first(where: { !$0.owner.isEmpty })?.owner {
            throw Refusal(
                .heldByParent, "the run is held with run \(ancestor), which it descends from: resume that",
                details: ["owner": ancestor])
        }
        if terms.text.isEmpty { try refuse("resume without a message", in: .idle, .finished) }
        let isFailed = run.status == .failed
        if let model = terms.model, model.model != run.spec.model || model.baseURL != run.spec.baseURL {
            try check(run.budget.limits, of: model.model, field: "model", context)
            emit(.modelSet(model), isCommanded: true)
        }
        if terms.holdAt != .unspecified, terms.holdAt != run.spec.holdAt {
            emit(.holdAtSet(.with { $0.holdAt = terms.holdAt }), isCommanded: true)
        }
        if !terms.text.isEmpty { queue(Content(terms.text), .nextStep) }
        if !run.holds.isEmpty { liftHold(terms.tokenDigest.isEmpty ? .byResume : .byToken) }
        if isFailed {
            if run.spec.fallback > 0 { emit(.modelSet(run.spec.returning)) }
            emit(.retried(.init()), isCommanded: true)
        }
    }

    mutating func liftHold(_ cause: FermataLiftCause) {
        emit(.holdLifted(.with { $0.cause = cause }), isCommanded: cause != .byTime)
        tellChildren(.lifted(by: run.id))
    }

    mutating func stop(_ context: Context) {
        tellChildren(.stopped)
        guard !run.isStopped else { return }
        cutEverything(.byStop, context)
        closeCallsNotStarted(ToolReply(outcome: .callCancelled, output: Marker.cancelled))
        for ask in run.asks { close(ask, .callCancelled) }
        emit(.stopped(.init()), isCommanded: true)
    }

    private mutating func setPolicy(_ policy: FermataPolicy, _ context: Context) throws(Refusal) {
        try refuse("set policy", in: .stopped)
        if let problem = policy.unreachable(
            tools: run.spec.tools, isTool: { context.surroundings?.isTool($0) ?? false }, old: run.spec.policy)
        {
            throw Refusal(problem.inside("policy"))
        }
        if policy != run.spec.policy { set(policy) }
    }

    mutating func set(_ policy: FermataPolicy) {
        emit(
            .policySet(
                .with {
                    $0.policy = policy
                    $0.gates = run.calls.unended.map { call in
                        .with {
                            $0.number = call.number
                            $0.gate = policy.gate(tool: call.tool, arguments: call.arguments)
                        }
                    }
                }), isCommanded: true)
    }

    private mutating func setLimits(_ limits: FermataLimits, _ context: Context) throws(Refusal) {
        try refuse("set budget", in: .stopped)
        guard limits != run.budget.limits else { return }
        try check(limits, of: run.spec.model, field: "limits.max_cost_nano_usd", context)
        emit(.limitsSet(.with { $0.limits = limits }), isCommanded: true)
        for ask in run.asks where ask.isAboutTheTurn && run.limitReached?.kind != ask.kind {
            close(ask, .unspecified)
        }
    }

    /// - Throws: INVALID_ARGUMENT if there is a limit on the cost, and what the model costs is not known here.
    func check(_ limits: FermataLimits, of model: String, field: String, _ context: Context) throws(Refusal) {
        if limits.hasMaxCostNanoUsd, context.surroundings?.hasPrice(model) == false {
            throw Refusal.noPrice(of: model, field: field)
        }
    }

    /// What a message of delivery `NOW` does to the calls chosen before the model has seen it.
    mutating func supersedeCallsNotStarted() {
        closeCallsNotStarted(ToolReply(outcome: .callSuperseded, output: Marker.superseded))
    }

    /// Gives every call that is not executing this result, in order, and closes their asks.
    private mutating func closeCallsNotStarted(_ reply: ToolReply) {
        for call in run.calls where call.state == .selected || call.state == .asking {
            let ask = run.asks[of: call]
            let reply =
                ask?.kind == .question && call.attempt > 0
                ? ToolReply(outcome: .callInterrupted, output: Marker.unansweredPause)
                : .notStarted(reply.outcome, reply.output, call)
            if let ask { close(ask, reply.outcome) }
            end(call.number, attempt: call.attempt, reply)
        }
    }

    func refuse(_ command: String, in statuses: FermataStatus...) throws(Refusal) {
        let status = run.status
        guard statuses.contains(status) else { return }
        throw Refusal(
            .wrongStatus, "\(command) is not possible: the run is \(status.protocolName)",
            details: ["status": status.protocolName])
    }
}
