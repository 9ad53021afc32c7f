internal import FermataProtocol
internal import SwiftProtobuf

/// Calls between their selection and their end: policies, decisions of operators, workers.
extension Decision {
    /// Holds the calls that have not started against the policy: what is denied ends, what is to be asked about asks.
    /// Nothing is ever approved here.
    mutating func judgeCalls() {
        guard !run.isStopped, run.calls.unjudged > 0 else { return }
        for call in run.calls.unended {
            switch call.state {
            case .selected where call.gate == .deny: deny(call)
            case .asking where call.gate == .deny:
                guard let ask = run.asks[of: call], ask.kind == .approval else { continue }
                close(ask, .callDenied)
                deny(call)
            case .selected where !call.isFree: askApproval(of: call)
            default: continue
            }
        }
    }

    private mutating func deny(_ call: Run.Call) {
        end(call.number, attempt: call.attempt, .notStarted(.callDenied, Marker.denied, call))
    }

    private mutating func askApproval(of call: Run.Call) {
        let policy = run.spec.policy.of(call.tool)
        open(
            .approval,
            .with {
                $0.question = "May \(call.tool) run with these arguments?"
                $0.urgency = policy?.urgency ?? .normal
                $0.deadlineMs = policy?.deadlineMs ?? 0
                $0.atDeadline = .rejectIt
            }, of: call, showsArguments: true)
    }

    /// The run was told to stand still after each selection.
    mutating func holdAtSelection() {
        guard run.spec.holdAt == .selection, run.holds.isEmpty, run.calls.open > 0 else { return }
        emit(.held(.with { $0.cause = .selection }))
    }

    mutating func decideCall(_ decision: CallDecision) throws(Refusal) {
        try refuse("deciding a call", in: .stopped)
        let call = try knownCall(decision.call)
        guard !run.holds.isEmpty else {
            throw Refusal(
                .wrongStatus, "calls are decided while the run is on hold: the run is \(run.status.protocolName)",
                details: ["status": run.status.protocolName])
        }
        let ask = run.asks[of: call]
        switch call.state {
        case .selected: break
        case .asking where ask?.kind == .approval: break
        case .asking:
            throw Refusal(
                .wrongStatus, "call \(call.number) waits for the answer to ask \(call.ask): answer that",
                details: ["status": run.status.protocolName])
        case .ended: throw Refusal(.callEnded, "call \(call.number) has its result")
        default: throw Refusal(.callTaken, "call \(call.number) is executing")
        }
        guard decision.argumentsDigest.isEmpty || decision.argumentsDigest.lowercased() == call.argumentsDigest else {
            throw Refusal(.stale, "the arguments of call \(call.number) have another SHA-256")
        }
        switch decision.verdict {
        case .edit:
            try check(decision.arguments, for: call.tool, .invalidArgument)
            if let ask { close(ask, .unspecified) }
            edit(call.number, decision.arguments)
        case .reject:
            if let ask { close(ask, .callRejected) }
            reject(call, decision.text)
        default: throw Refusal(.invalidArgument, "verdict is not EDIT or REJECT", details: ["field": "verdict"])
        }
    }

    /// A person says no.
    mutating func reject(_ call: Run.Call, _ comment: String) {
        end(
            call.number, attempt: call.attempt, .notStarted(.callRejected, Marker.rejected(comment), call),
            isCommanded: true)
    }

    mutating func edit(_ number: UInt32, _ arguments: String) {
        emit(
            .callEdited(
                .with {
                    $0.number = number
                    $0.arguments = arguments
                    if let tool = run.calls[number: number]?.tool {
                        $0.gate = run.spec.policy.gate(tool: tool, arguments: arguments)
                    }
                }), isCommanded: true)
    }

    /// What an operator wants a call to run with has to fit the tool's schema as what the model wants.
    func check(_ arguments: String, for tool: String, _ code: ErrorCode) throws(Refusal) {
        // What is wrong is told without what was sent: it may name members of it.
        guard run.problem(with: tool, arguments) == nil else {
            throw Refusal(
                code, "the arguments are not JSON that fits the schema of \(tool)", details: ["field": "arguments"])
        }
    }

