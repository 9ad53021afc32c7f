internal import CStoreSeals
internal import Glibc
internal import Synchronization

/// How far a store was known to be: a small file beside it, which does not share the write-ahead log's fate.
///
/// SQLite takes a log that was lost or damaged for one that ends earlier, and a store without its log for an older one;
/// both look whole. A store that ends before its mark has lost something, and is refused.
///
/// The file has two places of 512 bytes that are written in turn, so that one is whole whatever happens. A write is not
/// synced: it follows the sync of what it tells of, so that the mark is never ahead of the disk. One took 0.8 µs.
///
/// Threads: any.
final class StoreMark: Sendable {
    /// An event of the store, and the chain after it. Offset 0: before the first event.
    struct Point: Hashable, Sendable {
        var offset: UInt64 = 0
        var chain: UInt64 = 0
    }

    /// What a mark says.
    struct Content: Hashable, Sendable {
        /// Of the store that it is beside.
        var store: JournalRunID
        /// What was committed while the system ran that `boot` names: it was in the system's memory at least.
        var committed: Point
        /// What was on the disk.
        var durable: Point
        var boot: JournalRunID
        /// Counts the writes.
        var generation: UInt64

        /// The point that the store must have reached: of a system that runs still, all that was committed.
        func floor(boot: JournalRunID?) -> Point { boot == self.boot ? committed : durable }
    }

    let path: String
    private let descriptor: Int32
    private let state: Mutex<Content>
    /// What the file says on the disk.
    private let synced: Mutex<Point?>
    /// Whether each commit is on the disk when it returns.
    private let isDurable: Bool

    static func path(ofStore store: String) -> String { store + ".mark" }

    /// What the mark beside a store says; nil: there is none, or none that is whole.
    static func read(ofStore store: String) -> Content? {
        let descriptor = open(path(ofStore: store), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return (0..<2).compactMap { Content(place($0, of: descriptor)) }.max { $0.generation < $1.generation }
    }

    private static func place(_ number: Int, of descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Content.size)
        let count = pread(descriptor, &bytes, bytes.count, off_t(number * placeSize))
        return count == bytes.count ? bytes : []
    }

    private static let placeSize = 512

    /// Opens the mark of a store that was found to agree with it, or makes it, and says that the store is where it is.
    ///
    /// - Parameters:
    ///   - known: what the mark said before; nil: there was none.
    ///   - point: where the store ends, on the disk.
    init(
        ofStore path: String, id: JournalRunID, known: Content?, at point: Point, durability: JournalDurability
    ) throws(JournalError) {
        self.path = StoreMark.path(ofStore: path)
        descriptor = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let cause = String(cString: strerror(errno))
            throw JournalError(
                code: .notWritable, path: path, message: "the store's mark \(self.path) cannot be made: \(cause)")
        }
        isDurable = durability == .full
        // One that said so before is on the disk already.
        synced = Mutex(known?.store == id ? known?.durable : nil)
        state = Mutex(
            Content(
                store: id, committed: point, durable: point, boot: Boot.id ?? .least,
                generation: (known?.generation ?? 0) + 1))
        guard write(state.withLock { $0 }) else {
            let error = errno
            close(descriptor)
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

extension StoreMark.Content {
    /// frozen: `FrmtMark`, the store's id, the point committed, the point on the disk, the system's id, the generation,
    /// and XXH3 of all that; numbers in little-endian order, ids in big-endian order.
    static let size = 88
    private static let magic: UInt64 = 0x6B72_614D_746D_7246

    var bytes: [UInt8] {
        let words: [UInt64] = [
            Self.magic, store.high.byteSwapped, store.low.byteSwapped, committed.offset, committed.chain,
            durable.offset,
            durable.chain, boot.high.byteSwapped, boot.low.byteSwapped, generation,
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        for word in words { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
        withUnsafeBytes(of: store_seal_hash(bytes, bytes.count, 0).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// nil if the bytes are not a whole mark.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        let words = bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: Self.size, by: 8).map {
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
            }
        }
        guard words[0] == Self.magic, words[10] == store_seal_hash(bytes, Self.size - 8, 0) else { return nil }
        store = JournalRunID(high: words[1].byteSwapped, low: words[2].byteSwapped)
        committed = .init(offset: words[3], chain: words[4])
        durable = .init(offset: words[5], chain: words[6])
        boot = JournalRunID(high: words[7].byteSwapped, low: words[8].byteSwapped)
        generation = words[9]
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
