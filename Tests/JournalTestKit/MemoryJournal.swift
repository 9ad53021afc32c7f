public import Journal
internal import Synchronization

/// A journal in memory: the second implementation by which the tests know what is the seam's and what is SQLite's. It lasts
/// as long as it is referenced, and has everything in plain collections, so that each answer can be seen to be right.
///
/// Threads: any. One lock is held for each call: a reader sees whole batches because a batch is written under it.
public final class MemoryJournal: Journal {
    let state = Mutex(MemoryState())
    /// Accepted requests that are remembered at most.
    let requestLimit: Int

    /// Whether every commit is refused for want of room, from now on.
    public var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    public init(requestLimit: Int = 100_000) {
        self.requestLimit = requestLimit
    }

    public func openWriter() throws(JournalError) -> sending Writer {
        let isFirst = state.withLock { state in
            defer { state.hasWriter = true }
            return !state.hasWriter
        }
        guard isFirst else { throw Self.error(.inUse, "the journal has a writer already") }
        return Writer(self)
    }

    public func openReader() throws(JournalError) -> sending Reader { Reader(self) }

    /// Bytes of all bodies of events.
    public var storage: JournalStorage {
        state.withLock { state in
            JournalStorage(bytes: state.events.reduce(0) { $0 + UInt64($1.body.count) }, waitingBytes: 0)
        }
    }

    static func error(_ code: JournalError.Code, _ message: String) -> JournalError {
        JournalError(code: code, path: "memory", message: message)
    }
}

extension MemoryJournal {
    /// Threads: used by one at a time.
    public final class Writer: JournalWriting {
        private let journal: MemoryJournal
        public private(set) var isOpen = true

        init(_ journal: MemoryJournal) { self.journal = journal }

        deinit { close() }

        public var lastOffset: UInt64 { journal.state.withLock { $0.lastOffset } }

        private func use<Result: Sendable>(
            _ body: (inout MemoryState) throws(JournalError) -> Result
        ) throws(JournalError) -> Result {
            guard isOpen else { throw MemoryJournal.error(.closed, "the writer was closed") }
            return try journal.state.withLock { state throws(JournalError) in try body(&state) }
        }

        @discardableResult
        public func commit(_ batch: JournalBatch) throws(JournalError) -> JournalCommit {
            let limit = journal.requestLimit
            return try use { state throws(JournalError) in
                guard !state.isFull || batch.isEmpty else {
                    throw MemoryJournal.error(.storeFull, "it is said to be full")
                }
                do throws(Contradiction) {
                    try state.check(batch)
                } catch {
                    throw MemoryJournal.error(.invalidBatch, error.cause)
                }
                return state.write(batch, requestLimit: limit)
            }
        }

        public func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow? {
            try use { $0.request(id) }
        }

        public func requests(_ ids: [JournalRequestID]) throws(JournalError) -> [RequestRow] {
            try use { state in ids.compactMap { state.request($0) } }
        }

        public func agent(_ name: String) throws(JournalError) -> AgentRow? { try use { $0.agents[Name(name)] } }

        public func tool(_ name: String) throws(JournalError) -> ToolRow? { try use { $0.tools[Name(name)] } }

        public func hasRoom(forBytes count: Int) -> Bool { !journal.isFull }

        public func hasBlob(_ sha256: [UInt8]) throws(JournalError) -> Bool { try use { $0.blobs[sha256] != nil } }

        public func forgetRequests(before time: Int64, limit: Int) throws(JournalError) -> Int {
            try use { state in
                let old = state.requests.prefix(max(0, limit)).prefix { $0.at < time }.count
                state.requests.removeFirst(old)
                return old
            }
        }

        public func keep(_ snapshots: [SnapshotRow]) throws(JournalError) {
            try use { state throws(JournalError) in
                guard snapshots.allSatisfy({ $0.seq > 0 }) else {
                    throw MemoryJournal.error(.invalidBatch, "a snapshot after no event")
                }
                for snapshot in snapshots { state.snapshots[snapshot.run] = snapshot }
            }
        }

        public func forgetDeadMessages(before time: Int64, limit: Int) throws(JournalError) -> Int {
            try use { state in
                let old = state.outbox.indices.filter { state.outbox[$0].isDead && state.outbox[$0].row.at < time }
                    .sorted { state.outbox[$0].row.at < state.outbox[$1].row.at }.prefix(max(0, limit))
                for index in old.sorted(by: >) { state.outbox.remove(at: index) }
                return old.count
            }
        }

        public func dropSnapshots() throws(JournalError) { try use { $0.snapshots = [:] } }

        /// Nobody can take it away.
        public func verify() throws(JournalError) { try use { _ in } }

        /// It keeps no room.
        public func makeRoom() throws(JournalError) -> Bool { try use { _ in false } }

