internal import CStoreSeals
internal import Dispatch
internal import Glibc
internal import Journal
internal import Logging
internal import Synchronization
internal import Threads

/// Keeps the store's write-ahead log short: moves what was committed to the store's file, beside the commits, every two
/// seconds and when the WAL has become half as long as it may. What is committed meanwhile is little: the writer moves
/// that itself, and the next commit begins the WAL anew. (Without it the WAL grew on to its full length beside a client
/// that never paused, and meanwhile the keeper synced the store ten times a second.)
///
/// How long that is depends on the disk: an eighth of what is free, of 1 MiB to 64 MiB. A long WAL costs little (a
/// commit that writes over it takes half the time of one that makes it longer), and a disk must not be full of it.
///
/// Threads: any. It has one of its own, which ends after `stop`. Ownership: the writer has it, and stops it before the
/// store is closed; until then it keeps the store locked for its process.
final class WALKeeper: Sendable {
    /// What the thread works with.
    private struct Work {
        let journal: SQLiteJournal
        var checkpointer: SQLiteJournalCheckpointer?
        var isFailing = false
        /// How often in a row the files could not be opened.
        var shortages = 0
    }

    private let store: String
    private let logger: Logger
    private let wakeUps = DispatchSemaphore(value: 0)
    private let limit = Atomic<Int>(64 << 20)
    /// Bytes of a long WAL that the keeper has moved, which the writer has not heard of yet.
    private let moved = Atomic(0)
    /// nil once the store is to be left as it is. Held while the WAL is moved: nobody but `stop` waits for it.
    private let work: Mutex<Work?>

    private var longestWAL: Int { limit.load(ordering: .relaxed) }

    /// - Throws: `unreadable`: the system has no thread left.
    init(_ journal: SQLiteJournal, _ logger: Logger) throws(JournalError) {
        store = journal.path
        self.logger = logger
        work = Mutex(Work(journal: journal))
        updateLimit()
        try startThread()
    }

    private func startThread() throws(JournalError) {
        do { try OwnThread.start("fermata-wal") { self.keep() } } catch {
            throw JournalError(
                code: .unreadable, path: store,
                message:
                    "the thread that keeps the WAL short cannot be started: \(String(cString: strerror(error.code)))")
        }
    }

    /// Leaves the store to whoever ends it, at once or when what goes on is done: nothing of it is used any more when this
    /// returns. The second time nothing happens.
    func stop() {
        work.withLock { work in
            work?.checkpointer?.close()
            work = nil
        }
        wakeUps.signal()
    }

    /// The writer's view of the log.
    struct Lengths {
        fileprivate var last = 0
        /// From here on the keeper is woken again: a reader can hold the WAL for long.
        fileprivate var next = 0
    }

    /// The WAL has this many bytes after a commit.
    ///
    /// - Returns: whether the writer itself is to move the WAL: little is left of it, or the keeper was not quick enough.
    func walHas(_ bytes: Int, _ lengths: inout Lengths) -> Bool {
        let longest = longestWAL
        if bytes < lengths.last { lengths.next = 0 }
        lengths.last = bytes
        guard bytes > longest / 2 else { return false }
        let moved = moved.exchange(0, ordering: .relaxed)
        if moved > 0, (moved...moved + longest / 8).contains(bytes) { return true }
        if bytes >= lengths.next {
            lengths.next = bytes + longest / 8
            wakeUps.signal()
        }
        return bytes > longest
    }

    /// Between two looks, and between two tries while the files cannot be opened.
    private static let interval = DispatchTimeInterval.seconds(2)
    private static let shortInterval = DispatchTimeInterval.milliseconds(250)
    /// For so many tries the files cannot be opened, about a minute, before that is more than a shortage.
    private static let triesOfShortage = 240

    /// The thread.
    private func keep() {
        // Now, while there are descriptors: clients can have the last ones when the first look is due.
        work.withLock { work in
            guard let journal = work?.journal else { return }
            work!.checkpointer = try? journal.openCheckpointer()
        }
        var interval = Self.interval
        while true {
            _ = wakeUps.wait(timeout: .now() + interval)
            // Several that came meanwhile are one.
            while wakeUps.wait(timeout: .now()) == .success {}
            let next = work.withLock { work in
                if work == nil { return DispatchTimeInterval?.none }
                moveWAL(&work!)
                return (1..<Self.triesOfShortage).contains(work!.shortages) ? Self.shortInterval : Self.interval
            }
            guard let next else { return }
            interval = next
            // Not again at once, whatever the commits say meanwhile: each time costs two syncs.
            usleep(50_000)
        }
    }

    private func moveWAL(_ work: inout Work) {
        do throws(JournalError) {
            if work.checkpointer == nil { work.checkpointer = try work.journal.openCheckpointer() }
            let checkpoint = try work.checkpointer!.checkpoint()
            work.isFailing = false
            work.shortages = 0
            moved.store((checkpoint?.movedPages ?? 0) * SQLiteJournalWriter.bytesOfWALPage, ordering: .relaxed)
        } catch  where isShortage(error) && work.shortages < Self.triesOfShortage {
            if work.shortages == 0 {
                logger.warning(
                    """
                    the process has no free descriptor to move the WAL to the store with: the WAL is moved as soon \
                    as there is one, and nothing is lost
                    """)
            }
            work.shortages += 1
            work.checkpointer = nil
        } catch {
            // Nothing is lost: the WAL grows until there is room again.
            if !work.isFailing { logger.error("the WAL is not moved to the store", metadata: ["error": "\(error)"]) }
            work.isFailing = true
            work.checkpointer = nil
        }
        updateLimit()
        guard work.checkpointer != nil else { return }
        // Where the disk is small the WAL can be at its limit before the next look.
        work.journal.reserve.keep(longestWAL < 16 << 20 ? longestWAL : walBytes)
    }

    /// Whether the files could not be opened though they are there and may be opened: for want of a descriptor, then.
    private func isShortage(_ error: JournalError) -> Bool {
        guard error.libraryCode.map({ $0 & 0xFF }) == Self.cannotOpen else { return false }
        return access(store, R_OK | W_OK) == 0 && access(store + "-wal", R_OK | W_OK) == 0
    }

    /// SQLite's code for a file that it cannot open (`SQLITE_CANTOPEN`).
    private static let cannotOpen: Int32 = 14

    private var walBytes: Int { StoreFile.size(of: store + "-wal") }

    private func updateLimit() {
        guard let free = freeSpace(at: store) else { return }
        // What the WAL and its reserve have taken is theirs.
        let room = free / 8 + (walBytes + StoreFile.size(of: store + ".reserve")) / 8
        limit.store(min(max(room, 1 << 20), 64 << 20), ordering: .relaxed)
    }
}
