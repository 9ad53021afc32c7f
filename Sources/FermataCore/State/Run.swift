public import FermataProtocol
internal import SwiftProtobuf

/// One agent at work on one conversation, as a value: the fold of its journal.
///
///     state   = events.reduce(Run(id), apply)
///     events  = try state.decide(input, context)
///     effects = state.wanted
///
/// It does no I/O, reads no clock and draws no random number. It holds control facts, the arguments of calls that
/// have no result yet, and the model's last text (the summary carries it); the transcript stays in the journal.
///
/// Each part of the state is a type of its own, in a file of its own, and can be changed in that file only, by what an event
/// says; and the parts of a run can be changed in this file only, by `apply`. So nothing but an event changes a run, and
/// the compiler says so. A part never changes another.
public struct Run: Sendable, Equatable {
    public let id: RunID
    /// The number of the last event; 0 before the first.
    public private(set) var seq: UInt64 = 0
    /// The time of the last event, µs since 1970.
    public private(set) var updatedAt: Int64 = 0

    public private(set) var spec = Spec()
    public private(set) var messages = Messages()
    public private(set) var turn = Turn()
    public private(set) var calls = Calls()
    public private(set) var asks = Asks()
    public private(set) var holds = Holds()
    public private(set) var budget = Budget()
    public private(set) var lineage = Lineage()

    public init(id: RunID) { self.id = id }

    // MARK: - Events

    /// Folds one event in. Total: an event of a kind that this version does not know changes only `seq` and the time.
    ///
    /// frozen: what events of every version fold to.
    public mutating func apply(_ event: FermataEvent) {
        seq = event.seq
        updatedAt = event.at
        switch event.kind {
        case .launched(let launched):
            spec.launch(launched)
            budget.set(launched.limits)
            lineage.launch(launched, at: event.at)
        case .messageQueued(let message):
            messages.apply(message)
            if message.delivery == .now { turn.stopWaiting() }
        case .messageWithdrawn(let message): messages.withdraw(message.number)
        case .childLaunched(let child): lineage.launchChild(child)
        case .modelCalled(let call):
            budget.apply(call, isNewTurn: turn.phase != .active)
            turn.apply(call)
            messages.remove(call.delivered)
            calls.clear()
        case .modelAnswered(let answer):
            turn.apply(answer)
            budget.apply(answer)
            calls.apply(answer, spec)
        case .modelCut(let cut):
            turn.apply(cut)
            budget.countUnanswered(cut.hasUsage ? cut.usage : nil)
        case .modelFailed(let failed):
            turn.apply(failed, seq: event.seq, lead: event.clockLead, isHeld: !holds.isEmpty)
            budget.countUnanswered(failed.hasUsage ? failed.usage : nil)
        case .callStarted(let started): calls.apply(started)
        case .callLost(let lost): calls.apply(lost)
        case .callEnded(let ended):
            budget.apply(ended, first: calls.first?.number ?? 0)
            calls.apply(ended)
        case .callGone(let gone): calls.apply(gone)
        case .askOpened(let ask):
            asks.apply(ask, lead: event.clockLead)
            calls.ask(ask)
        case .askAnswered(let answer): apply(answer)
        case .askClosed(let closed):
            // A call that was never approved only waits again. What becomes of any other the next event says: it may
            // have been executed, and must not be taken for one that can start.
            if let ask = asks.apply(closed), ask.kind == .approval { calls.select(ask.call) }
        case .callEdited(let edited):
            calls.edit(edited.number, edited.arguments, isApproved: false, edited.gate, spec.policy)
        case .policySet(let set):
            spec.set(set.policy)
            calls.judge(set)
        case .limitsSet(let set): budget.set(set.limits)
        case .modelSet(let set):
            spec.set(set)
            if set.hasFallback || asks.ofWait > 0 { turn.turnToOther() }
            if asks.ofWait > 0 { turn.stopWaiting() }
        case .holdAtSet(let set): spec.set(set.holdAt)
        case .held(let held):
            holds.apply(held, event)
            turn.stopWaiting()
        case .holdLifted(let lifted): holds.lift(lifted.owner)
        case .retried:
            turn.retry()
            budget.grantMore()
        case .limitReached(let reached): turn.fail(reached.failure)
        case .stopped:
            lineage.stop()
            holds.liftAll()
            turn.stop()
        case .handedOff: lineage.handOff()
        case .forked(let forked):
            lineage.fork(of: forked.source, budget.usage, at: event.at)
            // What the source has cost is not this run's to account for.
            budget.forgetCosts()
            calls.forgetApprovals()
            arrive(in: forked.workspace, isOwn: forked.ownWorkspace)
        case .imported(let imported):
            lineage.arrive(budget.usage)
            arrive(in: imported.workspace, isOwn: imported.ownWorkspace)
            // Waits end when they were said to.
            holds.measureWaits(lead: event.clockLead)
            asks.measureWaits(lead: event.clockLead)
            turn.measureWaits(lead: event.clockLead)
        case nil: break
        }
    }

    private mutating func arrive(in workspace: String, isOwn: Bool) {
        spec.arrive(in: workspace, isOwn: isOwn)
        holds.arrive()
    }

    private mutating func apply(_ answer: FermataAskAnswered) {
        guard let ask = asks.apply(answer) else { return }
        switch answer.verdict {
        case .approve: calls.select(ask.call, isApproved: true)
        case .edit: calls.edit(ask.call, answer.arguments, isApproved: true, answer.gate, spec.policy)
        case .runAgain: calls.select(ask.call)
        case .raise:
            // With limits, these are what is allowed; without, as much again.
            guard !answer.hasLimits else { return budget.set(answer.limits.over(budget.limits)) }
            budget.grantMore()
            turn.forgetTruncated()
        case .goOn where ask.kind == .limit: break
        case .useModel:
            turn.turnToOther()
            turn.stopWaiting()
        case .goOn, .guide: budget.forgetRepeats()
        case .endTurn:
            if ask.kind == .limit { turn.stopWaiting() }
            turn.end(ask.kind)
        case .unspecified, .reject, .takeResult, .tellUnknown, .UNRECOGNIZED: break
        }
    }
}

// MARK: - Snapshot

extension Run {
    /// nil if the message has a value that this version does not know.
    init?(id: RunID, _ snapshot: SnapshotRun) {
        guard let turn = Turn(snapshot.turn), let lineage = Lineage(snapshot.lineage) else { return nil }
        self.id = id
        seq = snapshot.seq
        updatedAt = snapshot.updatedAt
        spec = Spec(snapshot.spec)
        messages = Messages(snapshot.messages)
        self.turn = turn
        calls = Calls(snapshot.calls, spec)
        asks = Asks(snapshot.asks)
        holds = Holds(snapshot.holds)
        budget = Budget(snapshot.budget)
        self.lineage = lineage
    }

    var snapshotMessage: SnapshotRun {
        .with {
            $0.id = id.description
            $0.seq = seq
            $0.updatedAt = updatedAt
            $0.spec = spec.snapshot
            $0.messages = messages.snapshot
            $0.turn = turn.snapshot
            $0.calls = calls.snapshot
            $0.asks = asks.snapshot
            $0.holds = holds.snapshot
            $0.budget = budget.snapshot
            $0.lineage = lineage.snapshot
        }
    }
}
