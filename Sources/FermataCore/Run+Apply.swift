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
            // Nobody cut it on purpose: it will be made again.
            stepIsUnanswered = cut.cause == .byCrash || cut.cause == .byMove
            if !stepIsUnanswered { failedAttempts = 0 }
        case .modelFailed(let failed): apply(failed, lead: event.clockLead)
        case .callStarted(let started):
            update(started.number) {
                $0.state = .started
                $0.attempt = started.attempt
                $0.worker = started.worker
            }
        case .callLost(let lost): update(lost.number) { $0.state = .selected }
        case .callEnded(let ended): apply(ended)
        case .callGone(let gone): killing.removeAll { $0 == .tool(call: gone.number, attempt: gone.attempt) }
        case .askOpened(let ask):
            askCount = max(askCount, ask.number)
            openAsks.append(OpenAsk(ask, lead: event.clockLead))
            update(ask.call) {
                $0.state = .asking
                $0.ask = ask.number
                if ask.kind == .approval { $0.isGated = true }
            }
        case .askAnswered(let answer): apply(answer)
        case .askClosed(let closed):
            let ask = openAsks.first { $0.number == closed.number }
            openAsks.removeAll { $0.number == closed.number }
            unansweredAsks.append(closed.number)
            if closed.expired { expiredAsks.append(closed.number) }
            // A call that was never approved only waits again. What becomes of any other the next event says: it may
            // have been executed, and must not be taken for one that can start.
            if let ask, ask.kind == .approval { update(ask.call) { $0.state = .selected } }
        case .callEdited(let edited): edit(edited.number, edited.arguments, isApproved: false, edited.gate)
        case .policySet(let set):
            policy = set.policy
            for index in calls.indices where calls[index].state != .ended {
                judge(&calls[index], set.gates.first { $0.number == calls[index].number }?.gate ?? .unspecified)
            }
        case .limitsSet(let set): limits = set.limits
        case .modelSet(let set):
            model = set.model
            baseURL = set.baseURL
        case .holdAtSet(let set): holdAt = set.holdAt
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
            holdLead = event.clockLead
            holdTokenDigest = Array(held.tokenSha256)
            if nextAttemptAt != nil { modelCall = .none }
        case .holdLifted: lift()
        case .retried:
            // Before its first step it is a message that begins the turn, if one still waits.
            turn = failedBeforeFirstStep ? .ended : .active
            failedBeforeFirstStep = false
            failedAttempts = 0
            grantMore()
        case .limitReached(let reached): turn = .failed(reached.failure)
        case .stopped:
            isStopped = true
            lift()
            modelCall = .none
        case .handedOff:
            isStopped = true
            isHandedOff = true
        case .forked(let forked):
            createdAt = event.at
            source = forked.source
            // What the source has cost is not this run's to account for.
            grantedCost = usage.costNanoUsd
            untoldCosts = 0
            // It was the source's call that someone let run, once.
            for index in calls.indices { calls[index].isApproved = false }
            arrive(in: forked.workspace, isOwn: forked.ownWorkspace)
        case .imported(let imported):
            if isHandedOff { isStopped = false }
            isHandedOff = false
            arrive(in: imported.workspace, isOwn: imported.ownWorkspace)
            measureWaits(lead: event.clockLead)
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
        policy = launched.policy
        holdAt = launched.holdAt == .selection ? .selection : .none
        ownsWorkspace = launched.ownWorkspace
    }

    /// The run is somewhere else than it was: a token that lifts its hold was given there.
    private mutating func arrive(in newWorkspace: String, isOwn: Bool) {
        inherited = usage
        if !newWorkspace.isEmpty {
            workspace = newWorkspace
            ownsWorkspace = isOwn
        }
        holdTokenDigest = []
        hold?.hasToken_p = false
    }

    /// Waits were measured by another server's steady clock: from now on they are by this one's, and end when they were
    /// said to.
    private mutating func measureWaits(lead: Int64) {
        holdLead = lead
        for index in openAsks.indices { openAsks[index].lead = lead }
        if let until = nextAttemptAt { modelCall = .waiting(until: until &+ attemptLead &- lead) }
        attemptLead = lead
    }

    /// The limits begin to count anew.
    private mutating func grantMore() {
        stepsOfTurn = 0
        grantedCost = usage.costNanoUsd
        untoldCosts = 0
        goOns = 0
        truncatedInARow = 0
        forgetRepeats()
    }

    /// The next step is the first that is compared.
    private mutating func forgetRepeats() {
        repeats = 0
        fingerprint = 0
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
        if message.delivery == .now, nextAttemptAt != nil { modelCall = .none }
    }

    private mutating func apply(_ call: FermataModelCalled) {
        if turn != .active {
            stepsOfTurn = 0
            goOns = 0
            truncatedInARow = 0
        }
        if call.attempt == 1 {
            stepsOfTurn += 1
            repeats = fingerprint != 0 && fingerprint == lastFingerprint ? repeats + 1 : fingerprint == 0 ? 0 : 1
            lastFingerprint = fingerprint
            fingerprint = 0
        }
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
        ending = answer.ending
        truncatedInARow = ending == .truncated ? truncatedInARow.saturatingSum(1) : 0
        if answer.hasFailure {
            turn = .failed(answer.failure)
        } else if ending == .truncated {
            // With calls they are told; without, it is to go on.
            if answer.calls.isEmpty { goOns = goOns.saturatingSum(1) }
            turn = .active
        } else {
            turn = answer.calls.isEmpty ? .ended : .active
        }
        if !answer.text.isEmpty, ending != .refused {
            lastMessage = ((goesOn ? lastMessage : "") + answer.text).prefix(utf8Bytes: Run.lastMessageBytes)
        }
        goesOn = ending == .truncated && answer.calls.isEmpty && !answer.hasFailure
        usage.add(answer.usage)
        if answer.usage.callsOfUnknownCost > 0 { untoldCosts = untoldCosts.saturatingSum(1) }
        calls = answer.calls.map { selected in
            let tool = tools.first { $0.name == selected.tool }
            var call = Call(
                number: selected.number, tool: selected.tool, modelID: selected.modelID,
                arguments: selected.arguments, isParallel: tool?.parallel ?? false,
                isByWorker: tool?.source == .worker)
            judge(&call, selected.gate)
            return call
        }
        if limits.hasMaxRepeats {
            for call in answer.calls { fingerprint = Fingerprint.of(call.tool, call.arguments, after: fingerprint) }
        }
        callCount = max(callCount, answer.calls.map(\.number).max() ?? 0)
    }

    private mutating func apply(_ failed: FermataModelFailed, lead: Int64) {
        stepIsUnanswered = true
        failedAttempts += 1
        countUnpricedModelCall()
        if failed.nextAttemptAt == 0 {
            modelCall = .none
            turn = .failed(failed.failure)
        } else {
            modelCall = hold == nil ? .waiting(until: failed.nextAttemptAt &- lead) : .none
            attemptLead = lead
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

    private mutating func apply(_ answer: FermataAskAnswered) {
        guard let ask = openAsks.first(where: { $0.number == answer.number }) else { return }
        openAsks.removeAll { $0.number == answer.number }
        if answer.via == .viaDeadline { expiredAsks.append(answer.number) }
        switch answer.verdict {
        case .approve:
            update(ask.call) {
                $0.state = .selected
                $0.isApproved = true
            }
        case .edit: edit(ask.call, answer.arguments, isApproved: true, answer.gate)
        case .runAgain: update(ask.call) { $0.state = .selected }
        case .raise:
            // With limits, these are what is allowed; without, as much again.
            if answer.hasLimits { limits = answer.limits.over(limits) } else { grantMore() }
        case .goOn, .guide: forgetRepeats()
        case .endTurn:
            failedBeforeFirstStep = turn != .active
            turn = .failed(
                .with {
                    $0.kind = ask.kind == .stuck ? "STUCK" : "LIMIT_REACHED"
                    $0.message = "the turn was ended by whoever was asked"
                })
        case .unspecified, .reject, .takeResult, .tellUnknown, .UNRECOGNIZED: break
        }
    }

    private mutating func edit(_ number: UInt32, _ arguments: String, isApproved: Bool, _ gate: FermataGate) {
        guard let index = calls.firstIndex(where: { $0.number == number }) else { return }
        calls[index].arguments = arguments
        calls[index].isEdited = true
        calls[index].isApproved = isApproved
        if calls[index].state == .asking { calls[index].state = .selected }
        judge(&calls[index], gate)
    }

    /// - Parameter verdict: what the event says that the policy says. Events from before that was written down say
    ///   nothing: of them it is looked up as it was then.
    private func judge(_ call: inout Call, _ verdict: FermataGate) {
        call.gate =
            verdict == .unspecified ? policy.gateOfOldEvent(tool: call.tool, arguments: call.arguments) : verdict
    }

    private mutating func apply(_ ended: FermataCallEnded) {
        if fingerprint != 0 {
            // In whatever order parallel calls end.
            let first = calls.first?.number ?? 0
            fingerprint = fingerprint &+ Fingerprint.of(ended.output, "", after: UInt64(ended.number &- first) + 1)
        }
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

/// Tells whether two steps chose and got the same. frozen: it is in snapshots, and decides what old journals fold to.
/// FNV-1a: who wants to fool it only keeps a run from being stuck.
private enum Fingerprint {
    /// Never 0.
    static func of(_ first: String, _ second: String, after previous: UInt64) -> UInt64 {
        var hash = previous ^ 0xcbf2_9ce4_8422_2325
        for byte in first.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ 0x1FF) &* 0x100_0000_01b3
        for byte in second.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash | 1
    }
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
        cacheWriteTokens = cacheWriteTokens.saturatingSum(other.cacheWriteTokens)
        reasoningTokens = reasoningTokens.saturatingSum(other.reasoningTokens)
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
