public import FermataProtocol
internal import SwiftProtobuf

/// An input to another run that a decision comes to.
public struct Consequence: Sendable {
    public let run: RunID
    public let input: Input
}

/// What an input comes to: the events, in order, and the run after them. No events: nothing changes.
public struct Decision: Sendable {
    public internal(set) var run: Run
    public internal(set) var events: [FermataEvent] = []
    /// The number of the message that the input queued; 0 if none.
    public internal(set) var message: UInt32 = 0
    /// What comes of it for other runs, in order: to be decided after it, and written with it or not at all.
    public internal(set) var consequences: [Consequence] = []

    let context: Now

    /// Hands the events over, to somebody who changes them: nobody else holds them then.
    public mutating func takeEvents() -> [FermataEvent] {
        defer { events = [] }
        return events
    }

    /// The part of the context that every event needs.
    struct Now: Sendable {
        /// What events are stamped with, µs since 1970.
        let at: Int64
        /// What waits are measured by, µs of the steady clock.
        let now: Int64
        /// How far the clock of those who read events is ahead of it.
        let lead: Int64
        let by: String
        let reason: String
        let patience: Int64

        /// When so much time has passed, as events tell it.
        func at(after microseconds: Int64) -> Int64 { now + lead + microseconds }
    }

    init(run: Run, _ context: Context, provenance: Provenance?) {
        self.run = run
        // `at` never decreases, whatever the clock does; and no wait is measured by it.
        self.context = Now(
            at: max(context.now + context.lead, run.updatedAt), now: context.now, lead: context.lead,
            by: provenance?.by ?? "", reason: provenance?.reason ?? "", patience: context.patience)
    }

    /// Records one event and folds it in.
    ///
    /// - Parameter isCommanded: the event is what the command asked for, so it carries who and why; what merely
    ///   follows from it does not.
    mutating func emit(_ kind: FermataEvent.OneOf_Kind, isCommanded: Bool = false) {
        let event = FermataEvent.with {
            $0.run = run.id.description
            $0.seq = run.seq + 1
            $0.at = context.at
            $0.clockLead = context.lead
            if isCommanded {
                $0.by = context.by
                $0.reason = context.reason
            }
            $0.kind = kind
        }
        assert(run.problem(withNext: event) == nil, "\(run.problem(withNext: event) ?? ""): \(event)")
        run.apply(event)
        events.append(event)
    }
}

extension Run {
    /// Turns an input into events, or refuses it; changes nothing itself.
    public func decide(_ input: Input, _ context: Context) throws(Refusal) -> Decision {
        var decision = Decision(run: self, context, provenance: input.provenance)
        switch input {
        case .command(let request, let provenance):
            if let expected = provenance.ifSeq, expected != seq {
                throw Refusal(
                    .stale, "the run is at seq \(seq), the command was made for seq \(expected)",
                    details: ["seq": String(seq)])
            }
            try decision.command(request, context)
        case .modelAnswered(let step, let attempt, let reply):
            guard wants(.model(step: step, attempt: attempt)) else { return decision }
            decision.answer(reply)
        case .modelFailed(let step, let attempt, let failure, let soFar):
            guard wants(.model(step: step, attempt: attempt)) else { return decision }
            decision.fail(failure, soFar)
        case .toolEnded(let call, let attempt, let reply):
            decision.endTool(.tool(call: call, attempt: attempt), call: call, attempt: attempt, reply)
        case .leaseEnded(let call, let attempt, let output): decision.endLease(call, attempt, output: output)
        case .lost(let effect, let soFar): decision.lose(effect, soFar)
        case .timePassed: decision.passTime()
        case .shutdown: decision.cutEverything(.byShutdown, context)
        case .ancestor(let news, _): decision.hear(news, context)
        }
        if context.mayStart { decision.judgeCalls() }
        if case .modelAnswered = input { decision.holdAtSelection() }
        if context.mayStart { decision.advance(now: context.now) }
        return decision
    }
}

extension Input {
    var provenance: Provenance? {
        switch self {
        case .command(_, let provenance), .ancestor(_, let provenance): provenance
        default: nil
        }
    }
}
