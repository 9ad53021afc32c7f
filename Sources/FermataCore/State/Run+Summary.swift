public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// The run as a row of a list: a pure function of the state.
    public var summary: FermataRunSummary {
        .with {
            $0.id = id.description
            $0.status = status
            $0.agent = spec.agent
            $0.model = spec.model
            $0.lastSeq = seq
            $0.createdAt = lineage.createdAt
            $0.updatedAt = updatedAt
            $0.step = turn.step
            if let hold { $0.hold = hold }
            if holds.count > 1 { $0.holds = holds.map(\.shown) }
            if let failure = turn.failure { $0.failure = failure }
            $0.queuedMessages = UInt32(messages.count)
            $0.openAsks = asks.map(\.number)
            $0.lastMessage = turn.lastMessage
            $0.usage = budget.usage
            $0.workspace = spec.workspace
            $0.task = messages.task
            $0.nextAttemptAt = turn.nextAttemptAsTold ?? 0
            $0.openCalls = UInt32(calls.open)
            $0.labels = spec.labels
            if lineage.inherited != .init() { $0.inherited = lineage.inherited }
            $0.source = lineage.source
            $0.parent = lineage.parent?.description ?? ""
            $0.children = UInt32(lineage.children.count)
            if spec.holdAt == .selection { $0.holdAt = spec.holdAt }
            $0.handedOff = isHandedOff
            var tools: [String] = []
            for call in ready where !tools.contains(call.tool) { tools.append(call.tool) }
            $0.waitsForTools = tools
            if budget.limits != .init() { $0.limits = budget.limits }
            $0.ending = turn.ending
        }
    }

    /// Bytes of the texts in it, but for those of its tools: what makes one run larger than another.
    public var textBytes: Int {
        spec.systemPrompt.utf8.count + turn.lastMessage.utf8.count + calls.reduce(0) { $0 + $1.arguments.utf8.count }
            + asks.reduce(0) { $0 + $1.opened.format.schema.utf8.count + $1.opened.defaultAnswer.utf8.count }
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
                $0.step = turn.step
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
        messages.map { message in
            .with {
                $0.number = message.number
                $0.delivery = message.delivery
            }
        }
    }
}
