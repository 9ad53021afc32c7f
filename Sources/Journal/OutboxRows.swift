/// What tells a message of the outbox from all others.
public struct OutboxKey: Sendable, Hashable {
    /// Who gets it.
    public var endpoint: String
    public var run: JournalRunID
    /// `seq` of the event that it tells of.
    public var seq: UInt64
    /// Which message of that event; the journal does not read it, but orders by it.
    public var kind: Int32

    public init(endpoint: String, run: JournalRunID, seq: UInt64, kind: Int32) {
        self.endpoint = endpoint
        self.run = run
        self.seq = seq
        self.kind = kind
    }
}

/// A message that somebody outside is to get.
///
/// The messages of one run to one endpoint go out one after the other, by `seq` and then `kind`: only the first of them
/// has a time at which it is due, and the next one gets its own when that is delivered or given up.
public struct OutboxRow: Sendable, Hashable {
    public var key: OutboxKey
    /// When the event was, µs since 1970.
    public var at: Int64
    /// How often it was tried.
    public var attempts: UInt32
    /// What the event itself does not say, encoded; the journal does not read it.
    public var body: [UInt8]

    public init(key: OutboxKey, at: Int64, attempts: UInt32 = 0, body: [UInt8] = []) {
        self.key = key
        self.at = at
        self.attempts = attempts
        self.body = body
    }
}

/// What became of an attempt to deliver a message.
public struct OutboxOutcome: Sendable, Hashable {
    public enum Result: Sendable, Hashable {
        /// The message is forgotten, and the run's next one is due at the given time (µs since 1970).
        case delivered(nextAt: Int64)
        /// It is due again at the given time.
        case failed(nextAt: Int64)
        /// It stays as a dead one, and the run's next one is due at the given time.
        case givenUp(nextAt: Int64)
    }

    public var key: OutboxKey
    public var result: Result

    public init(key: OutboxKey, result: Result) {
        self.key = key
        self.result = result
    }
}

/// How many messages there are.
public struct OutboxCounts: Sendable, Hashable {
    /// To be delivered.
    public var pending: Int
    /// Given up.
    public var dead: Int

    public init(pending: Int, dead: Int) {
        self.pending = pending
        self.dead = dead
    }
}
