/// One fact of a run as a batch brings it. Its place among the events of all runs is given to it by the commit.
public struct NewEvent: Sendable, Hashable {
    public var run: JournalRunID
    /// Numbers the events of the run: from 1, without gaps.
    public var seq: UInt64
    /// µs since 1970.
    public var at: Int64
    /// What kind of fact; the journal does not read it.
    public var kind: Int32
    /// The event, encoded; the journal does not read it. It is the same wherever the event is: without its offset.
    public var body: [UInt8]

    public init(run: JournalRunID, seq: UInt64, at: Int64, kind: Int32, body: [UInt8]) {
        self.run = run
        self.seq = seq
        self.at = at
        self.kind = kind
        self.body = body
    }

    /// The event without its offset.
    public init(_ row: EventRow) {
        self.init(run: row.run, seq: row.seq, at: row.at, kind: row.kind, body: row.body)
    }
}

/// One fact of a run as the journal has it.
public struct EventRow: Sendable, Hashable {
    /// Numbers the events of the store: from 1, without gaps.
    public var offset: UInt64
    public var run: JournalRunID
    /// Numbers the events of the run: from 1, without gaps.
    public var seq: UInt64
    /// µs since 1970.
    public var at: Int64
    /// What kind of fact; the journal does not read it.
    public var kind: Int32
    /// The event, encoded; the journal does not read it.
    public var body: [UInt8]

    public init(offset: UInt64, run: JournalRunID, seq: UInt64, at: Int64, kind: Int32, body: [UInt8]) {
        self.offset = offset
        self.run = run
        self.seq = seq
        self.at = at
        self.kind = kind
        self.body = body
    }

    /// An event that has got its offset.
    public init(_ event: NewEvent, offset: UInt64) {
        self.init(
            offset: offset, run: event.run, seq: event.seq, at: event.at, kind: event.kind, body: event.body)
    }
}

/// A run as lists, timers and recovery need it, after its last event.
public struct RunRow: Sendable, Hashable {
    public var run: JournalRunID
    /// The run's summary, encoded; the journal does not read it.
    public var summary: [UInt8]
    public var status: Int32
    /// Whether recovery must look at it.
    public var active: Bool
    /// When time changes the run by itself, µs since 1970.
    public var due: Int64?
    public var parent: JournalRunID?
    public var agent: String
    /// µs since 1970. Lists are in this order; it never changes.
    public var createdAt: Int64
    /// µs since 1970.
    public var updatedAt: Int64
    /// `seq` of the run's last event.
    public var lastSeq: UInt64

    public init(
        run: JournalRunID, summary: [UInt8], status: Int32, active: Bool, due: Int64?, parent: JournalRunID?,
        agent: String, createdAt: Int64, updatedAt: Int64, lastSeq: UInt64
    ) {
        self.run = run
        self.summary = summary
        self.status = status
        self.active = active
        self.due = due
        self.parent = parent
        self.agent = agent
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.lastSeq = lastSeq
    }
}

/// A request that was accepted, and what was answered, so that its repeat gets the same answer and acts no more.
public struct RequestRow: Sendable, Hashable {
    public var id: JournalRequestID
    /// Tells a repeat from another request with the same id.
    public var digest: [UInt8]
    public var reply: [UInt8]
    /// µs since 1970.
    public var at: Int64

    public init(id: JournalRequestID, digest: [UInt8], reply: [UInt8], at: Int64) {
        self.id = id
        self.digest = digest
        self.reply = reply
        self.at = at
    }
}

/// A question from a run to the outside.
public struct AskRow: Sendable, Hashable {
    public var run: JournalRunID
    /// Numbers the asks of the run.
    public var number: UInt32
    public var open: Bool
    public var kind: Int32
    /// The ask, encoded; the journal does not read it.
    public var body: [UInt8]
    /// µs since 1970.
    public var openedAt: Int64
    /// µs since 1970.
    public var due: Int64?

    public init(
        run: JournalRunID, number: UInt32, open: Bool, kind: Int32, body: [UInt8], openedAt: Int64, due: Int64?
    ) {
        self.run = run
        self.number = number
        self.open = open
        self.kind = kind
        self.body = body
        self.openedAt = openedAt
        self.due = due
    }
}

/// A stored agent.
public struct AgentRow: Sendable, Hashable {
    public var name: String
    /// Numbers what was stored under the name, from 1.
    public var version: UInt32
    /// µs since 1970.
    public var at: Int64
    /// The agent, encoded; the journal does not read it.
    public var body: [UInt8]

    public init(name: String, version: UInt32, at: Int64, body: [UInt8]) {
        self.name = name
        self.version = version
        self.at = at
        self.body = body
    }
}

/// A tool that workers serve.
public struct ToolRow: Sendable, Hashable {
    public var name: String
    /// µs since 1970.
    public var at: Int64
    /// What is known of the tool, encoded; the journal does not read it.
    public var body: [UInt8]

    public init(name: String, at: Int64, body: [UInt8]) {
        self.name = name
        self.at = at
        self.body = body
    }
}

/// A call that a worker may take.
public struct ReadyCallRow: Sendable, Hashable {
    public var key: ReadyCallKey
    public var tool: String
    /// What a worker is offered, encoded; the journal does not read it.
    public var body: [UInt8]

    public init(key: ReadyCallKey, tool: String, body: [UInt8]) {
        self.key = key
        self.tool = tool
        self.body = body
    }
}

/// Names a ready call, and orders those of a tool: by when they became ready, then by run and number.
public struct ReadyCallKey: Sendable, Hashable, Comparable {
    /// µs since 1970.
    public var readyAt: Int64
    public var run: JournalRunID
    /// Numbers the calls of the run.
    public var number: UInt32
    /// Counts the call's starts.
    public var attempt: UInt32

