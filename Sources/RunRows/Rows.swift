package import FermataProtocol
package import Journal
internal import SwiftProtobuf

/// A request id is a UUID like a run's, of the client's choice.
package typealias RequestID = JournalRequestID

extension RunID {
    package var journaled: JournalRunID { JournalRunID(high: high, low: low) }

    package init(_ journaled: JournalRunID) { self.init(high: journaled.high, low: journaled.low) }
}

extension JournalRequestID {
    /// Reads a UUID's text form.
    package init?(_ text: String) {
        guard let id = RunID(text) else { return nil }
        self.init(high: id.high, low: id.low)
    }
}

extension FermataEvent {
    /// An event as it was journaled: what the columns hold is not in the body.
    package init(_ row: EventRow) throws {
        try self.init(NewEvent(row))
        offset = row.offset
    }

    /// The same without an offset.
    package init(_ event: NewEvent) throws {
        try self.init(serializedBytes: event.body)
        run = RunID(event.run).description
        seq = event.seq
        at = event.at
    }
}

extension NewEvent {
    package init(_ event: FermataEvent, of run: RunID) {
        var event = event
        self.init(of: run, &event)
    }

    /// What is journaled of an event that nobody else holds, which is then the same as before.
    package init(of run: RunID, _ event: inout FermataEvent) {
        // What the columns hold is not in the body. Taken out and put back: a copy costs more than the encoding.
        let (id, offset, seq, at) = (event.run, event.offset, event.seq, event.at)
        event.run = ""
        event.offset = 0
        event.seq = 0
        event.at = 0
        self.init(
            run: run.journaled, seq: seq, at: at, kind: event.kindNumber, body: try! event.serializedBytes())
        event.run = id
        event.offset = offset
        event.seq = seq
        event.at = at
    }
}

extension FermataEvent {
    /// The blobs that it names.
    package var blobs: [FermataBlob] {
        switch kind {
        case .messageQueued(let message): message.blocks.blobs
        case .callEnded(let ended): ended.blocks.blobs
        default: []
        }
    }

    package func blobUses(of run: RunID) -> [BlobUse] {
        blobs.compactMap { blob in blob.digest.map { BlobUse(run: run.journaled, seq: seq, sha256: $0) } }
    }

    /// The kinds with which a model call ends, as ``kindNumber``.
    package static let endsOfModelCalls = numbers(
        [.modelAnswered(.init()), .modelCut(.init()), .modelFailed(.init())])
    /// The kinds up to which a run's events were copied from elsewhere.
    package static let endsOfCopies = numbers([.forked(.init()), .imported(.init())])

    private static func numbers(_ kinds: [OneOf_Kind]) -> [Int32] {
        kinds.map { kind in FermataEvent.with { $0.kind = kind }.kindNumber }
    }

    /// The field number of the event's kind, which is also how the journal names it; 0 for none.
    package var kindNumber: Int32 {
        switch kind {
        case .launched: 16
        case .messageQueued: 17
        case .messageWithdrawn: 18
        case .modelCalled: 19
        case .modelAnswered: 20
        case .modelCut: 21
        case .modelFailed: 22
        case .callStarted: 23
        case .callEnded: 24
        case .callGone: 25
        case .askOpened: 26
        case .askAnswered: 27
        case .askClosed: 28
        case .held: 29
        case .holdLifted: 30
        case .retried: 31
        case .stopped: 32
        case .callLost: 33
        case .limitReached: 34
        case .callEdited: 35
        case .policySet: 36
        case .limitsSet: 37
        case .modelSet: 38
        case .holdAtSet: 39
        case .handedOff: 40
        case .forked: 41
        case .imported: 42
        case .childLaunched: 43
        case nil: 0
        }
    }
}

extension AgentRow {
    package init(_ stored: FermataStoredAgent) {
        self.init(
            name: stored.agent.name, version: stored.version, at: stored.storedAt, body: try! stored.serializedBytes())
    }
}

extension FermataStoredAgent {
    package init(_ row: AgentRow) throws { try self.init(serializedBytes: row.body) }
}

extension ToolRow {
    package init(_ tool: FermataRegisteredTool) {
        self.init(name: tool.spec.name, at: tool.registeredAt, body: try! tool.serializedBytes())
    }
}

extension FermataRegisteredTool {
    package init(_ row: ToolRow) throws { try self.init(serializedBytes: row.body) }
}
