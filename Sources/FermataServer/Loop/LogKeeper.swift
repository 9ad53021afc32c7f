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

    /// µs between two looks, and between two tries while the files cannot be opened.
    private static let interval: Int64 = 2_000_000
    private static let shortInterval: Int64 = 250_000
    /// For so many tries the files cannot be opened, about a minute, before that is more than a shortage.
    private static let triesOfShortage = 240

    private func keep(_ journal: SQLiteJournal, _ logger: Logger) {
        // Now, while there are descriptors: clients can have the last ones when the first look is due.
        var checkpointer = try? journal.openCheckpointer()
        var isFailing = false
        var shortages = 0
        while true {
            let isShort = (1..<Self.triesOfShortage).contains(shortages)
            let interval = isShort ? Self.shortInterval : Self.interval
            _ = wakeUps.take(until: Clock.monotonic + interval, atMost: .max)
            let goesOn = isStopped.withLock { isStopped in
                guard !isStopped else { return false }
                do throws(JournalError) {
                    if checkpointer == nil { checkpointer = try journal.openCheckpointer() }
                    let checkpoint = try checkpointer!.checkpoint()
                    isFailing = false
                    shortages = 0
                    moved.store((checkpoint?.movedPages ?? 0) * 4120, ordering: .relaxed)
                } catch  where isShortage(error) && shortages < Self.triesOfShortage {
                    if shortages == 0 {
                        logger.warning(
                            """
                            the process has no free descriptor to move the log to the store with: the log is moved as soon \
                            as there is one, and nothing is lost
                            """)
                    }
                    shortages += 1
                    checkpointer = nil
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

    /// Whether the files could not be opened though they are there and may be opened: for want of a descriptor, then.
    private func isShortage(_ error: JournalError) -> Bool {
        guard error.sqliteCode.map({ $0 & 0xFF }) == Self.cannotOpen else { return false }
        return access(store, R_OK | W_OK) == 0 && access(store + "-wal", R_OK | W_OK) == 0
    }

    /// SQLite's code for a file that it cannot open (`SQLITE_CANTOPEN`).
    private static let cannotOpen: Int32 = 14

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
