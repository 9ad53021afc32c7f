/// What runs have done and what was promised, durably: events in one order, the runs' rows beside them, accepted
/// requests, open asks, agents and tokens. It keeps bytes and does not read them.
///
/// One writer, any number of readers: a reader sees whole batches, in their order, as soon as their commit returned.
/// Every implementation passes the conformance suite of this module's tests.
public protocol Journal: Sendable {
    associatedtype Writer: JournalWriting
    associatedtype Reader: JournalReading
    associatedtype Checkpointer: JournalCheckpointing

    /// - Throws: `inUse` while there is a writer already.
    func openWriter() throws(JournalError) -> sending Writer
    func openReader() throws(JournalError) -> sending Reader
    func openCheckpointer() throws(JournalError) -> sending Checkpointer
}

/// The one that writes.
///
/// Threads: used by one at a time; `commit` blocks until the batch is as durable as the journal was opened for.
public protocol JournalWriting: AnyObject {
    /// The offset of the last event that was committed; 0 before the first.
    var lastOffset: UInt64 { get }
    var isOpen: Bool { get }

    /// Writes a batch in one transaction: all of it, or an error and nothing. The transaction gives the batch's events the
    /// offsets that follow the last one, in their order.
    ///
    /// - Throws: `invalidBatch`, `storeFull`, `busy`: nothing is written and the writer can go on.
    ///   `commitOutcomeUnknown` and every other code: the writer refuses all batches from then on.
    @discardableResult
    func commit(_ batch: JournalBatch) throws(JournalError) -> JournalCommit

    /// As ``JournalReading/request(_:)``, from pages that the writer has in memory already.
    func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow?
    /// Those of the requests that there are, looked up together: that takes the store's locks once.
    func requests(_ ids: [JournalRequestID]) throws(JournalError) -> [RequestRow]

    /// As ``JournalReading/agent(_:)``, as of the last commit.
    func agent(_ name: String) throws(JournalError) -> AgentRow?
    /// As ``JournalReading/tool(_:)``, as of the last commit.
    func tool(_ name: String) throws(JournalError) -> ToolRow?

    /// Forgets accepted requests that are older, in a small transaction of its own: to be called between commits
    /// until the answer is less than `limit`.
    ///
    /// - Parameters:
    ///   - time: µs since 1970.
    ///   - limit: rows to forget at most.
    /// - Returns: how many were forgotten.
    func forgetRequests(before time: Int64, limit: Int) throws(JournalError) -> Int

    /// Keeps snapshots, each in place of the run's last one, in a small transaction of its own: to be called between
    /// commits. Errors are those of ``commit(_:)``.
    func keep(_ snapshots: [SnapshotRow]) throws(JournalError)

    /// Forgets dead messages of the outbox whose events are older, in a small transaction of its own, as
    /// ``forgetRequests(before:limit:)`` does.
    func forgetDeadMessages(before time: Int64, limit: Int) throws(JournalError) -> Int

    /// Drops all snapshots: nothing changes but the time that it takes to read a run.
    func dropSnapshots() throws(JournalError)

    /// Pages that commits have written and no checkpoint has moved; counted at each commit.
    var logPages: Int { get }

    /// A checkpoint on the writer's own thread: as no commit can come between, it moves all that readers do not hold
    /// up. For when the checkpointer's work alone leaves the log growing: it has left little to move then.
    ///
    /// - Returns: nil if the checkpointer is at it right now.
    func checkpoint() throws(JournalError) -> JournalCheckpoint?

    /// Looks whether the store is still the one that was opened: each commit looks as well, at what it writes to. To be
    /// called every now and then.
    ///
    /// - Throws: `filesChanged`, after which the writer refuses everything.
    func verifyFiles() throws(JournalError)

    /// For when a commit was `storeFull`: gives up the room that is kept for it, moves the whole log and cuts it.
    ///
    /// - Returns: whether there may be room now.
    func makeRoom() throws(JournalError) -> Bool

    /// An orderly end: moves the whole log to the store's file and cuts it, so that the file alone is the store, says so in
    /// it, and closes. It waits for reads that go on, for a second.
    ///
    /// - Throws: nothing is lost then; the next start takes the log over.
    func end() throws(JournalError)

    /// Closes; the second time nothing happens.
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

    /// The last snapshot that was kept of a run. Whether it fits the run's events is for the caller to judge.
    func snapshot(of run: JournalRunID) throws(JournalError) -> SnapshotRow?

    /// Closes; the second time nothing happens.
    func close()
}

/// One that keeps the log short, beside the writer.
///
/// Threads: used by one at a time.
public protocol JournalCheckpointing: AnyObject {
    /// Moves what no reader still needs from the log to the store's file, holding up nobody but its own thread.
    ///
    /// - Returns: nil if the writer is at it right now.
    func checkpoint() throws(JournalError) -> JournalCheckpoint?

    /// Keeps so much room on the disk for a log of that size to be moved when the disk is full. Without enough room for
    /// it nothing happens.
    func keepReserve(_ bytes: Int)

    /// Closes; the second time nothing happens.
    func close()
}

/// What a checkpoint found and did.
public struct JournalCheckpoint: Sendable, Hashable {
    /// Pages in the log.
    public var logPages: Int
    /// How many of these are in the store's file by now.
    public var movedPages: Int

    public init(logPages: Int, movedPages: Int) {
        self.logPages = logPages
        self.movedPages = movedPages
    }

    /// Whether the next commit begins the log anew, unless a reader is in the middle of it.
    public var isComplete: Bool { logPages == movedPages }
}
