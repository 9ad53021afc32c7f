/// One thing that is wrong in a store, and where.
public struct StoreProblem: Sendable, Hashable, Encodable, CustomStringConvertible {
    public let run: String?
    public let seq: UInt64?
    public let offset: UInt64?
    public let what: String

    public var description: String {
        var place: [String] = []
        if let run { place.append("run \(run)") }
        if let seq { place.append("event \(seq)") }
        if let offset { place.append("offset \(offset)") }
        return place.isEmpty ? what : place.joined(separator: ", ") + ": " + what
    }
}

/// What a verification of a store has found.
public struct StoreReport: Sendable, Encodable {
    public let store: String
    /// The version of the store's tables.
    public let schema: Int64
    public internal(set) var events: UInt64 = 0
    public internal(set) var runs: UInt64 = 0
    public internal(set) var asks: UInt64 = 0
    public internal(set) var requests: UInt64 = 0
    public internal(set) var agents: UInt64 = 0
    public internal(set) var tokens: UInt64 = 0
    public internal(set) var snapshots: UInt64 = 0
    public internal(set) var blobs: UInt64 = 0
    /// Of the outbox.
    public internal(set) var messages: UInt64 = 0
    /// The first problems, in the order in which they were found.
    public private(set) var problems: [StoreProblem] = []
    /// All of them.
    public private(set) var problemCount: UInt64 = 0
    public var isSound: Bool { problemCount == 0 }

    private enum CodingKeys: String, CodingKey {
        case store, schema, events, runs, asks, requests, agents, tokens, snapshots, blobs, messages, problems
        case problemCount
    }

    private let limit: Int

    init(store: String, schema: Int64, limit: Int) {
        self.store = store
        self.schema = schema
        self.limit = limit
    }

    mutating func add(_ what: String, run: String? = nil, seq: UInt64? = nil, offset: UInt64? = nil) {
        problemCount += 1
        if problems.count < limit { problems.append(StoreProblem(run: run, seq: seq, offset: offset, what: what)) }
    }
}
