internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import SwiftProtobuf

/// What one turn of the loop writes, and whom it answers when that is written.
struct Batch {
    /// Events of commands and of ends of effects.
    var events: [Event] = []
    /// All events as they are journaled, also those that come with a copied journal.
    var rows: [NewEvent] = []
    var asks: [AskRow] = []
    /// Agents that were stored, by name.
    var agents: [String: AgentRow] = [:]
    /// Messages for webhooks, and what became of earlier ones.
    var outbox: [OutboxRow] = []
    var outcomes: [OutboxOutcome] = []
    /// Tools that were registered, by name.
    var tools: [String: ToolRow] = [:]
    /// Tokens that were made or revoked, by id.
    var tokens: [String: TokenRow] = [:]
    /// By digest.
    var blobs: [[UInt8]: BlobRow] = [:]
    var blobUses: [BlobUse] = []
    /// Replies to remember, by request id.
    var requests: [RequestID: Repeat] = [:]
    /// Accepted commands with their encoded replies.
    var commands: [(command: RunLoop.CommandIdentity, reply: [UInt8])] = []
    /// Answers that are not remembered: refusals and repeats. They too rest on what this batch writes, so each is told
    /// whether it was written.
    var replies: [(_ isWritten: Bool) -> Void] = []
    /// Runs with new events, and every status that they had after one of the inputs.
    var touched: [RunID: [FermataStatus]] = [:]
    var statusChanges: [StatusChange] = []
    /// Ends of effects, kept in case that the store is full.
    var ends: [RunLoop.Item] = []

    /// An event that somebody is told of.
    struct Event {
        let run: RunID
        /// Its offset is 0 until the commit has given it one.
        fileprivate(set) var event: FermataEvent
        /// Its index in `rows`.
        fileprivate let row: Int
        /// Bytes of its body in the journal.
        let size: Int
    }

    var writesNothing: Bool { rows.isEmpty && requests.isEmpty && outcomes.isEmpty }

    /// The batch is in the journal: its events have their offsets, the first of `rows` this one.
    mutating func isCommitted(from firstOffset: UInt64) {
        for index in events.indices { events[index].event.offset = firstOffset + UInt64(events[index].row) }
    }

    /// - Parameters:
    ///   - event: in the end as it is; nobody else holds it.
    ///   - after: the run after the input that the event came of.
    mutating func append(_ event: inout FermataEvent, of after: Run) {
        let run = after.id
        let row = NewEvent(of: run, &event)
        events.append(Event(run: run, event: event, row: rows.count, size: row.body.count))
        rows.append(row)
        blobUses += event.blobUses(of: run)
        switch event.kind {
        case .askOpened(let opened): asks.append(AskRow(opened, at: event.at, of: after))
        case .askAnswered(let answered): close(ask: answered.number, of: run)
        case .askClosed(let closed): close(ask: closed.number, of: run)
        // It is answered where the run goes on.
        case .handedOff: for number in after.summary.openAsks { close(ask: number, of: run) }
        default: break
        }
    }

    /// The ask leaves the inbox.
    mutating func close(ask number: UInt32, of run: RunID) {
        asks.append(
            AskRow(run: run.journaled, number: number, open: false, kind: 0, body: [], openedAt: 0, due: nil))
    }
}

extension AskRow {
    init(_ opened: FermataAskOpened, at: Int64, of run: Run) {
        let ask = FermataAsk(opened, at: at, of: run.id, agent: run.spec.agent)
        self.init(
            run: run.id.journaled, number: opened.number, open: true, kind: Int32(opened.kind.rawValue),
            body: try! ask.serializedBytes(), openedAt: at, due: opened.deadlineAt > 0 ? opened.deadlineAt : nil)
    }
}

extension FermataAsk {
    /// An ask as lists show it.
    init(_ opened: FermataAskOpened, at: Int64, of run: RunID, agent: String) {
        self = .with {
            $0.run = run.description
            $0.number = opened.number
            $0.kind = opened.kind
            $0.question = opened.question
            $0.context = opened.context
            $0.call = opened.call
            $0.openedAt = at
            $0.urgency = opened.urgency
            if opened.hasFormat { $0.format = opened.format }
            $0.deadlineAt = opened.deadlineAt
            $0.atDeadline = opened.atDeadline
            $0.defaultAnswer = opened.defaultAnswer
            $0.tool = opened.tool
            $0.arguments = opened.arguments
            $0.argumentsSha256 = opened.argumentsSha256
            $0.agent = agent
        }
    }
}

/// What a request id stands for once its command was accepted.
struct Repeat: Sendable {
    let digest: UInt64
    let reply: [UInt8]
}

/// A run's status before and the run after an input that changed it.
struct StatusChange {
    let before: FermataStatus
    let after: SharedRun
}

extension NewEvent {
    init(_ event: FermataEvent, of run: RunID) {
        var event = event
        self.init(of: run, &event)
    }

    /// What is journaled of an event that nobody else holds, which is then the same as before.
    init(of run: RunID, _ event: inout FermataEvent) {
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
    var blobs: [FermataBlob] {
        switch kind {
        case .messageQueued(let message): message.blocks.blobs
        case .callEnded(let ended): ended.blocks.blobs
        default: []
        }
    }

    func blobUses(of run: RunID) -> [BlobUse] {
        blobs.compactMap { blob in blob.digest.map { BlobUse(run: run.journaled, seq: seq, sha256: $0) } }
    }

    /// The field number of the event's kind, which is also how the journal names it; 0 for none.
    var kindNumber: Int32 {
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
