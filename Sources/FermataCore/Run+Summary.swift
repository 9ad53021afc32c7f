public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// The run as a row of a list: a pure function of the state.
    public var summary: FermataRunSummary {
        .with {
            $0.id = id.description
            $0.status = status
            $0.agent = agent
            $0.model = model
            $0.lastSeq = seq
            $0.createdAt = createdAt
            $0.updatedAt = updatedAt
            $0.step = step
            if let hold { $0.hold = hold }
            if case .failed(let failure) = turn { $0.failure = failure }
            $0.queuedMessages = UInt32(queue.count)
            $0.openAsks = openAsks.map(\.number)
            $0.lastMessage = lastMessage
            $0.usage = usage
            $0.workspace = workspace
            $0.task = task
            $0.nextAttemptAt = nextAttemptAt.map { $0 &+ attemptLead } ?? 0
            $0.openCalls = UInt32(calls.count { $0.state != .ended })
            $0.labels = labels
            if inherited != .init() { $0.inherited = inherited }
            $0.source = source
            if holdAt == .selection { $0.holdAt = holdAt }
            $0.handedOff = isHandedOff
            var tools: [String] = []
            for call in ready where !tools.contains(call.tool) { tools.append(call.tool) }
            $0.waitsForTools = tools
            if limits != .init() { $0.limits = limits }
            $0.ending = ending
        }
    }

    /// Bytes of the texts in it, but for those of its tools: what makes one run larger than another.
    public var textBytes: Int {
        systemPrompt.utf8.count + lastMessage.utf8.count + calls.reduce(0) { $0 + $1.arguments.utf8.count }
            + openAsks.reduce(0) { $0 + $1.opened.format.schema.utf8.count + $1.opened.defaultAnswer.utf8.count }
    }

    /// The calls of the current step, for `GetRun`.
    public var callMessages: [FermataCall] {
        calls.map { call in
            .with {
                $0.number = call.number
                $0.tool = call.tool
                $0.arguments = call.arguments
                $0.modelID = call.modelID
                $0.state = call.state
                $0.outcome = call.outcome
                $0.ask = call.ask
                $0.step = step
                if call.state != .ended { $0.argumentsSha256 = call.argumentsDigest }
                $0.approved = call.isApproved
                $0.edited = call.isEdited
                $0.gate = call.gate
                $0.attempt = call.attempt
                $0.worker = call.worker
            }
        }
    }

    /// Messages that the model has not been shown, for `GetRun`.
    public var queuedMessages: [FermataQueuedMessage] {
        queue.map { message in
            .with {
                $0.number = message.number
                $0.delivery = message.delivery
            }
        }
    }
}
