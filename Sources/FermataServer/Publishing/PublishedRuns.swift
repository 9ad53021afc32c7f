internal import FermataCore
internal import FermataProtocol
internal import Synchronization

/// The runs in memory as the journal has them, for readers on any thread: written by the loop after each commit.
final class PublishedRuns: Sendable {
    private let runs = Mutex<[RunID: SharedRun]>([:])

    func set(_ shared: SharedRun) { runs.withLock { $0[shared.id] = shared } }
    var count: Int { runs.withLock { $0.count } }
    func remove(_ id: RunID) { runs.withLock { _ = $0.removeValue(forKey: id) } }
    subscript(id: RunID) -> SharedRun? { runs.withLock { $0[id] } }
}
