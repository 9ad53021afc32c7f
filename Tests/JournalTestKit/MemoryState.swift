internal import Journal

/// Why a batch contradicts the journal or itself.
struct Contradiction: Error {
    let cause: String
}

/// A name as its bytes of UTF-8: texts that look alike are not the same.
struct Name: Hashable, Comparable {
    let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    static func < (left: Name, right: Name) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

/// What a run numbers: its asks, its calls.
struct Numbered: Hashable {
    let run: JournalRunID
    let number: UInt32
}

/// Orders digests.
struct Digest: Comparable {
    let bytes: [UInt8]

    init(_ use: BlobUse) { bytes = use.sha256 }

    static func < (left: Digest, right: Digest) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

/// What a journal in memory holds.
struct MemoryState {
    struct Message {
        var row: OutboxRow
        /// nil: it is dead, or another one of its run goes first.
        var nextAt: Int64?
        var isDead = false

        func isTo(_ endpoint: String) -> Bool { Name(row.key.endpoint) == Name(endpoint) }
    }

    var hasWriter = false
    var isFull = false
    /// In the order of their offsets, from 1.
    var events: [EventRow] = []
    /// Indices of a run's events, in the order of their seqs, from 1.
    var eventsByRun: [JournalRunID: [Int]] = [:]
    var runs: [JournalRunID: RunRow] = [:]
    /// In the order in which they were accepted.
    var requests: [RequestRow] = []
    var asks: [Numbered: AskRow] = [:]
    var agents: [Name: AgentRow] = [:]
    var tools: [Name: ToolRow] = [:]
    var tokens: [Name: TokenRow] = [:]
    var readyCalls: [Numbered: ReadyCallRow] = [:]
    var snapshots: [JournalRunID: SnapshotRow] = [:]
    var outbox: [Message] = []
    var blobs: [[UInt8]: BlobRow] = [:]
    var blobUses: [BlobUse] = []

    var lastOffset: UInt64 { UInt64(events.count) }

    func request(_ id: JournalRequestID) -> RequestRow? { requests.first { $0.id == id } }

    // MARK: - Checking

    /// Finds what would make a batch contradict the journal or itself, before anything of it is written.
    func check(_ batch: JournalBatch) throws(Contradiction) {
        try checkRuns(batch)
        try checkRequests(batch.requests)
        try checkOutbox(batch)
        guard batch.agents.allSatisfy({ $0.version > 0 }) else { throw Contradiction(cause: "an agent of no version") }
        guard batch.tokens.allSatisfy({ $0.sha256.count == 32 }) else {
            throw Contradiction(cause: "a digest of a token's secret does not have 32 bytes")
        }
        let named = Set(batch.runs.map(\.run))
        guard batch.blobs.allSatisfy({ $0.sha256.count == 32 }),
            batch.blobUses.allSatisfy({ $0.sha256.count == 32 && named.contains($0.run) })
        else { throw Contradiction(cause: "a digest of a blob does not have 32 bytes, or its run is not in the batch") }
    }

    private func checkRuns(_ batch: JournalBatch) throws(Contradiction) {
        var rows: [JournalRunID: RunRow] = [:]
        for row in batch.runs { rows[row.run] = row }
        var seqs: [JournalRunID: UInt64] = [:]
        for event in batch.events {
            let last = seqs[event.run] ?? runs[event.run]?.lastSeq ?? 0
            guard event.seq == last + 1 else {
                throw Contradiction(cause: "event \(event.seq) of run \(event.run) after \(last)")
            }
            guard rows[event.run] != nil else {
                throw Contradiction(cause: "events of run \(event.run) without its row")
            }
            seqs[event.run] = event.seq
        }
        for row in rows.values {
            guard let last = seqs[row.run] ?? runs[row.run]?.lastSeq else {
                throw Contradiction(cause: "a new run \(row.run) without events")
            }
            guard row.lastSeq == last else {
                throw Contradiction(cause: "the row of run \(row.run) ends at \(row.lastSeq), its events at \(last)")
            }
            guard runs[row.run].map({ $0.createdAt == row.createdAt }) ?? true else {
                throw Contradiction(cause: "run \(row.run) changes its time of creation")
            }
        }
    }

