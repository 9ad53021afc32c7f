internal import FermataCore
internal import FermataProtocol
internal import JSON
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// Verifies one run, row by row: its events in order, then its asks.
struct RunVerification {
    let id: JournalRunID
    var row: RunRow?
    var snapshot: SnapshotRow?

    private var run: Run
    private var lastSeq: UInt64 = 0
    private var lastAt = Int64.min
    /// Numbers of asks that the events opened, and that have no row yet.
    private var asked: Set<UInt32> = []
    /// Calls that have a row which offers them to workers.
    private var offered: [FermataCallOffer] = []
    /// Blobs that the events name and that have no row yet, with the first event that does.
    private var named: [[UInt8]: UInt64] = [:]
    /// What the events fold to says nothing, because not all of them could be read.
    private var isDamaged = false
    private var name: String { id.description }

    init(id: JournalRunID) {
        self.id = id
        run = Run(id: RunID(id))
    }

    mutating func read(_ event: EventRow, _ report: inout StoreReport) {
        if event.seq > lastSeq + 1 {
            let missing = event.seq - lastSeq - 1
            isDamaged = true
            report.add(
                missing == 1 ? "it is missing" : "\(missing) events from here on are missing", run: name,
                seq: lastSeq + 1)
        }
        lastSeq = event.seq
        func add(_ what: String) { report.add(what, run: name, seq: event.seq, offset: event.offset) }
        if event.at < lastAt { add("it has an earlier time than the event before it") }
        lastAt = max(lastAt, event.at)
        guard let decoded = try? FermataEvent(event) else {
            isDamaged = true
            return add("it does not decode")
        }
        if decoded.kindNumber == 0 {
            isDamaged = true
            return add("it is of a kind that is not known (\(event.kind))")
        }
        if decoded.kindNumber != event.kind {
            add("its row says kind \(event.kind), it is of kind \(decoded.kindNumber)")
        }
        if case .launched = decoded.kind {
            if event.seq != 1 { add("the run is launched a second time") }
        } else if event.seq == 1 {
            add("a run begins with its launch, this one does not")
        }
        if case .askOpened(let ask) = decoded.kind { asked.insert(ask.number) }
        for blob in decoded.blobs {
            if let digest = blob.digest { named[digest] = min(named[digest] ?? .max, event.seq) }
        }
        run.apply(decoded)
        if snapshot?.seq == event.seq { compareSnapshot(&report) }
    }

    mutating func endOfEvents(_ report: inout StoreReport) {
        if let snapshot, snapshot.seq > lastSeq || snapshot.seq == 0 {
            report.add("the run's snapshot is of this event, which is not there", run: name, seq: snapshot.seq)
        }
        guard lastSeq > 0 else {
            if row != nil { report.add("it has no events", run: name) }
            return
        }
        guard let row else { return report.add("it has events and no row in the list of runs", run: name) }
        if row.lastSeq != lastSeq {
            report.add("its row says that it ends at \(row.lastSeq), its events at \(lastSeq)", run: name)
            if row.lastSeq > lastSeq { return }
        }
        guard !isDamaged else { return }
        compare("status", row.status, Int32(run.status.rawValue), &report)
        compare("active", row.active, run.isActive, &report)
        compare("due", row.due ?? 0, run.due ?? 0, &report)
        compare("agent", row.agent, run.spec.agent, &report)
        compare("created_at", row.createdAt, run.lineage.createdAt, &report)
        compare("updated_at", row.updatedAt, run.updatedAt, &report)
        guard let summary = try? FermataRunSummary(serializedBytes: row.summary) else {
            return report.add("its summary does not decode", run: name)
        }
        let differing = RunVerification.fields(in: summary, otherThanIn: run.summary)
        if !differing.isEmpty {
            report.add("its summary says otherwise than its events: \(differing.joined(separator: ", "))", run: name)
        }
    }

