internal import Glibc
internal import Journal
internal import Logging
internal import Synchronization

/// Keeps the store's write-ahead log short: moves what was committed to the store's file, beside the commits, every two
/// seconds and when the log has become half as long as it may.
///
/// How long that is depends on the disk: an eighth of what is free, of 1 MiB to 64 MiB. A long log costs little (a
/// commit that writes over it takes half the time of one that makes it longer), and a disk must not be full of it.
///
/// Threads: any. It has one of its own, which ends with the process.
final class LogKeeper: Sendable {
    private let wakeUps = Inbox<Bool>()
    private let limit = Atomic<Int>(64 << 20)
    private let store: String
    /// True once the store is to be left as it is.
    private let isStopped = Mutex(false)

    /// Bytes of the log from which on the loop itself moves it: the keeper was not quick enough.
    var longestLog: Int { limit.load(ordering: .relaxed) }

    init(_ journal: SQLiteJournal, _ logger: Logger) {
        store = journal.path
        updateLimit()
        startThread("fermata-wal") { [self] in keep(journal, logger) }
    }

    /// Leaves the store to whoever ends it, at once or when what goes on is done.
    func stop() { isStopped.withLock { $0 = true } }

    /// The log has this many bytes after a commit.
    func logHas(_ bytes: Int) {
        if bytes > longestLog / 2 { wakeUps.wake() }
    }

    private func keep(_ journal: SQLiteJournal, _ logger: Logger) {
        var checkpointer: JournalCheckpointer?
        var isFailing = false
        while true {
            _ = wakeUps.take(until: Clock.monotonic + 2_000_000, atMost: .max)
            let goesOn = isStopped.withLock { isStopped in
                guard !isStopped else { return false }
                do {
                    if checkpointer == nil { checkpointer = try journal.openCheckpointer() }
                    _ = try checkpointer!.checkpoint()
                    isFailing = false
                } catch {
                    // Nothing is lost: the log grows until there is room again.
                    if !isFailing { logger.error("the log is not moved to the store", metadata: ["error": "\(error)"]) }
                    isFailing = true
                    checkpointer = nil
                }
                updateLimit()
                // Where the disk is small the log can be at its limit before the next look.
                checkpointer?.keepReserve(longestLog < 16 << 20 ? longestLog : logBytes)
                return true
            }
            guard goesOn else { return }
            // Not again at once, whatever the commits say meanwhile: each time costs two syncs.
            usleep(50_000)
        }
    }

    private var logBytes: Int { size(of: store + "-wal") }

    private func updateLimit() {
        guard let free = freeSpace(at: store) else { return }
        // What the log and its reserve have taken is theirs.
        let room = free / 8 + (logBytes + size(of: store + ".reserve")) / 8
        limit.store(min(max(room, 1 << 20), 64 << 20), ordering: .relaxed)
    }

    private func size(of path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
