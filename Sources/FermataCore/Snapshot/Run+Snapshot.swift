public import FermataProtocol
internal import FoundationEssentials
internal import SwiftProtobuf

/// A run as bytes: a cache of what its events fold to, kept in the store.
extension Run {
    /// What the bytes mean. To be raised by whoever changes what is in them, or how events are folded: a snapshot of
    /// another format is none.
    public static let snapshotFormat: Int32 = 7

    /// The run, complete: a checksum of eight bytes, then a message of Snapshot/snapshot.proto.
    public var snapshot: [UInt8] {
        // Its fields were read from protobuf, or are strings and numbers: nothing that cannot be encoded.
        let message: [UInt8] = try! SnapshotRun(self).serializedBytes()
        return Run.checksum(message[...]) + message
    }

    /// Reads the snapshot of a run.
    ///
    /// - Returns: nil unless the bytes are, to the last of them, what ``snapshot`` was of that run.
    public init?(id: RunID, snapshot: [UInt8]) {
        let message = snapshot.dropFirst(8)
        guard snapshot.count > 8, Run.checksum(message) == Array(snapshot.prefix(8)),
            let state = try? SnapshotRun(serializedBytes: Array(message)), state.id == id.description
        else { return nil }
        self.init(id: id, state)
    }

    /// Tells damage, not intent: one changed word always changes the sum, because every step can be undone.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var sum = UInt64(bytes.count)
        bytes.withUnsafeBytes { bytes in
            let words = bytes.count / 8
            for index in 0..<words {
                sum = (sum ^ bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
                sum ^= sum >> 32
            }
            for byte in bytes[(words * 8)...] { sum = (sum ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15 }
        }
        return withUnsafeBytes(of: sum ^ sum >> 32) { Array($0) }
    }
}

extension SnapshotRun {
    init(_ run: Run) {
        id = run.id.description
        seq = run.seq
        updatedAt = run.updatedAt
        createdAt = run.createdAt
        agent = run.agent
        model = run.model
        systemPrompt = run.systemPrompt
        workspace = run.workspace
        tools = run.tools
        labels = run.labels
        modelOptions = run.modelOptions
        modelAttempts = run.modelAttempts
        limits = run.limits
        if let hold = run.hold { self.hold = hold }
        holdTokenDigest = .init(run.holdTokenDigest)
        isStopped = run.isStopped
        switch run.turn {
        case .idle: turn = .idle
        case .active: turn = .active
        case .ended: turn = .ended
        case .failed(let failure):
            turn = .failed
            self.failure = failure
        }
        switch run.modelCall {
        case .none: modelCall = .none
        case .inFlight: modelCall = .inFlight
        case .waiting(let until):
            modelCall = .waiting
            nextAttemptAt = until
        }
        step = run.step
        attempt = run.attempt
        stepIsUnanswered = run.stepIsUnanswered
        failedAttempts = run.failedAttempts
        calls = run.calls.map(SnapshotCall.init)
        killing = run.killing.map(SnapshotEffect.init)
        openAsks = run.openAsks.map(\.opened)
        unansweredAsks = run.unansweredAsks
        expiredAsks = run.expiredAsks
        queue = run.queue.map { message in
            .with {
                $0.number = message.number
                $0.delivery = message.delivery
            }
        }
        withdrawn = run.withdrawn
        messageCount = run.messageCount
        callCount = run.callCount
        askCount = run.askCount
        usage = run.usage
        stepsOfTurn = run.stepsOfTurn
        grantedCost = run.grantedCost
        untoldCosts = run.untoldCosts
        ending = run.ending
        goOns = run.goOns
        truncatedInARow = run.truncatedInARow
        goesOn = run.goesOn
        lastMessage = run.lastMessage
        task = run.task
        baseURL = run.baseURL
        ownsWorkspace = run.ownsWorkspace
        policy = run.policy
        holdAt = run.holdAt
        isHandedOff = run.isHandedOff
        source = run.source
        inherited = run.inherited
        fingerprint = run.fingerprint
        lastFingerprint = run.lastFingerprint
        repeats = run.repeats
        failedBeforeFirstStep = run.failedBeforeFirstStep
        holdLead = run.holdLead
        attemptLead = run.attemptLead
        askLeads = run.openAsks.map(\.lead)
    }
}

extension Run {
    /// nil if the message has a value that this version does not know.
    fileprivate init?(id: RunID, _ state: SnapshotRun) {
        self.init(id: id)
        seq = state.seq
        updatedAt = state.updatedAt
        createdAt = state.createdAt
        agent = state.agent
        model = state.model
        systemPrompt = state.systemPrompt
        workspace = state.workspace
        tools = state.tools
        labels = state.labels
        modelOptions = state.modelOptions
        modelAttempts = state.modelAttempts
        limits = state.limits
        hold = state.hasHold ? state.hold : nil
        holdTokenDigest = Array(state.holdTokenDigest)
        isStopped = state.isStopped
        switch state.turn {
        case .idle: turn = .idle
        case .active: turn = .active
        case .ended: turn = .ended
        case .failed: turn = .failed(state.failure)
        case .UNRECOGNIZED: return nil
        }
        switch state.modelCall {
        case .none: modelCall = .none
        case .inFlight: modelCall = .inFlight
        case .waiting: modelCall = .waiting(until: state.nextAttemptAt)
        case .UNRECOGNIZED: return nil
        }
        step = state.step
        attempt = state.attempt
        stepIsUnanswered = state.stepIsUnanswered
        failedAttempts = state.failedAttempts
        calls = state.calls.map(Call.init)
        killing = state.killing.compactMap(Effect.init)
        guard killing.count == state.killing.count else { return nil }
        guard state.askLeads.count == state.openAsks.count else { return nil }
        openAsks = zip(state.openAsks, state.askLeads).map { OpenAsk($0, lead: $1) }
        unansweredAsks = state.unansweredAsks
        expiredAsks = state.expiredAsks
        queue = state.queue.map { QueuedMessage(number: $0.number, delivery: $0.delivery) }
        withdrawn = state.withdrawn
        messageCount = state.messageCount
        callCount = state.callCount
        askCount = state.askCount
        usage = state.usage
        stepsOfTurn = state.stepsOfTurn
        grantedCost = state.grantedCost
        untoldCosts = state.untoldCosts
        ending = state.ending
        goOns = state.goOns
        truncatedInARow = state.truncatedInARow
        goesOn = state.goesOn
        lastMessage = state.lastMessage
        task = state.task
        baseURL = state.baseURL
        ownsWorkspace = state.ownsWorkspace
        policy = state.policy
        holdAt = state.holdAt
        isHandedOff = state.isHandedOff
        source = state.source
        inherited = state.inherited
        fingerprint = state.fingerprint
        lastFingerprint = state.lastFingerprint
        repeats = state.repeats
        failedBeforeFirstStep = state.failedBeforeFirstStep
        holdLead = state.holdLead
        attemptLead = state.attemptLead
    }
}

extension SnapshotCall {
    fileprivate init(_ call: Run.Call) {
        number = call.number
        tool = call.tool
        modelID = call.modelID
        arguments = call.arguments
        state = call.state
        outcome = call.outcome
        attempt = call.attempt
        ask = call.ask
        isParallel = call.isParallel
        isByWorker = call.isByWorker
        worker = call.worker
        gate = call.gate
        isApproved = call.isApproved
        isGated = call.isGated
        isEdited = call.isEdited
    }
}

extension Run.Call {
    fileprivate init(_ call: SnapshotCall) {
        self.init(
            number: call.number, tool: call.tool, modelID: call.modelID, arguments: call.arguments, state: call.state,
            outcome: call.outcome, attempt: call.attempt, ask: call.ask, worker: call.worker, gate: call.gate,
            isApproved: call.isApproved, isGated: call.isGated, isEdited: call.isEdited, isParallel: call.isParallel,
            isByWorker: call.isByWorker)
    }
}

extension SnapshotEffect {
    fileprivate init(_ effect: Effect) {
        switch effect {
        case .model(let step, let attempt):
            model = .with {
                $0.step = step
                $0.attempt = attempt
            }
        case .tool(let call, let attempt), .lease(let call, let attempt):
            tool = .with {
                $0.call = call
                $0.attempt = attempt
            }
        }
    }
}

extension Effect {
    fileprivate init?(_ effect: SnapshotEffect) {
        switch effect.kind {
        case .model(let model): self = .model(step: model.step, attempt: model.attempt)
        case .tool(let tool): self = .tool(call: tool.call, attempt: tool.attempt)
        case nil: return nil
        }
    }
}
