internal import FermataProtocol
internal import FoundationEssentials
internal import SwiftProtobuf

/// Commands: the table of DESIGN, "Commands on a run".
extension Decision {
    mutating func command(_ request: RunRequest, _ context: Context) throws(Refusal) {
        switch request {
        case .launch(let launched, let task):
            emit(.launched(launched), isCommanded: true)
            if !task.isEmpty { queue(task, .nextStep) }
        case .send(let text, let delivery): try send(text, delivery, context)
        case .withdraw(let number): try withdraw(number)
        case .pause(let terms): try pause(terms, context)
        case .interrupt(let terms): try interrupt(terms, context)
        case .resume(let terms): try resume(terms.text, tokenDigest: terms.tokenDigest)
        case .stop: stop(context)
        case .answer(let answer): try self.answer(answer.ask, answer.text)
        default: throw Refusal(.unsupported, "not yet")
        }
    }

    private mutating func send(_ text: String, _ delivery: FermataDelivery, _ context: Context) throws(Refusal) {
        try refuse("send", in: .stopped)
        queue(text, delivery == .unspecified ? .nextStep : delivery)
        guard delivery == .now else { return }
        // Under a hold a model call in flight is spared: its answer is what the pause promised to keep.
        if run.modelCall == .inFlight, run.hold == nil {
            cutModel(.byMessage, text: context.textSoFar(.model(step: run.step, attempt: run.attempt)))
        }
        supersedeCallsNotStarted()
    }

    private mutating func queue(_ text: String, _ delivery: FermataDelivery) {
        message = run.messageCount + 1
        emit(
            .messageQueued(
                .with {
                    $0.number = run.messageCount + 1
                    $0.text = text
                    $0.delivery = delivery
                }), isCommanded: true)
    }

    private mutating func withdraw(_ number: UInt32) throws(Refusal) {
        guard run.queue.contains(where: { $0.number == number }) else {
            guard number > 0, number <= run.messageCount, !run.withdrawn.contains(number) else {
                throw Refusal(.noSuchMessage, "the run has no message \(number) that waits")
            }
            throw Refusal(.alreadyDelivered, "the model has been shown message \(number)")
        }
        try refuse("withdraw", in: .stopped)
        emit(.messageWithdrawn(.with { $0.number = number }), isCommanded: true)
    }

    private mutating func pause(_ terms: HoldTerms, _ context: Context) throws(Refusal) {
        try refuse("pause", in: .finished, .failed, .stopped)
        if run.hold == nil { try hold(.requested, terms, context) }
    }

    private mutating func interrupt(_ terms: HoldTerms, _ context: Context) throws(Refusal) {
        try refuse("interrupt", in: .finished, .failed, .stopped)
        // On hold with nothing to cut, the run is already as the operator wants it.
        guard run.hold == nil || !run.wanted.isEmpty else { return }
        try hold(.interrupted, terms, context)
        cutEverything(.byInterrupt, context)
    }

    private mutating func hold(
        _ cause: FermataHoldCause, _ terms: HoldTerms, _ context: Context
    ) throws(Refusal) {
        if let resumeAt = terms.resumeAt, resumeAt <= context.now {
            throw Refusal(.invalidArgument, "resume_at is not in the future", details: ["field": "resume_at"])
        }
        emit(
            .held(
                .with {
                    $0.cause = cause
                    $0.resumeAt = terms.resumeAt ?? 0
                    $0.tokenSha256 = .init(terms.tokenDigest)
                }), isCommanded: true)
    }

    private mutating func resume(_ text: String, tokenDigest: [UInt8]) throws(Refusal) {
        if !tokenDigest.isEmpty, run.hold == nil || run.holdTokenDigest != tokenDigest {
            throw Refusal(.tokenUsed, "the hold that the token lifts is not there any more")
        }
        try refuse("resume", in: .stopped)
        if text.isEmpty { try refuse("resume without a message", in: .idle, .finished) }
        let isFailed = run.status == .failed
        if !text.isEmpty { queue(text, .nextStep) }
        if run.hold != nil { emit(.holdLifted(.with { $0.cause = tokenDigest.isEmpty ? .byResume : .byToken }), isCommanded: true) }
        if isFailed { emit(.retried(.init()), isCommanded: true) }
    }

    private mutating func stop(_ context: Context) {
        guard !run.isStopped else { return }
        cutEverything(.byStop, context)
        closeCallsNotStarted(ToolReply(outcome: .callCancelled, output: Marker.cancelled))
        emit(.stopped(.init()), isCommanded: true)
    }

    private mutating func answer(_ number: UInt32, _ text: String) throws(Refusal) {
        guard let ask = run.openAsks.first(where: { $0.number == number }) else {
            // An ask that was answered says so whatever the status has become since: a caller who lost the race
            // must hear that, and not that the run is finished.
            if number > 0, number <= run.askCount {
                throw run.unansweredAsks.contains(number)
                    ? Refusal(.askClosed, "ask \(number) was closed without an answer")
                    : Refusal(.alreadyAnswered, "ask \(number) has been answered")
            }
            try refuse("answer", in: .finished, .stopped)
            throw Refusal(.noSuchAsk, "the run has had no ask \(number)")
        }
        emit(
            .askAnswered(
                .with {
                    $0.number = number
                    $0.text = text
                }), isCommanded: true)
        end(ask.call, attempt: 0, ToolReply(outcome: .callFinished, output: text))
    }

    /// What a message of delivery `NOW` does to the calls chosen before the model has seen it.
    mutating func supersedeCallsNotStarted() {
        closeCallsNotStarted(ToolReply(outcome: .callSuperseded, output: Marker.superseded))
    }

    /// Gives every call that has not started this result, in order, and closes their asks.
    private mutating func closeCallsNotStarted(_ reply: ToolReply) {
        for call in run.calls where call.state == .selected || call.state == .asking {
            if call.state == .asking {
                emit(
                    .askClosed(
                        .with {
                            $0.number = call.ask
                            $0.outcome = reply.outcome
                        }))
            }
            // It was started once and the service died: nobody can say that it was not executed.
            let wasStarted = call.attempt > 0
            end(
                call.number, attempt: call.attempt,
                wasStarted ? ToolReply(outcome: .callUnknown, output: Marker.unknownOutcome) : reply)
        }
    }

    private func refuse(_ command: String, in statuses: FermataStatus...) throws(Refusal) {
        let status = run.status
        guard statuses.contains(status) else { return }
        throw Refusal(
            .wrongStatus, "\(command) is not possible: the run is \(status.protocolName)",
            details: ["status": status.protocolName])
    }
}
