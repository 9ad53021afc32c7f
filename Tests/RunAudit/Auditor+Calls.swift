internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf

/// Model calls and the calls that they choose.
extension Auditor {
    mutating func read(_ called: FermataModelCalled) throws {
        isToHold = isToHold && current.contains { calls[$0]!.isOpen }
        try mayBegin("a model call")
        try require(modelInFlight == nil, "two model calls at once")
        try require(turn != .failed, "a model call after a failure that nobody asked to try again")
        try require(current.allSatisfy { calls[$0]!.ends == 1 }, "a model call before every call has its result")
        try require(openAsks.isEmpty, "a model call, and an ask is open")
        try require(
            (called.step, called.attempt) == (isTriedAgain ? (step, attempt + 1) : (step + 1, 1)),
            "step \(called.step).\(called.attempt) comes after \(step).\(attempt)")
        try read(delivered: called.delivered)
        if let problem = brokenTranscript(transcript) { throw Broken("the transcript: \(problem)") }
        (step, attempt) = (called.step, called.attempt)
        modelInFlight = .model(step: step, attempt: attempt)
        nextAttemptAt = nil
        turn = .active
        current = []
    }

    private mutating func read(delivered: [UInt32]) throws {
        let startsTurn = turn != .active
        try require(!startsTurn || !delivered.isEmpty, "a turn begins with nothing to answer")
        try require(delivered == delivered.sorted(), "messages are delivered out of order")
        for number in delivered {
            try require(messages[number]?.isWaiting == true, "message \(number) is delivered, and it does not wait")
            messages[number]!.deliveries += 1
            try require(
                messages[number]!.delivery != .whenIdle || startsTurn && delivered.count == 1,
                "message \(number) has not got a turn of its own")
        }
        for (number, message) in messages where message.isWaiting {
            try require(
                message.delivery == .whenIdle, "message \(number) waits, and a model call begins without it")
        }
    }

    mutating func read(_ answer: FermataModelAnswered) throws {
        try endModel(answer.step, answer.attempt)
        isTriedAgain = false
        turn = answer.calls.isEmpty ? .ended : .active
        for call in answer.calls {
            try require(call.number == UInt32(calls.count + 1), "call \(call.number) is out of order")
            let tool = tools[call.tool]
            calls[call.number] = Call(
                tool: call.tool, isParallel: tool?.parallel ?? false, spec: tool ?? .init(),
                origin: tool?.resolvedOrigin ?? .builtIn, arguments: call.arguments)
        }
        current = answer.calls.map(\.number)
        isToHold = holdAt == .selection && !hold && !answer.calls.isEmpty
    }

    mutating func endModel(_ step: UInt32, _ attempt: UInt32) throws {
        try require(modelInFlight == .model(step: step, attempt: attempt), "an end of a model call not in flight")
        modelInFlight = nil
    }

    mutating func read(_ started: FermataCallStarted) throws {
        try mayBegin("a tool")
        guard let call = calls[started.number] else { throw Broken("the start of a call that was never chosen") }
        // One that executed when the message came goes on, over a crash as well.
        try require(started.attempt > 1 || !isOvertaken, "call \(started.number) starts, and a message for now waits")
        try require(killing.isEmpty, "a tool starts beside one that is being killed")
        try require(isFree(call), "call \(started.number) starts, and nobody let it")
        try require(canStart(started.number), "call \(started.number) starts, and it is not its turn")
        try require(started.attempt == call.starts + 1, "attempts have a gap")
        try require(
            (call.origin == .worker) == !started.worker.isEmpty, "call \(started.number) starts in the wrong place")
        try require(started.attempt == 1 || mayRunAgain(started.number), "call \(started.number) runs twice")
        calls[started.number]!.starts += 1
        calls[started.number]!.isExecuting = true
        calls[started.number]!.worker = started.worker
    }

    private func mayRunAgain(_ number: UInt32) -> Bool {
        calls[number]!.mayStartAgain || asks.values.contains { $0.call == number && $0.verdict == .runAgain }
    }

    mutating func read(_ edited: FermataCallEdited) throws {
        guard let call = calls[edited.number] else { throw Broken("an edit of a call that was never chosen") }
        try require(call.isOpen && !call.isExecuting, "call \(edited.number) is edited, and it is not selected")
        try require(
            !(call.ask.map { asks[$0]!.isOpen } ?? false), "call \(edited.number) is edited, and its ask is open")
        calls[edited.number]!.arguments = edited.arguments
        calls[edited.number]!.approved = nil
    }

    mutating func read(_ ended: FermataCallEnded) throws {
        guard var call = calls[ended.number] else { throw Broken("the end of a call that was never chosen") }
        let ask = call.ask.map { asks[$0]! }
        try require(call.ends == 0, "call \(ended.number) has two results")
        try require(ended.outcome != .unspecified, "call \(ended.number) has no outcome")
        try require(ended.attempt == call.starts, "call \(ended.number) ends as attempt \(ended.attempt)")
        try require(ask?.isOpen != true, "call \(ended.number) has a result, and its ask is open")
        let isPaused = call.starts > 0 && ask?.kind == .question
        switch ended.outcome {
        case .callSuperseded, .callCancelled, .callDenied, .callRejected:
            try require(call.starts == 0, "call \(ended.number) was started, and is said not to have been executed")
            try require(ended.outcome != .callDenied || gate(call) == .deny, "call \(ended.number): nothing denies it")
            let isRefused = hold || ask?.kind == .approval && (ask?.verdict == .reject || ask?.isExpired == true)
            try require(ended.outcome != .callRejected || isRefused, "call \(ended.number): nobody rejected it")
        case .callInterrupted:
            try require(call.isExecuting || isPaused, "call \(ended.number) is interrupted, and did not execute")
            try require(
                ended.killing == (call.isExecuting && call.origin != .worker), "what is killed is another process")
        case .callUnknown:
            try require(call.starts > 0, "the outcome of call \(ended.number) is unknown, and it never started")
            try require(
                !call.isExecuting || !call.mustRunAgain || isArriving, "call \(ended.number) could have run again")
        case .callFinished, .callTimedOut:
            try require(
                call.isExecuting || ask?.kind == .question || ask?.kind == .outcome,
                "call \(ended.number) has finished, and it was not executed")
        default: break
        }
        if ended.killing { killing.insert(.tool(call: ended.number, attempt: ended.attempt)) }
        call.ends += 1
        call.outcome = ended.outcome
        call.isExecuting = false
        calls[ended.number] = call
    }
}
