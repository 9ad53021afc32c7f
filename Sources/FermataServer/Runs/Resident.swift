internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// A run as it is after some event, for everyone who needs it: to copy a run is to count forty references, and to ask
/// it is to copy it. So what is asked at every commit is known beforehand.
final class SharedRun: Sendable {
    let run: Run
    let id: RunID
    let seq: UInt64
    let status: FermataStatus
    let isActive: Bool
    let due: Int64?
    let wanted: Set<Effect>
    let ready: [Run.Call]
    let agent: String
    let parent: JournalRunID?
    let createdAt: Int64
    let updatedAt: Int64

    init(_ run: Run) {
        self.run = run
        id = run.id
        seq = run.seq
        status = run.status
        isActive = run.isActive
        due = run.due
        wanted = run.wanted
        ready = run.ready
        agent = run.spec.agent
        parent = run.lineage.parent?.journaled
        createdAt = run.lineage.createdAt
        updatedAt = run.updatedAt
    }
}

extension Run.Spec {
    /// What the tools take, about, in memory and in a request.
    var toolBytes: Int { tools.reduce(0) { $0 + $1.description_p.utf8.count + $1.parameters.utf8.count } }
}

/// A run in memory. The loop's alone.
final class Resident {
    /// As it is by the inputs so far.
    private(set) var current: SharedRun
    /// As it is in the journal: what a batch that cannot be committed goes back to.
    private(set) var durable: SharedRun
    /// The last event that is in its snapshot.
    var snapshotSeq: UInt64
    var inFlight: [Effect: any EffectInFlight] = [:]
    /// Of the run's tools, which never change after its launch.
    private lazy var toolBytes = run.spec.toolBytes
    /// Of `current`, encoded: as replies to commands show it, and as the run's row has it.
    private var replySummary: [UInt8]?
    private var rowSummary: [UInt8]?

    init(_ run: Run, snapshotSeq: UInt64 = 0) {
        current = SharedRun(run)
        durable = current
        self.snapshotSeq = snapshotSeq
    }

    var run: Run { _read { yield current.run } }

    /// What it takes in memory, about: a small run took 14 KiB.
    var byteCount: Int { (16 << 10) + toolBytes + run.textBytes }

    /// The run's summary without its last message, encoded. Without one it is the row's as well.
    func summaryForReply() -> [UInt8] {
        if let replySummary { return replySummary }
        var summary = run.summary
        let hasMessage = !summary.lastMessage.isEmpty
        if hasMessage {
            rowSummary = try! summary.serializedBytes()
            summary.lastMessage = ""
        }
        let encoded: [UInt8] = try! summary.serializedBytes()
        replySummary = encoded
        if !hasMessage { rowSummary = encoded }
        return encoded
    }

    /// The run's summary, encoded.
    func summaryForRow() -> [UInt8] {
        if let rowSummary { return rowSummary }
        let encoded: [UInt8] = try! run.summary.serializedBytes()
        rowSummary = encoded
        return encoded
    }

    func become(_ run: Run) {
        current = SharedRun(run)
        forgetSummary()
    }

    /// What is in the journal is kept as a run only: who needs its summary again is served from elsewhere.
    func committed() {
        durable = current
        forgetSummary()
    }

    func rollBack() {
        current = durable
        forgetSummary()
    }

    private func forgetSummary() {
        replySummary = nil
        rowSummary = nil
    }
}
