internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import JournalSQLite
internal import OpenSSL
internal import RunRows
internal import SwiftProtobuf

/// Verifies a store from end to end: that it is whole as a file, that its numbers have no gap, that everything in it
/// can be read, and that what its events fold to is what its other tables say.
///
/// It reads one state of the store, whatever a server does to it meanwhile, changes nothing, and keeps one run in
/// memory at a time.
public struct StoreVerification {
    public struct Progress: Sendable, Hashable {
        /// What is looked at.
        public let part: String
        public let done: UInt64
        public let total: UInt64
    }

    private let inspection: StoreInspection
    private let progress: (Progress) -> Void
    private var report: StoreReport
    private var lastOffset: UInt64 = 0

    /// - Parameters:
    ///   - store: the store's file.
    ///   - limit: problems that the report names; all are counted.
    ///   - progress: called now and then.
    /// - Throws: why the file cannot be opened as a store; whatever is wrong inside is in the report.
    public static func verify(
        store: String, limit: Int = 100, progress: @escaping (Progress) -> Void = { _ in }
    ) throws -> StoreReport {
        try verify(StoreInspection(path: store), limit: limit, progress: progress)
    }

    static func verify(
        _ inspection: StoreInspection, limit: Int, progress: @escaping (Progress) -> Void
    ) -> StoreReport {
        var verification = StoreVerification(inspection, limit: limit, progress: progress)
        return verification.run()
    }

    private init(_ inspection: StoreInspection, limit: Int, progress: @escaping (Progress) -> Void) {
        self.inspection = inspection
        self.progress = progress
        report = StoreReport(store: inspection.path, schema: inspection.schema, limit: limit)
    }

    private mutating func run() -> StoreReport {
        part("the file") { verification in
            verification.progress(Progress(part: "the file", done: 0, total: 1))
            for line in try verification.inspection.integrityProblems(limit: 100) {
                verification.report.add("SQLite's check says: \(line)")
            }
        }
        part("offsets") { try $0.verifyOffsets() }
        part("mark") { if let problem = try $0.inspection.problemOfMark() { $0.report.add(problem) } }
        part("runs") { try $0.verifyRuns() }
        part("requests") { try $0.verifyRequests() }
        part("agents") { try $0.verifyAgents() }
        part("outbox") { try $0.verifyOutbox() }
        part("tools") { try $0.verifyTools() }
        part("tokens") { try $0.verifyTokens() }
        part("blobs") { try $0.verifyBlobs() }
        return report
    }

    /// What cannot be read any further is a problem of that part; the others are looked at all the same.
    private mutating func part(_ name: String, _ body: (inout StoreVerification) throws -> Void) {
        do { try body(&self) } catch { report.add("\(name) cannot be read any further: \(error)") }
    }

    private mutating func verifyOffsets() throws {
        let seals = try inspection.seals()
        var chain: UInt64 = 0
        while let (offset, seal) = try seals.next() {
            // Damaged pages of an index give them in another order.
            guard offset > lastOffset else {
                report.add("the event comes after event \(lastOffset)", offset: offset)
                continue
            }
            let missing = offset - lastOffset - 1
            if missing > 0 {
                report.add(
                    missing == 1 ? "the event is missing" : "\(missing) events from here on are missing",
                    offset: lastOffset + 1)
            } else if let seal, !seal.follows(chain) {
                report.add("the event does not follow the one before it: its chain says otherwise", offset: offset)
            }
            chain = seal?.chain ?? 0
            lastOffset = offset
            report.events += 1
        }
    }

    private mutating func verifyRuns() throws {
        var runs = try Ahead(inspection.runs())
        var events = try Ahead(inspection.events())
        var asks = try Ahead(inspection.asks())
        var snapshots = try Ahead(inspection.snapshots())
        var calls = try Ahead(inspection.readyCalls())
        var blobs = try Ahead(inspection.blobUses())
        var done: UInt64 = 0
        while let id = [
            runs.head?.run, events.head?.event.run, asks.head?.run, snapshots.head?.run, calls.head?.key.run,
            blobs.head?.use.run,
        ].compactMap(\.self).min() {
            var run = RunVerification(id: id)
            if let row = runs.head, row.run == id {
                run.row = row
                report.runs += 1
                try runs.advance()
            }
            if let row = snapshots.head, row.run == id {
                run.snapshot = row
                report.snapshots += 1
                try snapshots.advance()
            }
            while let (event, hasItsSum) = events.head, event.run == id {
                if !hasItsSum {
                    report.add("it does not have its checksum", run: "\(id)", seq: event.seq, offset: event.offset)
                }
                run.read(event, &report)
                done += 1
                if done % 4096 == 0 { progress(Progress(part: "events", done: done, total: report.events)) }
                try events.advance()
            }
            run.endOfEvents(&report)
            while let ask = asks.head, ask.run == id {
                run.read(ask, &report)
                report.asks += 1
                try asks.advance()
            }
            while let call = calls.head, call.key.run == id {
                run.read(call, &report)
                try calls.advance()
            }
            while let (use, isThere) = blobs.head, use.run == id {
                run.read(use, isThere: isThere, &report)
                try blobs.advance()
            }
            run.end(&report)
        }
        progress(Progress(part: "events", done: done, total: report.events))
    }

