internal import FermataProtocol
internal import SwiftProtobuf

extension Decision {
    /// Begins everything that nothing holds back any more. Under a hold nothing begins.
    mutating func advance(now: Int64) {
        while run.hold == nil, !run.isStopped, let next = nextBeginning(now: now) { emit(next) }
    }

    private func nextBeginning(now: Int64) -> FermataEvent.OneOf_Kind? {
        if run.hasOpenCalls {
            guard let call = run.nextToStart else { return nil }
            if call.tool == Run.askHuman { return .askOpened(question(of: call)) }
            // A tool that is being killed may still write where this one will read.
            guard run.killing.isEmpty else { return nil }
            return .callStarted(
                .with {
                    $0.number = call.number
                    $0.attempt = call.attempt + 1
                })
        }
        switch run.modelCall {
        case .inFlight: return nil
        case .waiting(let until) where until > now: return nil
        case .waiting, .none: break
        }
        let deliverable = messagesToDeliver()
        switch run.turn {
        case .active: break
        case .idle, .ended: if deliverable.isEmpty { return nil }
        case .failed: return nil
        }
        if let failure = run.limitReached { return .limitReached(.with { $0.failure = failure }) }
        return .modelCalled(
            .with {
                $0.step = run.stepIsUnanswered ? run.step : run.step + 1
                $0.attempt = run.stepIsUnanswered ? run.attempt + 1 : 1
                $0.delivered = deliverable
            })
    }

    /// During a turn all that were meant for it; between turns also one that waited for the turn's end.
    private func messagesToDeliver() -> [UInt32] {
        let forThisTurn = run.queue.filter { $0.delivery != .whenIdle }.map(\.number)
        if run.turn == .active || !forThisTurn.isEmpty { return forThisTurn }
        return run.queue.prefix(1).map(\.number)
    }

    /// The hold lifts itself when its time has come.
    mutating func liftHoldInTime(now: Int64) {
        guard let hold = run.hold, hold.resumeAt > 0, hold.resumeAt <= now else { return }
        emit(.holdLifted(.with { $0.cause = .byTime }))
    }

    private func question(of call: Run.Call) -> FermataAskOpened {
        // Checked against the tool's schema when the call was selected.
        let arguments = try? JSONValue(parsing: call.arguments)
        func text(_ name: String) -> String {
            guard case .object(let members) = arguments, case .string(let text) = members[name] else { return "" }
            return text
        }
        return .with {
            $0.number = run.askCount + 1
            $0.kind = .question
            $0.question = text("question")
            $0.context = text("context")
            $0.call = call.number
        }
    }
}

extension Run {
    /// Why the next model call is not to be made; nil if it may.
    fileprivate var limitReached: FermataFailure? {
        // Another attempt of a step that was counted.
        if stepIsUnanswered { return nil }
        if limits.hasMaxSteps, turn == .active, stepsOfTurn >= limits.maxSteps {
            return .limit("the turn has had \(stepsOfTurn) steps, and its limit is \(limits.maxSteps)")
        }
        if limits.hasMaxCostNanoUsd, usage.costNanoUsd - grantedCost >= limits.maxCostNanoUsd {
            return .limit("the run has cost what its limit allows before someone looks at it")
        }
        return nil
    }
}

extension FermataFailure {
    fileprivate static func limit(_ message: String) -> FermataFailure {
        .with {
            $0.kind = "LIMIT_REACHED"
            $0.message = message
        }
    }
}