        public func end() throws(JournalError) {
            try use { _ in }
            close()
        }

        public func close() {
            guard isOpen else { return }
            isOpen = false
            journal.state.withLock { $0.hasWriter = false }
        }
    }

    /// Threads: used by one at a time.
    public final class Reader: JournalReading {
        private let journal: MemoryJournal
        public private(set) var isOpen = true

        init(_ journal: MemoryJournal) { self.journal = journal }

        private func read<Result: Sendable>(_ body: (borrowing MemoryState) -> Result) throws(JournalError) -> Result {
            guard isOpen else { throw MemoryJournal.error(.closed, "the reader was closed") }
            return journal.state.withLock { body($0) }
        }

        public func close() { isOpen = false }

        public func events(
            of run: JournalRunID, after: UInt64, through last: UInt64, maxBytes: Int, maxCount: Int
        ) throws(JournalError) -> [EventRow] {
            try read { state in
                let all = state.eventsByRun[run] ?? []
                let some = all.dropFirst(Int(clamping: after)).prefix { state.events[$0].seq <= last }
                return some.lazy.map { state.events[$0] }.page(maxBytes: maxBytes, maxCount: maxCount)
            }
        }

        public func events(
            ofKinds kinds: [Int32], of run: JournalRunID?, after: UInt64, through last: UInt64, maxBytes: Int,
            maxCount: Int
        ) throws(JournalError) -> [EventRow] {
            try read { state in
                let all = run.map { (state.eventsByRun[$0] ?? []).map { state.events[$0] } } ?? state.events
                return all.filter { row in
                    let number = run == nil ? row.offset : row.seq
                    return number > after && number <= last && kinds.contains(row.kind)
                }.page(maxBytes: maxBytes, maxCount: maxCount)
            }
        }

        public func events(afterOffset: UInt64, maxBytes: Int, maxCount: Int) throws(JournalError) -> [EventRow] {
            try read {
                $0.events.dropFirst(Int(clamping: afterOffset)).page(maxBytes: maxBytes, maxCount: maxCount)
            }
        }

        public func lastOffset() throws(JournalError) -> UInt64 { try read { $0.lastOffset } }

        public func lastSeq(of run: JournalRunID) throws(JournalError) -> UInt64 {
            try read { $0.runs[run]?.lastSeq ?? 0 }
        }

        public func run(_ id: JournalRunID) throws(JournalError) -> RunRow? { try read { $0.runs[id] } }

        public func runs(
            from first: JournalRunID, through last: JournalRunID, limit: Int
        ) throws(JournalError) -> [RunRow] {
            try read { state in
                state.runs.values.filter { $0.run >= first && $0.run <= last }.sorted { $0.run < $1.run }
                    .first(limit)
            }
        }

        public func runs(
            _ filter: RunFilter, order: RunOrder, after cursor: RunCursor?, limit: Int
        ) throws(JournalError) -> [RunRow] {
            try read { state in
                let fitting = state.runs.values.filter { row in
                    guard filter.accepts(row) else { return false }
                    guard let cursor else { return true }
                    return order == .oldestFirst ? cursor < RunCursor(row) : RunCursor(row) < cursor
                }
                .sorted { RunCursor($0) < RunCursor($1) }
                return (order == .oldestFirst ? fitting : fitting.reversed()).first(limit)
            }
        }

        public func activeRuns() throws(JournalError) -> [RunRow] {
            try read { $0.runs.values.filter(\.active).sorted { RunCursor($0) < RunCursor($1) } }
        }

        public func dueRuns(through time: Int64, limit: Int) throws(JournalError) -> [RunRow] {
            try read { state in
                state.runs.values.filter { row in row.due.map { $0 <= time } ?? false }
                    .sorted { ($0.due!, $0.run) < ($1.due!, $1.run) }.first(limit)
            }
        }

        public func nextDue() throws(JournalError) -> Int64? { try read { $0.runs.values.compactMap(\.due).min() } }

        public func openAsks(
            of run: JournalRunID?, after cursor: AskCursor?, limit: Int
        ) throws(JournalError) -> [AskRow] {
            func place(_ ask: AskCursor) -> (Int64, JournalRunID, UInt32) { (ask.openedAt, ask.run, ask.number) }
            return try read { state in
                state.asks.values
                    .filter { ask in
                        guard ask.open, run == nil || ask.run == run else { return false }
                        return cursor.map { place($0) < place(AskCursor(ask)) } ?? true
                    }
                    .sorted { place(AskCursor($0)) < place(AskCursor($1)) }.first(limit)
            }
        }

        public func ask(_ number: UInt32, of run: JournalRunID) throws(JournalError) -> AskRow? {
            try read { $0.asks[Numbered(run: run, number: number)] }
        }

