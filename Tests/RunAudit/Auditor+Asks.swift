internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf

/// Asks: how they open, and the one answer that each gets.
extension Auditor {
    mutating func read(_ ask: FermataAskOpened) throws {
        try require(ask.number == UInt32(asks.count + 1), "ask \(ask.number) is out of order")
        try require(!isStopped, "an ask opens after a stop")
        if ask.kind == .limit {
            try require(ask.call == 0 && !hold, "a wait is asked about, of a call or under a hold")
            try require(askAboutWait == nil, "a wait is asked about twice")
            try require(
                patienceMs > 0 && nextAttemptAt == ask.deadlineAt - lead, "a wait is asked about that is none")
        } else if ask.kind == .budget || ask.kind == .stuck {
            // None of the selection was left to hold at.
            isToHold = isToHold && current.contains { calls[$0]!.isOpen }
            try mayBegin("an ask about the turn")
            try require(ask.call == 0 && wanted.isEmpty && openAsks.isEmpty, "a limit, in the middle of a step")
            try require(current.allSatisfy { calls[$0]!.ends == 1 }, "a limit, and a call has no result")
            let hasLimit = ask.kind == .stuck ? limits.hasMaxRepeats : limits.hasMaxSteps || limits.hasMaxCostNanoUsd
            try require(hasLimit, "a limit that there is not")
        } else {
            try readCall(of: ask)
            calls[ask.call]!.ask = ask.number
            calls[ask.call]!.isExecuting = false
            if ask.kind == .approval { calls[ask.call]!.isGated = true }
        }
        asks[ask.number] = Ask(
            call: ask.call, kind: ask.kind, arguments: ask.arguments, shown: ask.deadlineAt, lead: lead)
    }

    private func readCall(of ask: FermataAskOpened) throws {
        guard let call = calls[ask.call], call.isOpen else { throw Broken("an ask of a call that is not open") }
        let before = call.ask.map { asks[$0]! }
        try require(before?.isOpen != true, "two asks of call \(ask.call)")
        switch ask.kind {
        case .approval:
            // It belongs to the selection: a hold does not keep it from being asked.
            try require(!call.isExecuting, "call \(ask.call) executes, and people are asked whether it may")
            // Who was asked once about the call is asked again, whatever the policy says since.
            try require(
                gate(call) == .ask || gate(call) == .allow && before?.kind == .approval,
                "call \(ask.call) needs no approval")
            try require(call.approved != call.arguments, "call \(ask.call) is approved already")
            try require(ask.arguments == call.arguments, "ask \(ask.number) shows other arguments")
        case .outcome:
            try require(call.isExecuting, "the outcome of call \(ask.call), which does not execute")
            try require(!call.mustRunAgain || isArriving, "call \(ask.call) could have run again")
        case .question where call.origin == .core:
            try mayBegin("a question")
            try require(!isOvertaken, "a question opens, and a message for now waits")
            try require(canStart(ask.call), "a question of a call whose turn it is not")
        case .question:
            let isLate = before?.kind == .outcome && before?.isClosed == true
            try require(
                call.origin == .worker && (call.isExecuting || isLate), "call \(ask.call) pauses, and does not execute")
        default: throw Broken("an ask of kind \(ask.kind)")
        }
    }

    mutating func read(_ answer: FermataAskAnswered) throws {
        guard var ask = asks[answer.number], ask.isOpen else {
            throw Broken("ask \(answer.number) is answered, and it is not open")
        }
        try require(
            ask.shown == 0 || answer.via == .viaDeadline || isStampedLate || ask.deadline > steady,
            "ask \(answer.number) had expired")
        try require(
            answer.via != .viaDeadline || ask.shown > 0 && ask.deadline <= steady,
            "ask \(answer.number) had not expired")
        let verdicts: [FermataVerdict] =
            switch ask.kind {
            case .approval: [.approve, .edit, .reject]
            case .outcome: [.runAgain, .takeResult, .tellUnknown]
            case .budget: [.raise, .endTurn]
            case .stuck: [.goOn, .guide, .endTurn]
            case .limit: [.goOn, .useModel, .endTurn]
            default: [.unspecified]
            }
        try require(verdicts.contains(answer.verdict), "ask \(answer.number) is answered with \(answer.verdict)")
        ask.answers += 1
        ask.verdict = answer.verdict
        ask.isExpired = answer.via == .viaDeadline
        asks[answer.number] = ask
        switch answer.verdict {
        case .approve:
            try require(calls[ask.call]!.arguments == ask.arguments, "approved, and the call has other arguments")
            calls[ask.call]!.approved = ask.arguments
        case .edit:
            calls[ask.call]!.arguments = answer.arguments
            calls[ask.call]!.approved = answer.arguments
        case .runAgain, .goOn, .guide: break
        case .raise: if answer.hasLimits { limits = answer.limits.over(limits) }
        case .useModel: nextAttemptAt = nil
        case .endTurn:
            if ask.kind == .limit { nextAttemptAt = nil }
            failedBeforeFirstStep = turn != .active
            turn = .failed
        default: owed = ask.call
        }
    }

    mutating func read(_ closed: FermataAskClosed) throws {
        guard let ask = asks[closed.number], ask.isOpen else {
            throw Broken("ask \(closed.number) is closed, and it is not open")
        }
        try require(!closed.expired || ask.shown > 0 && ask.deadline <= steady, "ask \(closed.number) had not expired")
        asks[closed.number]!.isClosed = true
        asks[closed.number]!.isExpired = closed.expired
        if ask.call > 0 { owed = ask.call }
    }
}
