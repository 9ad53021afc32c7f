internal import FermataProtocol
internal import SwiftProtobuf

extension Decision {
    /// Begins everything that nothing holds back any more. Under a hold nothing begins.
    mutating func advance(now: Int64) {
        while run.hold == nil, !run.isStopped, beginNext(now: now) {}
    }

    /// - Returns: false if there is nothing to begin.
    private mutating func beginNext(now: Int64) -> Bool {
        guard !run.hasOpenCalls else { return beginCall() }
        guard !run.openAsks.contains(where: \.isAboutTheTurn) else { return false }
        switch run.modelCall {
        case .inFlight: return false
        case .waiting(let until) where until > now: return false
        case .waiting, .none: break
        }
        let deliverable = messagesToDeliver()
        switch run.turn {
        case .active: break
        case .idle, .ended: if deliverable.isEmpty { return false }
        case .failed: return false
        }
        if let limit = run.limitReached {
            open(limit.kind, .with { $0.question = limit.question }, of: nil)
            return false
        }
        emit(
            .modelCalled(
                .with {
                    $0.step = run.stepIsUnanswered ? run.step : run.step + 1
                    $0.attempt = run.stepIsUnanswered ? run.attempt + 1 : 1
                    $0.delivered = deliverable
                }))
        return true
    }

    private mutating func beginCall() -> Bool {
        guard let call = run.nextToStart else { return false }
        if call.tool == Run.askHuman {
            askPeople(call)
            return true
        }
        // A tool that is being killed may still write where this one will read.
        guard run.killing.isEmpty else { return false }
        emit(
            .callStarted(
                .with {
                    $0.number = call.number
                    $0.attempt = call.attempt + 1
                }))
        return true
    }

    /// During a turn all that were meant for it; between turns also one that waited for the turn's end.
    private func messagesToDeliver() -> [UInt32] {
        let forThisTurn = run.queue.filter { $0.delivery != .whenIdle }.map(\.number)
        if run.turn == .active || !forThisTurn.isEmpty { return forThisTurn }
        return run.queue.prefix(1).map(\.number)
    }

    private mutating func askPeople(_ call: Run.Call) {
        // Checked against the tool's schema when the call was selected.
        var question = FermataQuestion(askHuman: (try? JSONValue(parsing: call.arguments)) ?? .null)
        if let policy = run.policy.of(call.tool), policy.deadlineMs > 0 {
            question.deadlineMs = policy.deadlineMs
            question.atDeadline = .rejectIt
        }
        open(.question, question, of: call)
    }
}

extension Run {
    /// Its cost has a limit, and nobody can tell whether that is reached. Calls that were cut or failed are not counted:
    /// people cut them, and attempts have a limit of their own.
    var costIsUntold: Bool { limits.hasMaxCostNanoUsd && untoldCosts > 0 }

    /// Why people are to be asked before the next model call is made; nil if it may be made.
    var limitReached: (kind: FermataAskKind, question: String)? {
        // Another attempt of a step that was counted.
        if stepIsUnanswered { return nil }
        if limits.hasMaxSteps, turn == .active, stepsOfTurn >= limits.maxSteps {
            return (
                .budget, "The turn has had \(stepsOfTurn) steps, and its limit is \(limits.maxSteps). May it go on?"
            )
        }
        if limits.hasMaxCostNanoUsd, usage.costNanoUsd - grantedCost >= limits.maxCostNanoUsd {
            return (.budget, "The run has cost what its limit allows before someone looks at it. May it go on?")
        }
        if costIsUntold {
            return (
                .budget,
                "The run has a limit on its cost, and what \(untoldCosts) of its model calls cost cannot be told: "
                    + "the model has no price here, or its server did not say what was used. May it go on? RAISE lets it, "
                    + "until the next such call; a budget without a limit on the cost lets it for good."
            )
        }
        if limits.hasMaxRepeats, turn == .active, fingerprint != 0, fingerprint == lastFingerprint,
            repeats + 1 >= limits.maxRepeats
        {
            return (
                .stuck,
                "The agent chose the same calls and got the same results \(repeats + 1) times in a row. What is it to do?"
            )
        }
        return nil
    }
}