    private mutating func verifyRequests() throws {
        let requests = try inspection.requests()
        var last: Int64?
        while let (number, request) = try requests.next() {
            report.requests += 1
            if let last, number != last + 1 { report.add("requests \(last + 1) to \(number - 1) are missing") }
            last = number
            let id = RunID(high: request.id.high, low: request.id.low)
            if request.digest.count != 8 { report.add("request \(id): its digest is not one") }
            let isReply =
                (try? FermataCommandReply(serializedBytes: request.reply)) != nil
                || (try? FermataPutAgentReply(serializedBytes: request.reply)) != nil
                || (try? FermataPutBlobReply(serializedBytes: request.reply)) != nil
            if !isReply { report.add("request \(id): its reply does not decode") }
        }
    }

    /// Of a run's messages to an endpoint the first that is not dead has a time, and no other.
    private mutating func verifyOutbox() throws {
        let rows = try inspection.outbox()
        var first: OutboxKey?
        while let (message, isDue, isDead) = try rows.next() {
            report.messages += 1
            let run = RunID(message.key.run).description
            if OutboxKind(rawValue: message.key.kind) == nil {
                report.add("a message to \(message.key.endpoint) is of no kind", run: run, seq: message.key.seq)
            }
            let isFirst = first?.endpoint != message.key.endpoint || first?.run != message.key.run
            if isDue != (isFirst && !isDead) {
                report.add(
                    "a message to \(message.key.endpoint) \(isDue ? "has a time, and it is not its turn" : "has no time")",
                    run: run, seq: message.key.seq)
            }
            if !isDead { first = message.key }
        }
    }

    private mutating func verifyTools() throws {
        let tools = try inspection.tools()
        while let row = try tools.next() {
            guard let tool = try? FermataRegisteredTool(row) else {
                report.add("tool \(row.name): it does not decode")
                continue
            }
            if tool.spec.name != row.name || tool.registeredAt != row.at {
                report.add("tool \(row.name): its row says another name or time than the tool itself")
            }
        }
    }

    private mutating func verifyAgents() throws {
        let agents = try inspection.agents()
        while let row = try agents.next() {
            report.agents += 1
            guard let stored = try? FermataStoredAgent(row) else {
                report.add("agent \(row.name): it does not decode")
                continue
            }
            if stored.agent.name != row.name || stored.version != row.version || stored.storedAt != row.at {
                report.add("agent \(row.name): its row says another name, version or time than the agent itself")
            }
        }
    }
}

extension StoreVerification {
    fileprivate mutating func verifyBlobs() throws {
        let blobs = try inspection.blobs()
        while let row = try blobs.next() {
            report.blobs += 1
            if sha256(row.data) != row.sha256 {
                report.add("blob \(row.sha256.hexadecimal): its data has another digest")
            }
        }
    }

    fileprivate mutating func verifyTokens() throws {
        let tokens = try inspection.tokens()
        while let row = try tokens.next() {
            report.tokens += 1
            let isWhole =
                RunID(row.id) != nil && row.sha256.count == 32 && FermataScope(rawValue: Int(row.scope)) != nil
                && FermataAgent.isName(row.name)
            if !isWhole { report.add("token \(row.id): its id, name, scope or digest is not one") }
        }
    }
}

/// A cursor and its next row.
private struct Ahead<Row> {
    private let cursor: RowCursor<Row>
    private(set) var head: Row?

    init(_ cursor: RowCursor<Row>) throws {
        self.cursor = cursor
        head = try cursor.next()
    }

    mutating func advance() throws { head = try cursor.next() }
}
