internal import Glibc
internal import Journal
internal import Synchronization

/// How far a store was known to be: a small file beside it, which does not share the write-ahead log's fate.
///
/// SQLite takes a WAL that was lost or damaged for one that ends earlier, and a store without its WAL for an older one;
/// both look whole. A store that ends before its mark has lost something, and is refused.
///
/// What is lost is an end: of the commits of a store some last ones are missing, and no other. So it is enough to know
/// the last event, and how many commits had no event.
///
/// The file has two places of 512 bytes that are written in turn, so that one is whole whatever happens. A write is not
/// synced: it follows the sync of what it tells of, so that the mark is never ahead of the disk. One took 0.8 µs.
///
/// Threads: any.
final class StoreMark: Sendable {
    /// Where a store ends: its last event, and the chain after it. Offset 0: before the first event.
    struct Point: Hashable, Sendable {
        var offset: UInt64 = 0
        var chain: UInt64 = 0
        /// Commits up to here that had no event, as far as they were counted: since the store is of schema 5.
        var eventless: UInt64 = 0
    }

    let path: String
    private let descriptor: Int32
    private let state: Mutex<Content>
    /// What the file says on the disk.
    private let synced: Mutex<Point?>
    /// Whether each commit is on the disk when it returns.
    private let isDurable: Bool

    static func path(ofStore store: String) -> String { store + ".mark" }

    static let placeSize = 512

    /// Opens the mark of a store that was found to agree with it, or makes it, and says that the store is where it is.
    ///
    /// - Parameters:
    ///   - known: what the mark said before; nil: there was none.
    ///   - point: where the store ends, on the disk.
    init(
        ofStore path: String, id: JournalRunID, known: Content?, at point: Point, durability: JournalDurability
    ) throws(JournalError) {
        self.path = StoreMark.path(ofStore: path)
        // Whole or not at all: a mark that says nothing is one that was damaged.
        var status = stat()
        let isNew = lstat(self.path, &status) != 0 && errno == ENOENT
        let place = isNew ? self.path + ".new" : self.path
        if isNew { unlink(place) }
        do {
            descriptor = try RegularFile.open(place, O_RDWR | O_CREAT | O_NOFOLLOW)
        } catch {
            throw JournalError(
                code: error.systemError == nil ? .notAFile : .notWritable, path: path,
                message: "the store's mark \(self.path) cannot be made: \(error.cause)")
        }
        isDurable = durability == .full
        // One that said so before is on the disk already.
        synced = Mutex(known?.store == id ? known?.durable : nil)
        state = Mutex(
            Content(
                store: id, committed: point, durable: point, boot: Boot.id ?? .least,
                generation: (known?.generation ?? 0) + 1))
        // On the disk before it has its name: a power cut leaves a whole one, or none.
        guard write(state.withLock { $0 }), !isNew || fdatasync(descriptor) == 0 && rename(place, self.path) == 0 else {
            // From here on the descriptor is closed by `deinit`, also after an error.
            let error = errno
            throw JournalError(
                code: error == ENOSPC || error == EDQUOT ? .storeFull : .notWritable, path: path,
                message: "the store's mark \(self.path) cannot be written: \(String(cString: strerror(error)))")
        }
        sync(point)
    }

    deinit { close(descriptor) }

    /// The store is there, as far as its durability says. An error of the write is not one of the commit: the mark stays
    /// behind then, which refuses nothing.
    func committed(_ point: Point) {
        state.withLock { content in
            content.committed = point
            if isDurable { content.durable = point }
            content.generation += 1
            // Under the lock: a later one must not be written over by an earlier one.
            _ = write(content)
        }
    }

    /// The store that it is beside.
    var store: JournalRunID { state.withLock { $0.store } }

    /// Where the store is by now.
    var point: Point { state.withLock { $0.committed } }

    /// The disk has the store up to here; and the mark, when this returns.
    func isOnDisk(_ point: Point) {
        if !isDurable {
            state.withLock { content in
                content.durable = point
                content.generation += 1
                _ = write(content)
            }
        }
        sync(point)
    }

    /// Only what is news to the disk: a sync makes it write even if nothing has changed.
    private func sync(_ point: Point) {
        synced.withLock { synced in
            guard synced != point, fdatasync(descriptor) == 0 else { return }
            synced = point
        }
    }

    private func write(_ content: Content) -> Bool {
        let bytes = content.bytes
        let place = off_t(Int(content.generation % 2) * StoreMark.placeSize)
        return pwrite(descriptor, bytes, bytes.count, place) == bytes.count
    }
}

/// Names the time since the system was started.
enum Boot {
    /// nil where the system does not say it. See `man 5 proc_sys_kernel`.
    static let id: JournalRunID? = {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        let digits = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).filter(\.isHexDigit)
        guard digits.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        return JournalRunID(high: high, low: low)
    }()
}
