public import Journal
internal import SQLite

/// Writes a store: the only one that does.
///
/// Threads: used by one at a time. Ownership: closes itself; keeps the store locked for its process.
public final class SQLiteJournalWriter: JournalWriting {
    public private(set) var lastOffset: UInt64
    /// False as well after a failure that leaves it unknown what the store holds.
    public var isOpen: Bool { database.isOpen && failure == nil }

    let journal: SQLiteJournal
    let database: Database
    let statements: WriteStatements
    private let mark: StoreMark
    private var files: StoreFiles
    /// The chain after the last event.
    var chain: UInt64
    /// Commits that had no event.
    private var eventless: UInt64
    /// Numbers of the oldest and of the next row of `requests`: equal if there are none.
    var requestNumbers: Range<Int64>
    private var failure: JournalError?
    /// Keeps the WAL short beside the commits; nil: nobody does, or it is over.
    private var keeper: WALKeeper?
    private var walLengths = WALKeeper.Lengths()

    init(_ journal: SQLiteJournal, _ mark: StoreMark) throws(JournalError) {
        self.journal = journal
        self.mark = mark
        (lastOffset, chain, eventless) = (mark.point.offset, mark.point.chain, mark.point.eventless)
        do {
            database = try StoreConnection.writer(path: journal.path, options: journal.options)
            statements = try WriteStatements(database)
            let numbers = try database.prepare(
                """
                SELECT (SELECT max(offset) FROM events), (SELECT min(number) FROM requests),
                    (SELECT max(number) FROM requests), (SELECT without_events FROM commits)
                """)
            _ = try numbers.step()
            guard numbers.uint64(at: 0) == lastOffset else {
                throw JournalError(
                    code: .corrupt, path: journal.path,
                    message: "the store is damaged: it ends at \(numbers.uint64(at: 0)), a moment ago at \(lastOffset)")
            }
            guard numbers.uint64(at: 3) == eventless else {
                throw JournalError(
                    code: .corrupt, path: journal.path,
                    message: "the store is damaged: its commits without events are \(numbers.uint64(at: 3)), and were "
                        + "\(eventless) a moment ago")
            }
            let (oldest, newest) = (numbers.int64(at: 1), numbers.int64(at: 2))
            // Without a row both are 0.
            guard oldest >= 0, oldest <= newest, newest < .max else {
                throw JournalError(
                    code: .corrupt, path: journal.path, message: "the store is damaged: requests \(oldest) to \(newest)"
                )
            }
            requestNumbers = max(1, oldest)..<newest + 1
            numbers.reset()
            let page = try database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'store'")
            _ = try page.step()
            let offset = (page.int64(at: 0) - 1) * 4096
            page.reset()
            files = try StoreFiles(ofStore: journal.path, id: mark.store) { [journal] in
                journal.bytes(at: offset, count: 4096)
            }
            try findIdentity()
        } catch let error as JournalError {
            throw error
        } catch let error as SQLiteError {
            throw JournalError(error, path: journal.path)
        } catch {
            throw JournalError(code: .unreadable, path: journal.path, message: "\(error)")
        }
    }

    /// The store's file itself has to say which store it is: that is what is looked at while it runs. Where only the WAL
    /// has that page, because the file was damaged or cut, the WAL is moved first.
    private func findIdentity() throws {
        if (try? files.verifyAll(walPages: 0)) != nil { return }
        _ = try database.passiveCheckpoint()
        try files.verifyAll(walPages: 0)
    }

    deinit {
        close()
    }

    public func close() {
        guard database.isOpen else { return }
        stopKeeper()
        database.close()
        journal.writerClosed()
    }

    @discardableResult
    public func commit(_ batch: JournalBatch) throws(JournalError) -> JournalCommit {
        let commit = JournalCommit(firstOffset: lastOffset + 1)
        guard !batch.isEmpty else {
            try checkOpen()
            return commit
        }
        // The mark has to know of every commit. One with events is known by the last of these, and writes nothing more.
        // What is kept or forgotten between commits is not counted: nobody was told of it.
        let eventless = eventless + (batch.events.isEmpty ? 1 : 0)
        let (requests, chain) = try transaction {
            let written = try write(batch, try BatchPlan(batch, lastOffset: lastOffset))
            if batch.events.isEmpty { try statements.count(eventless: eventless) }
            return written
        }
        lastOffset += UInt64(batch.events.count)
        self.chain = chain
        self.eventless = eventless
        requestNumbers = requests
        mark.committed(point)
        try moveLongLog()
        return commit
    }

