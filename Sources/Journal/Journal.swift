/// What runs have done and what was promised, durably: events in one order, the runs' rows beside them, accepted
/// requests, open asks, agents and tokens. It keeps bytes and does not read them.
///
/// One writer, any number of readers: a reader sees whole batches, in their order, as soon as their commit returned. Where
/// the bytes lie, and what has to be done so that they stay there, is the implementation's own affair: it has threads of
/// its own for that if it needs some.
///
/// Every implementation passes the conformance suite of this module's tests.
///
/// Threads: any. Ownership: a writer and a reader keep what they need of the journal, and close themselves.
public protocol Journal: Sendable {
    associatedtype Writer: JournalWriting
    associatedtype Reader: JournalReading

    /// Opens the one that writes. With it begins whatever the journal does by itself beside the commits.
    ///
    /// - Throws: `inUse` while there is a writer already.
    func openWriter() throws(JournalError) -> sending Writer
    /// Opens one that reads, with a connection of its own where there are connections.
    func openReader() throws(JournalError) -> sending Reader

    /// What the journal takes where it is stored, as of now. It waits for no commit.
    var storage: JournalStorage { get }
}

/// What a journal takes where it is stored.
public struct JournalStorage: Sendable, Hashable {
    /// Bytes of the store.
    public var bytes: UInt64
    /// Bytes that are durable and that the journal has yet to bring to their place in the store, such as a log that is
    /// written ahead; 0 where there is nothing of the kind.
    public var waitingBytes: UInt64

    public init(bytes: UInt64, waitingBytes: UInt64) {
        self.bytes = bytes
        self.waitingBytes = waitingBytes
    }
}

/// The one that writes.
///
/// Threads: used by one at a time; `commit` blocks until the batch is as durable as the journal was opened for.
///
/// Ownership: whoever opened it calls ``end()`` when all is over, or ``close()`` when the store is to be left as it is; it
/// closes itself when it is released. Readers go on after either.
public protocol JournalWriting: AnyObject {
    /// The offset of the last event that was committed; 0 before the first.
    var lastOffset: UInt64 { get }
    /// False after ``close()``, ``end()``, and an error after which the writer refuses everything.
    var isOpen: Bool { get }

    /// Writes a batch in one transaction: all of it, or an error and nothing. The transaction gives the batch's events the
    /// offsets that follow the last one, in their order.
    ///
    /// - Throws: `invalidBatch`, `storeFull`, `busy`: nothing is written and the writer can go on.
    ///   `commitOutcomeUnknown`: nobody knows whether the batch is written. `filesChanged`: the store is not this writer's
    ///   any more. After these and every other code the writer refuses all batches.
    @discardableResult
    func commit(_ batch: JournalBatch) throws(JournalError) -> JournalCommit

    /// As ``JournalReading/request(_:)``, as of the last commit.
    func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow?
    /// Those of the requests that there are, in the order in which they are asked for, found together.
    func requests(_ ids: [JournalRequestID]) throws(JournalError) -> [RequestRow]

    /// As ``JournalReading/agent(_:)``, as of the last commit.
    func agent(_ name: String) throws(JournalError) -> AgentRow?
    /// As ``JournalReading/tool(_:)``, as of the last commit.
    func tool(_ name: String) throws(JournalError) -> ToolRow?
    /// Whether so many bytes more can be kept with room to spare for what has to be written whatever happens. Of large
    /// things that nobody needs at once, as blobs: who fills the store with them must not keep others from control.
    func hasRoom(forBytes count: Int) -> Bool
    /// Whether there is a blob of this digest, as of the last commit.
    func hasBlob(_ sha256: [UInt8]) throws(JournalError) -> Bool

    /// Forgets accepted requests that are older, in a small transaction of its own: to be called between commits
    /// until the answer is less than `limit`. It begins with the one that was accepted first, and ends at the first that
    /// stays.
    ///
    /// - Parameters:
    ///   - time: µs since 1970, exclusive.
    ///   - limit: rows to forget at most.
    /// - Returns: how many were forgotten.
    /// - Throws: as ``commit(_:)``.
    func forgetRequests(before time: Int64, limit: Int) throws(JournalError) -> Int

    /// Keeps snapshots, each in place of the run's last one, in a small transaction of its own: to be called between
    /// commits.
    ///
    /// - Throws: as ``commit(_:)``.
    func keep(_ snapshots: [SnapshotRow]) throws(JournalError)

    /// Forgets dead messages of the outbox whose events are older, the oldest first, in a small transaction of its own, as
    /// ``forgetRequests(before:limit:)`` does.
    func forgetDeadMessages(before time: Int64, limit: Int) throws(JournalError) -> Int

    /// Drops all snapshots: nothing changes but the time that it takes to read a run.
    func dropSnapshots() throws(JournalError)

    /// Looks whether the store is still there, and this writer's: each commit looks as well, at what it writes to. To be
    /// called every now and then.
    ///
    /// - Throws: `filesChanged` or what else took the store away, after which the writer refuses everything.
    func verify() throws(JournalError)

    /// For when a commit was `storeFull`: gives up the room that the journal keeps for that, if it keeps some, and puts its
    /// store in order. The batch may be committed again then.
    ///
    /// - Returns: whether there may be room now.
    func makeRoom() throws(JournalError) -> Bool