    private func checkRequests(_ new: [RequestRow]) throws(Contradiction) {
        var ids: Set<JournalRequestID> = []
        for row in new {
            guard ids.insert(row.id).inserted, request(row.id) == nil else {
                throw Contradiction(cause: "request \(row.id) twice")
            }
        }
    }

    /// Messages come after the outcomes of the same batch.
    private func checkOutbox(_ batch: JournalBatch) throws(Contradiction) {
        var after = self
        for outcome in batch.outcomes { after.settle(outcome) }
        for row in batch.outbox {
            guard row.key.seq > 0 else { throw Contradiction(cause: "a message of no event") }
            guard after.index(of: row.key) == nil else { throw Contradiction(cause: "a message twice") }
            after.add(row)
        }
    }

    // MARK: - Writing

    /// Writes a batch that was checked.
    mutating func write(_ batch: JournalBatch, requestLimit: Int) -> JournalCommit {
        let commit = JournalCommit(firstOffset: lastOffset + 1)
        for event in batch.events {
            eventsByRun[event.run, default: []].append(events.count)
            events.append(EventRow(event, offset: lastOffset + 1))
        }
        for row in batch.runs { runs[row.run] = row }
        for ask in batch.asks { write(ask) }
        for agent in batch.agents { agents[Name(agent.name)] = agent }
        for outcome in batch.outcomes { settle(outcome) }
        for row in batch.outbox { add(row) }
        for tool in batch.tools { tools[Name(tool.name)] = tool }
        for change in batch.readyCalls {
            switch change {
            case .ready(let call): readyCalls[Numbered(run: call.key.run, number: call.key.number)] = call
            case .notReady(let run, let number): readyCalls[Numbered(run: run, number: number)] = nil
            }
        }
        for token in batch.tokens { tokens[Name(token.id)] = token }
        for blob in batch.blobs where blobs[blob.sha256] == nil { blobs[blob.sha256] = blob }
        for use in batch.blobUses {
            let isKnown = blobUses.contains { $0.run == use.run && $0.sha256 == use.sha256 }
            if !isKnown { blobUses.append(use) }
        }
        requests += batch.requests
        let excess = requests.count - requestLimit
        if excess > 0 { requests.removeFirst(min(excess, 2 * batch.requests.count)) }
        return commit
    }

    private mutating func write(_ ask: AskRow) {
        let key = Numbered(run: ask.run, number: ask.number)
        if !ask.open, var known = asks[key] {
            known.open = false
            known.due = nil
            asks[key] = known
        } else {
            asks[key] = ask
        }
    }

    /// The message that is not dead.
    private func index(of key: OutboxKey) -> Int? {
        outbox.firstIndex { message in
            let known = message.row.key
            return !message.isDead && message.isTo(key.endpoint) && known.run == key.run && known.seq == key.seq
                && known.kind == key.kind
        }
    }

    /// Those of a run to an endpoint that are not dead, in the order in which they go out.
    private func queue(of key: OutboxKey) -> [Int] {
        outbox.indices.filter {
            !outbox[$0].isDead && outbox[$0].isTo(key.endpoint) && outbox[$0].row.key.run == key.run
        }
        .sorted { left, right in
            let (left, right) = (outbox[left].row.key, outbox[right].row.key)
            return (left.seq, left.kind) < (right.seq, right.kind)
        }
    }

    private mutating func add(_ row: OutboxRow) {
        outbox.append(Message(row: row, nextAt: queue(of: row.key).isEmpty ? row.at : nil))
    }

    private mutating func settle(_ outcome: OutboxOutcome) {
        let found = index(of: outcome.key)
        switch outcome.result {
        case .delivered(let next):
            if let found { outbox.remove(at: found) }
            promote(outcome.key, next)
        case .failed(let next):
            guard let found else { return }
            outbox[found].row.attempts += 1
            outbox[found].nextAt = next
        case .givenUp(let next):
            if let found {
                outbox[found].row.attempts += 1
                outbox[found].nextAt = nil
                outbox[found].isDead = true
            }
            promote(outcome.key, next)
        }
    }

    /// The next message of the run is due at a time, if it waits.
    private mutating func promote(_ key: OutboxKey, _ time: Int64) {
        guard let first = queue(of: key).first, outbox[first].nextAt == nil else { return }
        outbox[first].nextAt = time
    }
}