    /// Where the store ends.
    private var point: StoreMark.Point { StoreMark.Point(offset: lastOffset, chain: chain, eventless: eventless) }

    public func verify() throws(JournalError) {
        try checkOpen()
        do {
            try DamagedWALs.check(journal.path)
            try files.verifyAll(walPages: walPages)
        } catch {
            failure = error
            throw error
        }
    }

    private func checkOpen() throws(JournalError) {
        if let failure { throw failure }
        guard database.isOpen else {
            throw JournalError(code: .closed, path: journal.path, message: "the writer was closed")
        }
    }

    /// Writes in one transaction, and tells what failed before its commit from what failed at it.
    private func transaction<Result>(_ body: () throws -> Result) throws(JournalError) -> Result {
        try checkOpen()
        do {
            try DamagedWALs.check(journal.path)
            try files.verify(walPages: walPages)
        } catch {
            failure = error
            throw error
        }
        let result: Result
        do {
            try database.begin(.immediate)
            result = try body()
        } catch {
            database.rollback()
            throw refused(error, duringCommit: false)
        }
        do { try database.commit() } catch {
            database.rollback()
            throw refused(error, duringCommit: true)
        }
        return result
    }

    /// What an error of a commit means; remembers it if it means that nobody knows what the store holds.
    private func refused(_ error: any Error, duringCommit: Bool) -> JournalError {
        let error = CommitFailure(path: journal.path).journalError(error, duringCommit: duringCommit)
        let canGoOn = error.code == .storeFull || error.code == .invalidBatch || error.code == .busy
        if !canGoOn || !database.isInAutocommit { failure = error }
        return error
    }

    public func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow? {
        try reading(journal.path) { () throws(SQLiteError) in try statements.findRequest.request(id) }
    }

    public func requests(_ ids: [JournalRequestID]) throws(JournalError) -> [RequestRow] {
        try checkOpen()
        do {
            return try database.transaction(.deferred) { try ids.compactMap(statements.findRequest.request) }
        } catch {
            throw refused(error, duringCommit: false)
        }
    }

    public func agent(_ name: String) throws(JournalError) -> AgentRow? {
        try reading(journal.path) { () throws(SQLiteError) in try statements.findAgent.agent(name) }
    }

    public func tool(_ name: String) throws(JournalError) -> ToolRow? {
        try reading(journal.path) { () throws(SQLiteError) in try statements.findTool.tool(name) }
    }

    public func hasRoom(forBytes count: Int) -> Bool {
        // Once in the WAL, once in the file, and the reserve for moving the WAL, which is as large as that.
        (freeSpace(at: journal.path) ?? .max) / 4 > count + Self.spare
    }

    /// Bytes for control, a quarter of what is left free: interrupts, ends of effects, the WAL's own growth.
    private static let spare = 2 << 20

    public func hasBlob(_ sha256: [UInt8]) throws(JournalError) -> Bool {
        try reading(journal.path) { () throws(SQLiteError) in
            try statements.findBlob.bind(sha256, at: 1)
            defer { statements.findBlob.reset() }
            return try statements.findBlob.step()
        }
    }

    public func forgetRequests(before time: Int64, limit: Int) throws(JournalError) -> Int {
        try checkOpen()
        let oldest = requestNumbers.lowerBound
        var end = oldest
        do {
            // Only ever from the front, so that the numbers of those that stay have no gap.
            let front = statements.oldestRequests
            try front.bind(Int64(max(0, limit)), at: 1)
            defer { front.reset() }
            while try front.step() {
                guard front.int64(at: 1) < time else { break }
                end = min(front.int64(at: 0) &+ 1, requestNumbers.upperBound)
            }
        } catch {
            throw refused(error, duringCommit: false)
        }
        guard end > oldest else { return 0 }
        try transaction { try statements.deleteRequests(before: end) }
        requestNumbers = end..<requestNumbers.upperBound
        return Int(end - oldest)
    }

