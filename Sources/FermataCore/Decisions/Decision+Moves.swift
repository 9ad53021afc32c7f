internal import FermataProtocol
internal import SwiftProtobuf

/// Runs that go elsewhere, or come from there.
extension Decision {
    mutating func handOff() throws(Refusal) {
        guard !run.isHandedOff else { return }
        try refuse("hand off", in: .stopped)
        guard run.begun.isEmpty, run.status != .running, run.turn.nextAttemptAt == nil else {
            throw Refusal(.inFlight, "something of the run is in flight, or about to be: pause it first")
        }
        emit(.handedOff(.init()), isCommanded: true)
        tellChildren(.left(by: run.id))
    }

    /// The run's events are the copied beginning of another's journal; it becomes a run of its own.
    mutating func fork(_ forked: FermataForked, _ terms: ForkTerms) throws(Refusal) {
        guard run.isCut else { throw Refusal(.invalidCut, "something was in flight after event \(run.seq)") }
        emit(.forked(forked), isCommanded: true)
        hold(.forked, unless: terms.start)
        // The copy may end before calls that cannot be executed, or that a message supersedes, got their results.
        checkCalls()
        if run.messages.urgent > 0 { supersedeCallsNotStarted() }
        if let edit = terms.edit {
            // A call whose tool has paused, or of which nobody knows how it ended, was executed.
            guard let call = run.calls[number: edit.call],
                call.state == .selected || call.state == .asking && call.attempt == 0
            else { throw Refusal(.noSuchCall, "call \(edit.call) is not selected at the end of the copy") }
            try check(edit.arguments, for: call.tool, .invalidArgument)
            if let ask = run.asks[of: call] { close(ask, .unspecified) }
            self.edit(edit.call, edit.arguments)
        }
        if !terms.text.isEmpty { queue(Content(terms.text), .nextStep) }
    }

    /// The run's events came from a checkpoint: it goes on here. What was in flight there is unknown here.
    mutating func arrive(
        _ imported: FermataImported, start: Bool, _ answer: AskAnswer?, _ context: Context
    ) throws(Refusal) {
        guard run.isWhole else {
            throw Refusal(.brokenJournal, "after event \(run.seq) a call waits for an ask that is not open")
        }
        var answer = answer
        // What is unknown here may be asked about as well; the answer was meant for what was open there.
        if answer?.ask == 0, run.asks.count == 1 { answer?.ask = run.asks[0].number }
        emit(.imported(imported), isCommanded: true)
        hold(.imported, unless: start || answer != nil)
        for effect in run.begun.sorted(by: { "\($0)" < "\($1)" }) {
            switch effect {
            case .model: cutModel(.byMove, "")
            case .tool(let number, let attempt) where run.calls.killing.contains(effect):
                endKilling(number, attempt)
            case .tool(let number, _), .lease(let number, _):
                if let call = run.calls[number: number] { endUnknown(call) }
            }
        }
        if let answer { try self.answer(answer, context) }
    }

    private mutating func hold(_ cause: FermataHoldCause, unless isToStart: Bool) {
        guard !run.isStopped else { return }
        if !isToStart {
            emit(.held(.with { $0.cause = cause }), isCommanded: true)
        } else if !run.holds.isEmpty {
            liftHold(.byResume)
        }
    }
}
