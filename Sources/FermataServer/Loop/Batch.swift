internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
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

extension Repeat {
    init(_ row: RequestRow) { self.init(digest: UInt64(bytes: row.digest), reply: row.reply) }
}
