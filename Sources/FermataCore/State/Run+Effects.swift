internal import FermataProtocol

/// Outside work that a run's state calls for.
public enum Effect: Hashable, Sendable {
    case model(step: UInt32, attempt: UInt32)
    case tool(call: UInt32, attempt: UInt32)
    /// A worker has the call; what is to be going on here is the lease.
    case lease(call: UInt32, attempt: UInt32)
}

extension Run {
    /// Everything that is to be going on outside now.
    public var wanted: Set<Effect> {
        var effects: Set<Effect> = []
        if turn.modelCall == .inFlight { effects.insert(.model(step: turn.step, attempt: turn.attempt)) }
        guard calls.started > 0 else { return effects }
        for call in calls.unended where call.state == .started { effects.insert(call.effect) }
        return effects
    }

    /// Whether the effect is one of `wanted`. It is asked for every end that comes in: no set is built, however many
    /// calls a model chooses.
    func wants(_ effect: Effect) -> Bool {
        switch effect {
        case .model(let step, let attempt):
            turn.modelCall == .inFlight && step == turn.step && attempt == turn.attempt
        case .tool(let number, _), .lease(let number, _):
            calls[number: number].map { $0.state == .started && $0.effect == effect } ?? false
        }
    }

    /// Whether there is anything in `begun`.
    var isBusy: Bool { turn.modelCall == .inFlight || !calls.killing.isEmpty || calls.started > 0 }

    /// Effects that were begun and whose end has not come in: what is wanted, and what is being killed.
    public var begun: Set<Effect> { wanted.union(calls.killing) }

    /// Calls that a worker may take now, in order.
    public var ready: [Call] {
        // A tool that is being killed may still write where the next one will read.
        guard holds.isEmpty, !isStopped, calls.killing.isEmpty, calls.open > 0 else { return [] }
        var ready: [Call] = []
        calls.forEachStartable { call in
            if call.origin == .worker { ready.append(call) }
            return true
        }
        return ready
    }

    /// The first call that nothing holds back and that no worker is to take.
    var nextToStart: Call? {
        var next: Call?
        calls.forEachStartable { call in
            if call.origin != .worker { next = call }
            return next == nil
        }
        return next
    }
}