    /// An orderly end: nothing waits any more to be brought to its place, the store says so, and the writer is closed.
    ///
    /// - Throws: nothing is lost then, the writer may be open, and the next start does what was not done.
    func end() throws(JournalError)

    /// Closes, and leaves the store as it is; the second time nothing happens.
    func close()
}

/// One that reads, while the writer writes.
///
/// Threads: used by one at a time. Each call is a read transaction of its own, as short as the call.
public protocol JournalReading: AnyObject {
    var isOpen: Bool { get }

    /// Events of a run in order of `seq`, after `after` and up to `last`.
    ///
    /// - Parameters:
    ///   - maxBytes: of bodies; the first event comes whatever its size.
    ///   - maxCount: events at most.
    /// - Returns: none if there are no more.
    func events(
        of run: JournalRunID, after: UInt64, through last: UInt64, maxBytes: Int, maxCount: Int
    ) throws(JournalError) -> [EventRow]

    /// Only events of these kinds, of one run in order of `seq`, or of all (nil) in order of `offset`; otherwise as above,
    /// but that nothing tells a gap. Those between are looked at as well: whoever asks keeps `through` within bounds.
    func events(
        ofKinds kinds: [Int32], of run: JournalRunID?, after: UInt64, through last: UInt64, maxBytes: Int, maxCount: Int
    ) throws(JournalError) -> [EventRow]

    /// Events of all runs in order of `offset`; otherwise as of one run.
    func events(afterOffset: UInt64, maxBytes: Int, maxCount: Int) throws(JournalError) -> [EventRow]

    /// The offset of the last event; 0 before the first.
    func lastOffset() throws(JournalError) -> UInt64
    /// The `seq` of a run's last event; 0 of a run that is not there.
    func lastSeq(of run: JournalRunID) throws(JournalError) -> UInt64

    func run(_ id: JournalRunID) throws(JournalError) -> RunRow?
    /// Runs with ids in a range, in order of their ids: finds the one whose id begins with some digits.
    func runs(from first: JournalRunID, through last: JournalRunID, limit: Int) throws(JournalError) -> [RunRow]
    /// A page of a list of runs.
    func runs(
        _ filter: RunFilter, order: RunOrder, after cursor: RunCursor?, limit: Int
    ) throws(JournalError) -> [RunRow]
    /// All runs that recovery must look at, oldest first.
    func activeRuns() throws(JournalError) -> [RunRow]
    /// Runs that time changes, up to and including `time` (µs since 1970), in the order of that.
    func dueRuns(through time: Int64, limit: Int) throws(JournalError) -> [RunRow]
    /// The earliest of these times; nil if there is none.
    func nextDue() throws(JournalError) -> Int64?

    /// A page of the open asks, of one run or of all, oldest first.
    func openAsks(
        of run: JournalRunID?, after cursor: AskCursor?, limit: Int
    ) throws(JournalError) -> [AskRow]
    /// An ask, open or not.
    func ask(_ number: UInt32, of run: JournalRunID) throws(JournalError) -> AskRow?

    /// An accepted request that is still remembered.
    func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow?

    /// The agent that is stored under a name.
    func agent(_ name: String) throws(JournalError) -> AgentRow?
    /// A page of the stored agents, in the order of their names' bytes of UTF-8.
    func agents(after name: String?, limit: Int) throws(JournalError) -> [AgentRow]

    /// Messages of the outbox that are due, at most one of each run, in the order of their times.
    ///
    /// - Parameter time: up to and including it; µs since 1970.
    func dueMessages(to endpoint: String, through time: Int64, limit: Int) throws(JournalError) -> [OutboxRow]
    /// When the next message is due after a time; nil if there is none.
    func nextMessageDue(to endpoint: String, after time: Int64) throws(JournalError) -> Int64?
    /// All messages of the outbox, counted by endpoint: reads through the keys of all of it.
    func outboxCounts() throws(JournalError) -> [String: OutboxCounts]

    /// The tool that is registered under a name.
    func tool(_ name: String) throws(JournalError) -> ToolRow?
    /// A page of the registered tools, in the order of their names' bytes of UTF-8.
    func tools(after name: String?, limit: Int) throws(JournalError) -> [ToolRow]

    /// The first ready calls of a tool, oldest first.
    func readyCalls(of tool: String, limit: Int) throws(JournalError) -> [ReadyCallKey]
    /// A call, if it is ready as this key says.
    func readyCall(_ key: ReadyCallKey) throws(JournalError) -> ReadyCallRow?

    /// A page of the tokens, revoked or not, in the order of their ids' bytes of UTF-8.
    func tokens(after id: String?, limit: Int) throws(JournalError) -> [TokenRow]

    /// The data of a blob; nil if there is none of this digest.
    func blob(_ sha256: [UInt8]) throws(JournalError) -> [UInt8]?
    /// How long a blob is, and the first bytes of it, at most so many; nil if there is none of this digest.
    func blobHead(_ sha256: [UInt8], atMost count: Int) throws(JournalError) -> (byteCount: Int, head: [UInt8])?
    /// The blobs that a run's events up to `last` name, in the order in which they did first.
    func blobUses(of run: JournalRunID, through last: UInt64) throws(JournalError) -> [BlobUse]

    /// The last snapshot that was kept of a run. Whether it fits the run's events is for the caller to judge.
    func snapshot(of run: JournalRunID) throws(JournalError) -> SnapshotRow?

    /// Closes; the second time nothing happens.
    func close()
}
