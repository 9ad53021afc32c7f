internal import FermataProtocol
internal import SwiftProtobuf

extension Decision {
    /// Begins everything that nothing holds back any more. Under a hold nothing begins.
    mutating func advance(now: Int64) {
        while run.holds.isEmpty, !run.isStopped, beginNext(now: now) {}
    }

    /// - Returns: false if there is nothing to begin.
    private mutating func beginNext(now: Int64) -> Bool {
        guard run.calls.open == 0 else { return beginCall() }
        guard run.asks.aboutTheTurn == 0 else { return false }
        switch run.turn.modelCall {
        case .inFlight: return false
        case .waiting(let until, _) where until > now: return false
        case .waiting, .again, .none: break
        }
        let deliverable = messagesToDeliver()
        switch run.turn.phase {
        case .active: break
        case .idle, .ended: if deliverable.isEmpty { return false }
        case .failed: return false
        }
        if let limit = run.limitReached {
            open(limit.kind, .with { $0.question = limit.question }, of: nil)
            return false
        }
        // Its wait is over, however that came about.
        if let ask = run.asks[number: run.asks.ofWait] { close(ask, .unspecified) }
        // A fallback model is asked to the turn's end.
        if run.turn.phase != .active, run.spec.fallback > 0 { emit(.modelSet(run.spec.returning)) }
        emit(
            .modelCalled(
                .with {
                    $0.step = run.turn.isUnanswered ? run.turn.step : run.turn.step + 1
                    $0.attempt = run.turn.isUnanswered ? run.turn.attempt + 1 : 1
                    $0.delivered = deliverable
                }))
        return true
    }

    private mutating func beginCall() -> Bool {
        guard let call = run.nextToStart else { return false }
        if call.origin == .core {
            decideCoreCall(call)
            return true
        }
        // A tool that is being killed may still write where this one will read.
        guard run.calls.killing.isEmpty else { return false }
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
        let forThisTurn = run.messages.filter { $0.delivery != .whenIdle }.map(\.number)
        if run.turn.phase == .active || !forThisTurn.isEmpty { return forThisTurn }
        return run.messages.prefix(1).map(\.number)
    }
}

extension Run {
    /// Why people are to be asked before the next model call is made; nil if it may be made.
    var limitReached: (kind: FermataAskKind, question: String)? {
        // Another attempt of a step that was counted.
        turn.isUnanswered ? nil : budget.reached(inTurn: turn.phase == .active)
    }
}

extension Run.Budget {
    /// The limit that is reached, if one is.
    ///
    /// - Parameter inTurn: a turn has begun; limits of turns are looked at.
    func reached(inTurn: Bool) -> (kind: FermataAskKind, question: String)? {
        if limits.hasMaxSteps, inTurn, stepsOfTurn >= limits.maxSteps {
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
                    + "the model has no price here, its server did not say what was used, or the service was killed in the "
                    + "midst of the call. May it go on? RAISE lets it, "
                    + "until the next such call; a budget without a limit on the cost lets it for good."
            )
        }
        if limits.hasMaxRepeats, inTurn, fingerprint != 0, fingerprint == lastFingerprint,
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