    public func keep(_ snapshots: [SnapshotRow]) throws(JournalError) {
        guard !snapshots.isEmpty else { return try checkOpen() }
        try transaction { for snapshot in snapshots { try statements.upsert(snapshot) } }
    }

    public func forgetDeadMessages(before time: Int64, limit: Int) throws(JournalError) -> Int {
        try checkOpen()
        // Most of the time there are none: nothing is written then, and nothing synced.
        do {
            guard try statements.outbox.hasDead(before: time) else { return 0 }
        } catch {
            throw refused(error, duringCommit: false)
        }
        return try transaction { try statements.outbox.forgetDead(before: time, limit: limit) }
    }

    public func dropSnapshots() throws(JournalError) {
        try transaction { try database.execute("DELETE FROM snapshots") }
    }

    /// Pages that commits have written and no checkpoint has moved; counted at each commit.
    var walPages: Int { database.observedWALPages }

    /// What a page takes in the WAL, with the header that stands before it.
    static let bytesOfWALPage = 24 + 4096

    /// A checkpoint on the writer's own thread: as no commit can come between, it moves all that readers do not hold
    /// up. For when the checkpointer's work alone leaves the WAL growing: it has left little to move then.
    ///
    /// - Returns: nil if the checkpointer is at it right now.
    func checkpoint() throws(JournalError) -> JournalCheckpoint? {
        let checkpoint = try database.journalCheckpoint(path: journal.path)
        if checkpoint?.isComplete == true { mark.isOnDisk(point) }
        return checkpoint
    }

    /// From here on the WAL is kept short, until the writer is closed.
    func keepWALShort(_ keeper: WALKeeper) { self.keeper = keeper }

    private func stopKeeper() {
        keeper?.stop()
        keeper = nil
    }

    /// Moves the WAL where commits follow each other so closely that its keeper never catches up.
    ///
    /// - Throws: what makes it doubtful whether the commit before this will be found: then nobody is to be told of it.
    private func moveLongLog() throws(JournalError) {
        guard let keeper, keeper.walHas(walPages * Self.bytesOfWALPage, &walLengths) else { return }
        do throws(JournalError) {
            _ = try checkpoint()
        } catch  where error.code == .storeFull || error.code == .busy {
            // The WAL stays as long as it is until there is room.
        } catch {
            let failure = JournalError(
                code: error.code == .corrupt ? .corrupt : .commitOutcomeUnknown, path: journal.path,
                message: "the WAL cannot be moved to the store: \(error.message)", libraryCode: error.libraryCode)
            self.failure = failure
            throw failure
        }
    }

    public func makeRoom() throws(JournalError) -> Bool {
        try checkOpen()
        journal.reserve.release()
        // Readers hold it up for as long as one of their reads takes: what they leave is moved the next time.
        database.setBusyTimeout(50)
        defer { database.setBusyTimeout(StoreConnection.busyTimeout) }
        do throws(SQLiteError) {
            try database.truncatingCheckpoint()
            return true
        } catch {
            let error = CommitFailure(path: journal.path).journalError(error, duringCommit: false)
            guard error.code == .storeFull || error.code == .busy else { throw error }
            return false
        }
    }

    /// Moves the whole WAL to the store's file and cuts it, so that the file alone is the store, says so in it, and
    /// closes. It waits for reads that go on, for a second.
    public func end() throws(JournalError) {
        try checkOpen()
        stopKeeper()
        journal.reserve.release()
        do throws(JournalError) {
            try transaction { try database.execute("UPDATE store SET in_use = 0") }
            try reading(journal.path) { () throws(SQLiteError) in
                try database.truncatingCheckpoint()
                // The empty WAL and its index go with the last connection.
                try database.setCheckpointsOnClose(true)
            }
        } catch {
            throw JournalError(
                code: error.code, path: journal.path,
                message: "the WAL stays beside the store, which is not whole without it: \(error.message)",
                libraryCode: error.libraryCode)
        }
        mark.isOnDisk(point)
        close()
    }
}

@available(*, unavailable)
extension SQLiteJournalWriter: Sendable {}
