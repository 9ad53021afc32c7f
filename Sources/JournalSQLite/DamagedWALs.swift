internal import Journal
internal import Synchronization

/// Stores of this process whose write-ahead log was found damaged, by whatever connection: the next start would lose all
/// that comes after the damage, so nothing may be acknowledged any more.
///
/// Threads: any.
enum DamagedWALs {
    private static let damages = Mutex<[String: String]>([:])
    private static let areThereAny = Atomic<Bool>(false)

    static func note(_ path: String, _ what: String) {
        damages.withLock { damages in
            if damages[path] == nil { damages[path] = what }
        }
        areThereAny.store(true, ordering: .releasing)
    }

    static func check(_ path: String) throws(JournalError) {
        guard areThereAny.load(ordering: .acquiring), let what = damages.withLock({ $0[path] }) else { return }
        throw JournalError(
            code: .filesChanged, path: path,
            message:
                "the write-ahead log of the running store is damaged, and what is committed after it would be lost: "
                + what)
    }

    /// The store is opened anew: SQLite takes the WAL up to its first damage.
    static func forget(_ path: String) { damages.withLock { _ = $0.removeValue(forKey: path) } }
}
