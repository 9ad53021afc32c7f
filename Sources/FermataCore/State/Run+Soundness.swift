public import FermataProtocol

/// Whether a journal that came from elsewhere is one that a run can have written.
extension Run {
    /// What is wrong with an event, if it came next; nil if nothing is.
    ///
    /// Folding is total and forgives everything; deciding counts on what it would have written itself: that numbers
    /// have no gaps, that what ends was begun, that times are times.
    public func problem(withNext event: FermataEvent) -> String? {
        guard event.run == id.description else { return "it is another run's" }
        guard event.seq == seq + 1 else { return "its number is \(event.seq) where \(seq + 1) is next" }
        guard Run.isTime(event.at), event.at >= updatedAt, Run.isTime(event.clockLead.magnitude) else {
            return "its time is not possible"
        }
        guard let kind = event.kind else { return "it is of a kind that is not known" }
        if case .launched = kind {
            guard seq == 0 else { return "the run is launched a second time" }
        } else if seq == 0 {
            return "a run begins with its launch"
        }
        return problem(with: kind)
    }

    /// Up to the year 2255: sums with durations stay far from where numbers end.
    private static func isTime(_ time: some BinaryInteger) -> Bool { (0...latestTime).contains(Int64(clamping: time)) }

    /// No time is later than this, µs since 1970: in the year 2255. All numbers of JSON up to here are exact, and sums of
    /// such times are far from where numbers end.
    public static let latestTime: Int64 = 1 << 53

    private func problem(with kind: FermataEvent.OneOf_Kind) -> String? {
        switch kind {
        case .messageQueued(let message):
            return number(message.number, follows: messages.last)
                ?? Run.problem(withContent: message.blocks, text: message.text)
        case .messageWithdrawn(let message):
            return messages.isWaiting(message.number) ? nil : "the message does not wait"
        case .modelCalled(let call):
            guard turn.modelCall != .inFlight else { return "a model call is in flight" }
            let (step, attempt) = (turn.step, turn.attempt)
            let isNext = call.step == step &+ 1 && step < .max && call.attempt == 1
            let isAgain = step > 0 && call.step == step && call.attempt == attempt &+ 1 && attempt < .max
            guard isNext || isAgain else { return "the step or its attempt is not the next" }
            return call.delivered.allSatisfy(messages.isWaiting) ? nil : "a message is delivered that does not wait"
        case .modelAnswered(let answer):
            if let problem = endOfModelCall(answer.step, answer.attempt) { return problem }
            for (index, call) in answer.calls.enumerated() {
                let (next, isTooLarge) = calls.last.addingReportingOverflow(UInt32(clamping: index + 1))
                guard !isTooLarge, call.number == next else { return "a call is out of order" }
            }
            return Run.problem(with: answer.blocks, text: answer.text, calls: answer.calls.map(\.number))
        case .modelCut(let cut):
            return endOfModelCall(cut.step, cut.attempt) ?? Run.problem(with: cut.blocks, text: cut.text, calls: [])
        case .modelFailed(let failed):
            guard Run.isTime(failed.nextAttemptAt) else { return "its time is not possible" }
            return endOfModelCall(failed.step, failed.attempt)
                ?? Run.problem(with: failed.blocks, text: failed.text, calls: [])
        case .callStarted(let started):
            guard let call = calls[number: started.number], call.state == .selected || call.state == .asking else {
                return "the call cannot start"
            }
            return number(started.attempt, follows: call.attempt)
        case .callEnded(let ended):
            guard let call = calls[number: ended.number], call.state != .ended else { return "the call cannot end" }
            guard ended.attempt == call.attempt || ended.attempt == 0 else {
                return "it ends another attempt of the call"
            }
            return Run.problem(withContent: ended.blocks, text: ended.output)
        case .callLost(let lost):
            return calls[number: lost.number]?.state == .started ? nil : "the call does not execute"
        case .askOpened(let ask):
            if let problem = number(ask.number, follows: asks.last) { return problem }
            guard Run.isTime(ask.deadlineAt) else { return "its time is not possible" }
            guard ask.kind != .limit || asks.ofWait == 0 && turn.nextAttemptAt != nil else {
                return "the ask is about no wait, or about one that is asked about"
            }
            guard ask.call == 0 || calls[number: ask.call].map({ $0.state != .ended }) == true else {
                return "the ask is of no open call"
            }
            return nil
        case .askAnswered(let answer):
            return asks[number: answer.number] != nil ? nil : "the ask is not open"
        case .askClosed(let closed):
            return asks[number: closed.number] != nil ? nil : "the ask is not open"
        case .callEdited(let edited):
            return calls[number: edited.number].map { $0.state != .ended } == true ? nil : "the call cannot be edited"
        case .held(let held): return Run.isTime(held.resumeAt) ? nil : "its time is not possible"
        case .holdLifted(let lifted): return holds[of: lifted.owner] == nil ? "there is no such hold" : nil
        case .childLaunched(let child): return RunID(child.run) == nil ? "the child's id is none" : nil
        case .launched(let launched):
            return Rendering.isKnown(launched.rendering) ? nil : "its model is shown things in words that are not known"
        case .callGone, .retried, .stopped, .limitReached, .policySet, .limitsSet, .modelSet, .holdAtSet,
            .handedOff, .forked, .imported:
            return nil
        }
    }

    private func number(_ number: UInt32, follows last: UInt32) -> String? {
        last < .max && number == last + 1 ? nil : "number \(number) comes after \(last)"
    }

    private func endOfModelCall(_ step: UInt32, _ attempt: UInt32) -> String? {
        wants(.model(step: step, attempt: attempt)) ? nil : "no such model call is in flight"
    }

    /// Blocks are all of an answer: every byte of its text and each of its calls once, in their order.
    private static func problem(with blocks: [FermataBlock], text: String, calls: [UInt32]) -> String? {
        guard !blocks.isEmpty else { return nil }
        var (left, named) = (UInt64(text.utf8.count), [UInt32]())
        for block in blocks {
            switch block.kind {
            case .text(let length):
                guard length <= left else { return "a block is longer than the text" }
                left -= length
            case .call(let number): named.append(number)
            case .image, .file: return "a block is no model's"
            case .reasoning, .opaque, nil: break
            }
        }
        return left == 0 && named == calls ? nil : "the blocks are not the answer's text and calls"
    }

    /// Blocks of a message or a result are as a command's are when they are complete.
    private static func problem(withContent blocks: [FermataBlock], text: String) -> String? {
        if blocks.isEmpty { return nil }
        return (try? blocks.completed(with: text)) == blocks ? nil : "the blocks are not its text, images and files"
    }
}