    private func knownCall(_ number: UInt32) throws(Refusal) -> Run.Call {
        if let call = run.calls[number: number] { return call }
        throw number > 0 && number <= run.calls.last
            ? Refusal(.callEnded, "call \(number) has its result")
            : Refusal(.noSuchCall, "the run has had no call \(number)")
    }

    // MARK: - Workers

    mutating func startCall(_ number: UInt32, _ attempt: UInt32, _ worker: String) throws(Refusal) {
        let call = try knownCall(number)
        guard call.state != .ended, !run.isStopped else { throw Refusal(.callEnded, "call \(number) has its result") }
        guard attempt == call.attempt + 1, run.ready.contains(where: { $0.number == number }) else {
            throw Refusal(.callTaken, "call \(number) cannot be started now as attempt \(attempt)")
        }
        emit(
            .callStarted(
                .with {
                    $0.number = number
                    $0.attempt = attempt
                    $0.worker = worker
                }), isCommanded: true)
    }

    mutating func completeCall(
        _ number: UInt32, _ attempt: UInt32, _ worker: String, _ result: WorkerResult
    ) throws(Refusal) {
        let call = try knownCall(number)
        let ask = run.asks[of: call].flatMap { $0.kind == .outcome ? $0 : nil }
        // The worker that was given up was only late: what it says is what happened.
        let isCurrent = call.state == .started || call.state == .asking && ask != nil
        guard isCurrent, !run.isStopped, call.origin == .worker, attempt == call.attempt, worker == call.worker else {
            throw Refusal(.callEnded, "call \(number) is not this worker's any more")
        }
        if case .pause(let question) = result, let problem = question.problem {
            throw Refusal(.invalidArgument, "pause.\(problem)", details: ["field": "pause.\(problem.field)"])
        }
        switch result {
        case .result(let output):
            if let ask { close(ask, .callFinished) }
            end(
                number, attempt: attempt,
                ToolReply(outcome: .callFinished, output: output.text, blocks: output.blocks))
        case .failure(let problem):
            if let ask { close(ask, .callFailed) }
            end(
                number, attempt: attempt,
                ToolReply(outcome: .callFailed, output: problem.text, blocks: problem.blocks))
        case .pause(let question):
            if let ask { close(ask, .unspecified) }
            open(.question, question, of: call)
        }
    }

    /// The worker was not heard of in time.
    mutating func endLease(_ number: UInt32, _ attempt: UInt32, output: String) {
        guard run.wants(.lease(call: number, attempt: attempt)), let call = run.calls[number: number] else { return }
        lose(call, output: output)
    }

    // MARK: - Unknown outcomes

    /// Nobody will say how the call has ended: it runs again if that does no harm.
    ///
    /// Whether it does is decided here and nowhere before: by what the tool was launched with, and by the arguments that
    /// the call was started with, whoever wrote them. The event says what was decided; folding it asks no rule.
    ///
    /// - Parameters:
    ///   - output: what is known of the tool's output.
    ///   - mayRunAgain: false: not even if it does no harm.
    mutating func lose(_ call: Run.Call, output: String, mayRunAgain: Bool = true) {
        let tool = run.spec.tool(call.tool)
        guard mayRunAgain, tool?.isIdempotent(arguments: call.arguments) == true else {
            return endUnknown(call, output: output)
        }
        emit(
            .callLost(
                .with {
                    $0.number = call.number
                    $0.attempt = call.attempt
                    $0.output = output
                }))
    }

    /// Nobody knows whether it happened: people are asked, or the model is told.
    mutating func endUnknown(_ call: Run.Call, output: String = "") {
        let policy = run.spec.policy.of(call.tool)?.whenUnknown ?? .unspecified
        guard policy == .askPeople || policy == .unspecified && call.origin == .worker else {
            return end(
                call.number, attempt: call.attempt,
                ToolReply(outcome: .callUnknown, output: Marker.unknownOutcome(outputSoFar: output)))
        }
        open(
            .outcome,
            .with {
                $0.question = "Nobody knows whether \(call.tool) was executed. What is to become of the call?"
                let executor = call.origin == .worker ? "its worker" : "it"
                $0.context = output.isEmpty ? "" : "What it had written when \(executor) was heard of last:\n" + output
                $0.urgency = run.spec.policy.of(call.tool)?.urgency ?? .normal
            }, of: call, showsArguments: true)
    }
}
