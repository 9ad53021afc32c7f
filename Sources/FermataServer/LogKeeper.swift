internal import Glibc
internal import Journal
internal import Logging
internal import Synchronization

/// Keeps the store's write-ahead log short: moves what was committed to the store's file, beside the commits, every two
/// seconds and when the log has become half as long as it may. What is committed meanwhile is little: the loop moves
/// that itself, and the next commit begins the log anew. (Without it the log grew on to its full length beside a client
/// that never paused, and meanwhile the keeper synced the store ten times a second.)
///
/// How long that is depends on the disk: an eighth of what is free, of 1 MiB to 64 MiB. A long log costs little (a
/// commit that writes over it takes half the time of one that makes it longer), and a disk must not be full of it.
///
/// Threads: any. It has one of its own, which ends with the process.
final class LogKeeper: Sendable {
    private let wakeUps = Inbox<Bool>()
    private let limit = Atomic<Int>(64 << 20)
    /// Bytes of a long log that the keeper has moved, which the loop has not heard of yet.
    private let moved = Atomic(0)
    private let store: String
    /// True once the store is to be left as it is.
    private let isStopped = Mutex(false)

    private var longestLog: Int { limit.load(ordering: .relaxed) }

    init(_ journal: SQLiteJournal, _ logger: Logger) {
        store = journal.path
        updateLimit()
        startThread("fermata-wal") { [self] in keep(journal, logger) }
    }

    /// Leaves the store to whoever ends it, at once or when what goes on is done.
    func stop() { isStopped.withLock { $0 = true } }

    /// The loop's view of the log.
    struct Lengths {
        fileprivate var last = 0
        /// From here on the keeper is woken again: a reader can hold the log for long.
        fileprivate var next = 0
    }

    /// The log has this many bytes after a commit.
    ///
    /// - Returns: whether the loop itself is to move the log: little is left of it, or the keeper was not quick enough.
    func logHas(_ bytes: Int, _ lengths: inout Lengths) -> Bool {
        let longest = longestLog
        if bytes < lengths.last { lengths.next = 0 }
        lengths.last = bytes
        guard bytes > longest / 2 else { return false }
        let moved = moved.exchange(0, ordering: .relaxed)
        if moved > 0, (moved...moved + longest / 8).contains(bytes) { return true }
        if bytes >= lengths.next {
            lengths.next = bytes + longest / 8
            wakeUps.wake()
        }
        return bytes > longest
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
                    let checkpoint = try checkpointer!.checkpoint()
                    isFailing = false
                    moved.store((checkpoint?.movedPages ?? 0) * 4120, ordering: .relaxed)
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