        public func request(_ id: JournalRequestID) throws(JournalError) -> RequestRow? { try read { $0.request(id) } }

        public func agent(_ name: String) throws(JournalError) -> AgentRow? { try read { $0.agents[Name(name)] } }

        public func agents(after name: String?, limit: Int) throws(JournalError) -> [AgentRow] {
            try read { $0.agents.page(after: name, limit: limit) }
        }

        public func tool(_ name: String) throws(JournalError) -> ToolRow? { try read { $0.tools[Name(name)] } }

        public func tools(after name: String?, limit: Int) throws(JournalError) -> [ToolRow] {
            try read { $0.tools.page(after: name, limit: limit) }
        }

        public func tokens(after id: String?, limit: Int) throws(JournalError) -> [TokenRow] {
            try read { $0.tokens.page(after: id, limit: limit) }
        }

        public func dueMessages(
            to endpoint: String, through time: Int64, limit: Int
        ) throws(JournalError) -> [OutboxRow] {
            try read { state in
                state.outbox.filter { message in
                    message.isTo(endpoint) && (message.nextAt.map { $0 <= time } ?? false)
                }
                .sorted { $0.nextAt! < $1.nextAt! }.first(limit).map(\.row)
            }
        }

        public func nextMessageDue(to endpoint: String, after time: Int64) throws(JournalError) -> Int64? {
            try read { state in
                state.outbox.filter { $0.isTo(endpoint) }.compactMap(\.nextAt).filter { $0 > time }.min()
            }
        }

        public func outboxCounts() throws(JournalError) -> [String: OutboxCounts] {
            try read { state in
                var counts: [String: OutboxCounts] = [:]
                for message in state.outbox {
                    var known = counts[message.row.key.endpoint] ?? OutboxCounts(pending: 0, dead: 0)
                    if message.isDead { known.dead += 1 } else { known.pending += 1 }
                    counts[message.row.key.endpoint] = known
                }
                return counts
            }
        }

        public func readyCalls(of tool: String, limit: Int) throws(JournalError) -> [ReadyCallKey] {
            try read { state in
                state.readyCalls.values.filter { Name($0.tool) == Name(tool) }.map(\.key).sorted().first(limit)
            }
        }

        public func readyCall(_ key: ReadyCallKey) throws(JournalError) -> ReadyCallRow? {
            try read { state in
                let call = state.readyCalls[Numbered(run: key.run, number: key.number)]
                return call?.key == key ? call : nil
            }
        }

        public func snapshot(of run: JournalRunID) throws(JournalError) -> SnapshotRow? {
            try read { $0.snapshots[run] }
        }

        public func blob(_ sha256: [UInt8]) throws(JournalError) -> [UInt8]? { try read { $0.blobs[sha256]?.data } }

        public func blobHead(
            _ sha256: [UInt8], atMost count: Int
        ) throws(JournalError) -> (byteCount: Int, head: [UInt8])? {
            try read { state in
                state.blobs[sha256].map { ($0.data.count, $0.data.first(count)) }
            }
        }

        public func blobUses(of run: JournalRunID, through last: UInt64) throws(JournalError) -> [BlobUse] {
            try read { state in
                state.blobUses.filter { $0.run == run && $0.seq <= last }
                    .sorted { ($0.seq, Digest($0)) < ($1.seq, Digest($1)) }
            }
        }
    }
}

@available(*, unavailable)
extension MemoryJournal.Writer: Sendable {}

@available(*, unavailable)
extension MemoryJournal.Reader: Sendable {}

extension RunFilter {
    fileprivate func accepts(_ row: RunRow) -> Bool {
        statuses.map { $0.contains(row.status) } ?? true && active.map { $0 == row.active } ?? true
            && agent.map { Name($0) == Name(row.agent) } ?? true && parent.map { $0 == row.parent } ?? true
            && createdAfter.map { row.createdAt > $0 } ?? true && createdBefore.map { row.createdAt < $0 } ?? true
    }
}

extension Sequence {
    fileprivate func first(_ limit: Int) -> [Element] { Array(prefix(Swift.max(0, limit))) }
}

extension Sequence<EventRow> {
    /// As many as the bounds let through; the first whatever its size.
    fileprivate func page(maxBytes: Int, maxCount: Int) -> [EventRow] {
        var page: [EventRow] = []
        var bytes = 0
        for event in self where page.count < maxCount {
            bytes += event.body.count
            guard page.isEmpty || bytes <= maxBytes else { break }
            page.append(event)
        }
        return page
    }
}

extension Dictionary where Key == Name {
    fileprivate func page(after name: String?, limit: Int) -> [Value] {
        keys.filter { key in name.map { Name($0) < key } ?? true }.sorted().first(limit).map { self[$0]! }
    }
}
