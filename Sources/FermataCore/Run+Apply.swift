public import FermataProtocol
internal import FoundationEssentials
internal import SwiftProtobuf

extension Run {
    /// Folds one event in. Total: an event of a kind that this version does not know changes only `seq` and the time.
    public mutating func apply(_ event: FermataEvent) {
        seq = event.seq
        updatedAt = event.at
        switch event.kind {
        case .launched(let launched): apply(launched, at: event.at)
        case .messageQueued(let message): apply(message)
        case .messageWithdrawn(let message):
            queue.removeAll { $0.number == message.number }
            withdrawn.append(message.number)
        case .modelCalled(let call): apply(call)
        case .modelAnswered(let answer): apply(answer)
        case .modelCut(let cut):
            modelCall = .none
            countUnpricedModelCall()
            stepIsUnanswered = cut.cause == .byCrash
            if cut.cause != .byCrash { failedAttempts = 0 }
        case .modelFailed(let failed): apply(failed)
        case .callStarted(let started):
            update(started.number) {
                $0.state = .started
                $0.attempt = started.attempt
            }
        case .callLost(let lost): update(lost.number) { $0.state = .selected }
        case .callEnded(let ended): apply(ended)
        case .callGone(let gone): killing.removeAll { $0 == .tool(call: gone.number, attempt: gone.attempt) }
        case .askOpened(let ask):
            askCount = max(askCount, ask.number)
            openAsks.append(OpenAsk(number: ask.number, call: ask.call))
            update(ask.call) {
                $0.state = .asking
                $0.ask = ask.number
            }
        case .askAnswered(let answer): openAsks.removeAll { $0.number == answer.number }
        case .askClosed(let closed):
            openAsks.removeAll { $0.number == closed.number }
            unansweredAsks.append(closed.number)
        case .held(let held):
            hold = .with {
                $0.cause = held.cause
                $0.by = event.by
                $0.reason = event.reason
                $0.sinceAt = event.at
                $0.resumeAt = held.resumeAt
                $0.hasToken_p = !held.tokenSha256.isEmpty
                $0.seq = event.seq
            }
            holdTokenDigest = Array(held.tokenSha256)
            if case .waiting = modelCall { modelCall = .none }
        case .holdLifted: lift()
        case .retried:
            turn = .active
            failedAttempts = 0
            stepsOfTurn = 0
            grantedCost = usage.costNanoUsd
        case .limitReached(let reached): turn = .failed(reached.failure)
        case .stopped:
            isStopped = true
            lift()
            modelCall = .none
        case .callEdited, .policySet, .limitsSet, .modelSet, .holdAtSet, .handedOff, .forked, .imported: break
        case nil: break
        }
    }

    private mutating func apply(_ launched: FermataLaunched, at: Int64) {
        createdAt = at
        agent = launched.agent
        model = launched.model
        systemPrompt = launched.systemPrompt
        workspace = launched.workspace
        tools = launched.tools
        labels = launched.labels
        modelAttempts = max(1, launched.modelAttempts)
        modelOptions = launched.modelOptions
        limits = launched.limits
    }

    private mutating func lift() {
        hold = nil
        holdTokenDigest = []
    }

    private mutating func apply(_ message: FermataMessageQueued) {
        messageCount = max(messageCount, message.number)
        queue.append(QueuedMessage(number: message.number, delivery: message.delivery))
        // A character can be of any length: the bytes are bounded first, a list of runs carries this for each.
        if task.isEmpty { task = String(message.text.prefix(utf8Bytes: Run.taskBytes).prefix(200)) }
        if message.delivery == .now, case .waiting = modelCall { modelCall = .none }
    }

    private mutating func apply(_ call: FermataModelCalled) {
        if turn != .active { stepsOfTurn = 0 }
        if call.attempt == 1 { stepsOfTurn += 1 }
        step = call.step
        attempt = call.attempt
        queue.removeAll { call.delivered.contains($0.number) }
        modelCall = .inFlight
        turn = .active
        calls = []
        stepIsUnanswered = false
    }

    private mutating func apply(_ answer: FermataModelAnswered) {
        modelCall = .none
        failedAttempts = 0
        turn = answer.calls.isEmpty ? .ended : .active
        if !answer.text.isEmpty { lastMessage = answer.text.prefix(utf8Bytes: Run.lastMessageBytes) }
        usage.add(answer.usage)
        calls = answer.calls.map { selected in
            Call(
                number: selected.number, tool: selected.tool, modelID: selected.modelID,
                arguments: selected.arguments,
                isParallel: tools.first { $0.name == selected.tool }?.parallel ?? false)
        }
        callCount = max(callCount, answer.calls.map(\.number).max() ?? 0)
    }

    private mutating func apply(_ failed: FermataModelFailed) {
        stepIsUnanswered = true
        failedAttempts += 1
        countUnpricedModelCall()
        if failed.nextAttemptAt == 0 {
            modelCall = .none
            turn = .failed(failed.failure)
        } else {
            modelCall = hold == nil ? .waiting(until: failed.nextAttemptAt) : .none
        }
    }

    /// A call that ended without its usage: what it cost, only the provider knows.
    private mutating func countUnpricedModelCall() {
        usage.add(
            .with {
                $0.modelCalls = 1
                $0.callsOfUnknownCost = 1
            })
    }

    private mutating func apply(_ ended: FermataCallEnded) {
        update(ended.number) {
            $0.state = .ended
            $0.outcome = ended.outcome
            $0.arguments = ""
        }
        if ended.killing { killing.append(.tool(call: ended.number, attempt: ended.attempt)) }
    }

    private mutating func update(_ number: UInt32, _ change: (inout Call) -> Void) {
        guard let index = calls.firstIndex(where: { $0.number == number }) else { return }
        change(&calls[index])
    }

    /// How much of the first message the summary carries, in bytes.
    static let taskBytes = 800
    /// How much of the model's last text the summary carries, in bytes.
    static let lastMessageBytes = 64 << 10
}

extension FermataUsage {
    /// Adds up to the largest number and stays there: the figures are a model server's own, and folding never fails.
    mutating func add(_ other: FermataUsage) {
        modelCalls = modelCalls.saturatingSum(other.modelCalls)
        inputTokens = inputTokens.saturatingSum(other.inputTokens)
        cachedInputTokens = cachedInputTokens.saturatingSum(other.cachedInputTokens)
        outputTokens = outputTokens.saturatingSum(other.outputTokens)
        costNanoUsd = costNanoUsd.saturatingSum(other.costNanoUsd)
        callsOfUnknownCost = callsOfUnknownCost.saturatingSum(other.callsOfUnknownCost)
    }
}

extension FixedWidthInteger {
    fileprivate func saturatingSum(_ other: Self) -> Self {
        let (sum, isOverflow) = addingReportingOverflow(other)
        return isOverflow ? (other < 0 ? .min : .max) : sum
    }
}

extension String {
    /// The longest prefix of whole characters that has at most so many bytes of UTF-8.
    public func prefix(utf8Bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
