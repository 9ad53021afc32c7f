/// Which runs a list has: those that fit all that is given.
public struct RunFilter: Sendable, Hashable {
    /// Any of these; none at all if it is empty.
    public var statuses: Set<Int32>?
    public var active: Bool?
    public var agent: String?
    public var parent: JournalRunID?
    /// µs since 1970, exclusive.
    public var createdAfter: Int64?
    /// µs since 1970, exclusive.
    public var createdBefore: Int64?

    public init(
        statuses: Set<Int32>? = nil, active: Bool? = nil, agent: String? = nil, parent: JournalRunID? = nil,
        createdAfter: Int64? = nil, createdBefore: Int64? = nil
    ) {
        self.statuses = statuses
        self.active = active
        self.agent = agent
        self.parent = parent
        self.createdAfter = createdAfter
        self.createdBefore = createdBefore
    }
}

/// The order of a list: by creation, and by id among those of one instant.
public enum RunOrder: Sendable, Hashable {
    case oldestFirst
    case newestFirst
}

/// A place in a list of runs: that of the last run of the page before.
public struct RunCursor: Sendable, Hashable, Comparable {
    public var createdAt: Int64
    public var run: JournalRunID

    public init(createdAt: Int64, run: JournalRunID) {
        self.createdAt = createdAt
        self.run = run
    }

    public init(_ row: RunRow) {
        self.init(createdAt: row.createdAt, run: row.run)
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.createdAt, left.run) < (right.createdAt, right.run)
    }
}

/// A place in a list of asks: that of the last ask of the page before.
public struct AskCursor: Sendable, Hashable {
    public var openedAt: Int64
    public var run: JournalRunID
    public var number: UInt32

    public init(openedAt: Int64, run: JournalRunID, number: UInt32) {
        self.openedAt = openedAt
        self.run = run
        self.number = number
    }

    public init(_ row: AskRow) {
        self.init(openedAt: row.openedAt, run: row.run, number: row.number)
    }
}