    mutating func read(_ ask: AskRow, _ report: inout StoreReport) {
        let isAsked = asked.remove(ask.number) != nil
        guard row != nil else { return report.add("ask \(ask.number) is of a run that is not there", run: name) }
        guard let decoded = try? FermataAsk(serializedBytes: ask.body) else {
            return report.add("ask \(ask.number) does not decode", run: name)
        }
        if decoded.run != name || decoded.number != ask.number || Int32(decoded.kind.rawValue) != ask.kind
            || decoded.openedAt != ask.openedAt
        {
            report.add("ask \(ask.number): its row says another run, number, kind or time than the ask", run: name)
        }
        guard !isDamaged else { return }
        if !isAsked { report.add("ask \(ask.number) was never opened by an event", run: name) }
        // Those of a run that was handed off are answered elsewhere.
        let isOpen = !run.isHandedOff && run.summary.openAsks.contains(ask.number)
        if ask.open, !isOpen {
            report.add("ask \(ask.number) is open in the inbox, its events have closed it", run: name)
        }
        if !ask.open, isOpen { report.add("ask \(ask.number) is open, and not in the inbox", run: name) }
    }

    mutating func read(_ call: ReadyCallRow, _ report: inout StoreReport) {
        let number = call.key.number
        guard row != nil else { return report.add("call \(number) is offered, of a run that is not there", run: name) }
        guard let offer = try? FermataCallOffer(serializedBytes: call.body) else {
            return report.add("the offer of call \(number) does not decode", run: name)
        }
        if offer.run != name || offer.call != number || offer.attempt != call.key.attempt || offer.tool != call.tool {
            report.add("call \(number): its row says another run, number, attempt or tool than its offer", run: name)
        }
        offered.append(offer)
    }

    mutating func read(_ use: BlobUse, isThere: Bool, _ report: inout StoreReport) {
        let first = named.removeValue(forKey: use.sha256)
        if !isDamaged, first != use.seq {
            report.add("blob \(use.sha256.hexadecimal) is said to be named here, and is not", run: name, seq: use.seq)
        }
        if !isThere { report.add("blob \(use.sha256.hexadecimal) is not in the store", run: name, seq: use.seq) }
    }

    private func compareOffers(_ report: inout StoreReport) {
        let ready = run.ready.map { FermataCallOffer($0, of: run) }
        for offer in offered where !ready.contains(offer) {
            report.add("call \(offer.call) is offered to workers, and not ready as it is offered", run: name)
        }
        for offer in ready where !offered.contains(offer) {
            report.add("call \(offer.call) waits for a worker, and is offered to none", run: name)
        }
    }

    func end(_ report: inout StoreReport) {
        if !isDamaged { compareOffers(&report) }
        for (digest, seq) in named.sorted(by: { $0.value < $1.value }) {
            report.add("blob \(digest.hexadecimal) is named here, and has no row that says so", run: name, seq: seq)
        }
        for number in asked.sorted() { report.add("ask \(number) was opened and has no row", run: name) }
        if row == nil, lastSeq == 0, snapshot != nil { report.add("a snapshot of a run that is not there", run: name) }
    }

    private func compareSnapshot(_ report: inout StoreReport) {
        // One of another format is not read by anything.
        guard let snapshot, snapshot.format == Run.snapshotFormat else { return }
        guard let kept = Run(id: run.id, snapshot: snapshot.body) else {
            return report.add("the run's snapshot of this event does not decode", run: name, seq: snapshot.seq)
        }
        if !isDamaged, kept != run {
            report.add("the run's snapshot is not what its events fold to", run: name, seq: snapshot.seq)
        }
    }

    private func compare<Value: Equatable>(
        _ column: String, _ kept: Value, _ folded: Value, _ report: inout StoreReport
    ) {
        if kept != folded { report.add("its row says \(column) \(kept), its events \(folded)", run: name) }
    }

    /// The names of the fields in which two summaries differ.
    private static func fields(in left: FermataRunSummary, otherThanIn right: FermataRunSummary) -> [String] {
        guard left != right else { return [] }
        let (left, right) = (dictionary(left), dictionary(right))
        let names = Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }.sorted()
        return names.isEmpty ? ["a field that is not known"] : names
    }

    private static func dictionary(_ summary: FermataRunSummary) -> [String: String] {
        guard let json: [UInt8] = try? summary.jsonUTF8Bytes(), let document = try? JSONDocument(parsing: json)
        else { return [:] }
        return Dictionary(document.members(0).map { ($0.key, document.source($0.value)) }, uniquingKeysWith: { $1 })
    }
}
