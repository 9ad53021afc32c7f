internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows

/// Runs whose last snapshot is old, until a tick writes a new one.
struct StaleSnapshots {
    /// What one tick writes at most: the loop's thread does it.
    static let runsAtOnce = 32
    static let bytesAtOnce = 1 << 20
    /// Runs that may be kept for their snapshot after they have left memory. Others go without: it is a cache.
    private static let leavingLimit = 256

    private(set) var waiting: [RunID] = []
    private var isWaiting: Set<RunID> = []
    private var left: [RunID: Run] = [:]

    mutating func add(_ id: RunID) {
        if isWaiting.insert(id).inserted { waiting.append(id) }
    }

    /// A run leaves memory; if it waits, it is kept until its turn comes.
    mutating func leaves(_ run: Run) {
        if isWaiting.contains(run.id), left.count < Self.leavingLimit { left[run.id] = run }
    }

    func stateThatLeft(_ id: RunID) -> Run? { left[id] }

    mutating func removeFirst(_ count: Int) {
        for id in waiting.prefix(count) {
            isWaiting.remove(id)
            left[id] = nil
        }
        waiting.removeFirst(count)
    }
}

/// Snapshots are written between commits, a few at each tick.
extension RunLoop {
    /// - Parameter id: of a run whose new events are committed.
    func noteForSnapshot(_ id: RunID) {
        guard let resident = residents[id], resident.durable.seq >= resident.snapshotSeq + JournaledRun.snapshotInterval
        else { return }
        staleSnapshots.add(id)
    }

    func writeSnapshots() {
        guard counters.storeIsFull.current == 0, !staleSnapshots.waiting.isEmpty else { return }
        var rows: [SnapshotRow] = []
        var (count, bytes) = (0, 0)
        for id in staleSnapshots.waiting.prefix(StaleSnapshots.runsAtOnce) where bytes < StaleSnapshots.bytesAtOnce {
            count += 1
            guard let run = residents[id]?.durable.run ?? staleSnapshots.stateThatLeft(id) else { continue }
            let body = run.snapshot
            bytes += body.count
            rows.append(SnapshotRow(run: id.journaled, seq: run.seq, format: Run.snapshotFormat, body: body))
        }
        do {
            try writer.keep(rows)
        } catch  where error.code == .storeFull || error.code == .busy {
            return
        } catch {
            fail("a commit failed and its outcome is not known", error)
        }
        for row in rows { residents[RunID(row.run)]?.snapshotSeq = row.seq }
        staleSnapshots.removeFirst(count)
    }
}