    public init(readyAt: Int64, run: JournalRunID, number: UInt32, attempt: UInt32) {
        self.readyAt = readyAt
        self.run = run
        self.number = number
        self.attempt = attempt
    }

    public static func < (left: ReadyCallKey, right: ReadyCallKey) -> Bool {
        (left.readyAt, left.run, left.number, left.attempt) < (right.readyAt, right.run, right.number, right.attempt)
    }
}

/// What a batch does to a call's place among those that are ready.
public enum ReadyCallChange: Sendable, Hashable {
    /// It is ready, as this says and no longer as a row from before.
    case ready(ReadyCallRow)
    /// It is not, whether it was or not.
    case notReady(run: JournalRunID, number: UInt32)
}

/// A run's control state as it was after one of its events: what its events say as well, read faster.
public struct SnapshotRow: Sendable, Hashable {
    public var run: JournalRunID
    /// `seq` of the last event that is in it.
    public var seq: UInt64
    /// How the body is encoded.
    public var format: Int32
    /// The state, encoded; the journal does not read it.
    public var body: [UInt8]

    public init(run: JournalRunID, seq: UInt64, format: Int32, body: [UInt8]) {
        self.run = run
        self.seq = seq
        self.format = format
        self.body = body
    }
}

/// What somebody proves with a secret: a name, and how much it may do.
public struct TokenRow: Sendable, Hashable {
    public var id: String
    public var name: String
    /// The journal does not read it.
    public var scope: Int32
    /// Of the secret: 32 bytes.
    public var sha256: [UInt8]
    /// µs since 1970.
    public var createdAt: Int64
    /// µs since 1970.
    public var expiresAt: Int64?
    /// µs since 1970.
    public var revokedAt: Int64?
    /// Who made it.
    public var by: String

    public init(
        id: String, name: String, scope: Int32, sha256: [UInt8], createdAt: Int64, expiresAt: Int64?,
        revokedAt: Int64?, by: String
    ) {
        self.id = id
        self.name = name
        self.scope = scope
        self.sha256 = sha256
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.by = by
    }
}

/// Bytes that events name, kept once. It never changes.
public struct BlobRow: Sendable, Hashable {
    /// Of the data: 32 bytes.
    public var sha256: [UInt8]
    /// µs since 1970.
    public var at: Int64
    public var data: [UInt8]

    public init(sha256: [UInt8], at: Int64, data: [UInt8]) {
        self.sha256 = sha256
        self.at = at
        self.data = data
    }
}

/// A run names a blob.
public struct BlobUse: Sendable, Hashable {
    public var run: JournalRunID
    /// Of the first event that names it.
    public var seq: UInt64
    public var sha256: [UInt8]

    public init(run: JournalRunID, seq: UInt64, sha256: [UInt8]) {
        self.run = run
        self.seq = seq
        self.sha256 = sha256
    }
}

/// What one transaction writes.
public struct JournalBatch: Sendable {
    /// In the order that they are to have in the journal.
    public var events: [NewEvent]
    /// Each run with events in the batch, after the last of these; and others as wanted. Of several rows of a run the
    /// last counts.
    public var runs: [RunRow]
    /// Each id once, and none that is remembered.
    public var requests: [RequestRow]
    /// In order. An ask that is there is replaced; a row that is not `open` closes it, and leaves its kind, body and
    /// `openedAt` as they were.
    public var asks: [AskRow]
    /// In order. What was stored under the name is replaced.
    public var agents: [AgentRow]
    /// What became of messages of the outbox, in order; of a message that is not there, or is dead, nothing.
    public var outcomes: [OutboxOutcome]
    /// Messages for the outbox, after the outcomes; of one run to one endpoint by `seq` and `kind`, after those that
    /// are there. None has the key of one that is there and is not dead.
    public var outbox: [OutboxRow]
    /// In order. What was registered under the name is replaced.
    public var tools: [ToolRow]
    /// In order.
    public var readyCalls: [ReadyCallChange]
    /// In order. A token that is there is replaced.
    public var tokens: [TokenRow]
    /// One that is there stays as it is.
    public var blobs: [BlobRow]
    /// In order. Of a run's uses of a blob the first stays.
    public var blobUses: [BlobUse]

    public init(
        events: [NewEvent] = [], runs: [RunRow] = [], requests: [RequestRow] = [], asks: [AskRow] = [],
        agents: [AgentRow] = [], outcomes: [OutboxOutcome] = [], outbox: [OutboxRow] = [], tools: [ToolRow] = [],
        readyCalls: [ReadyCallChange] = [], tokens: [TokenRow] = [], blobs: [BlobRow] = [], blobUses: [BlobUse] = []
    ) {
        self.events = events
        self.runs = runs
        self.requests = requests
        self.asks = asks
        self.agents = agents
        self.outcomes = outcomes
        self.outbox = outbox
        self.tools = tools
        self.readyCalls = readyCalls
        self.tokens = tokens
        self.blobs = blobs
        self.blobUses = blobUses
    }

    public var isEmpty: Bool {
        events.isEmpty && runs.isEmpty && requests.isEmpty && asks.isEmpty && agents.isEmpty
            && outcomes.isEmpty && outbox.isEmpty
            && tools.isEmpty && readyCalls.isEmpty && tokens.isEmpty && blobs.isEmpty && blobUses.isEmpty
    }
}

/// What a commit has done with its batch.
public struct JournalCommit: Sendable, Hashable {
    /// The offset of the batch's first event; each other event has the next one. After a batch without events: the offset
    /// that the next event gets.
    public var firstOffset: UInt64

    public init(firstOffset: UInt64) {
        self.firstOffset = firstOffset
    }
}
