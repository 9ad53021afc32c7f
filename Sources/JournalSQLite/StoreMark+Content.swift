internal import CStoreSeals
internal import Journal

extension StoreMark {
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
}

extension StoreMark.Content {
    /// frozen: `FrmtMrk2`, the store's id, the point committed, the point on the disk, the system's id, the generation,
    /// and XXH3 of all that. A point is an offset, the chain after it, and the number of commits without events. Numbers
    /// are in little-endian order, ids in big-endian order.
    static let size = 104
    private static let magic: UInt64 = 0x326B_724D_746D_7246

    /// frozen: `FrmtMark`, and the same without the numbers of commits without events. Marks of Fermata before schema 5,
    /// which are only read.
    private static let oldSize = 88
    private static let oldMagic: UInt64 = 0x6B72_614D_746D_7246

    var bytes: [UInt8] {
        let words: [UInt64] = [
            Self.magic, store.high.byteSwapped, store.low.byteSwapped, committed.offset, committed.chain,
            committed.eventless, durable.offset, durable.chain, durable.eventless, boot.high.byteSwapped,
            boot.low.byteSwapped, generation,
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        for word in words { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
        withUnsafeBytes(of: store_seal_hash(bytes, bytes.count, 0).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// - Parameter bytes: of a place of the file; it may have more of them than a mark.
    /// - Returns: nil if the bytes do not begin with a whole mark.
    init?(_ bytes: [UInt8]) {
        if let words = Self.words(bytes, count: Self.size, magic: Self.magic) {
            self.init(
                store: JournalRunID(high: words[1].byteSwapped, low: words[2].byteSwapped),
                committed: .init(offset: words[3], chain: words[4], eventless: words[5]),
                durable: .init(offset: words[6], chain: words[7], eventless: words[8]),
                boot: JournalRunID(high: words[9].byteSwapped, low: words[10].byteSwapped), generation: words[11])
        } else if let words = Self.words(bytes, count: Self.oldSize, magic: Self.oldMagic) {
            // It asks for no commits without events: every store has as many as none.
            self.init(
                store: JournalRunID(high: words[1].byteSwapped, low: words[2].byteSwapped),
                committed: .init(offset: words[3], chain: words[4]), durable: .init(offset: words[5], chain: words[6]),
                boot: JournalRunID(high: words[7].byteSwapped, low: words[8].byteSwapped), generation: words[9])
        } else {
            return nil
        }
    }

    /// Whether bytes begin as those of a mark do, whole or not.
    static func isBegun(_ bytes: [UInt8]) -> Bool {
        [magic, oldMagic].contains { magic in
            withUnsafeBytes(of: magic.littleEndian) { bytes.starts(with: $0) }
        }
    }

    /// The words of so many bytes, of which the first is `magic` and the last the checksum of the others; else nil.
    private static func words(_ bytes: [UInt8], count: Int, magic: UInt64) -> [UInt64]? {
        guard bytes.count >= count else { return nil }
        let words = bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: count, by: 8).map {
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
            }
        }
        guard words[0] == magic, words.last == store_seal_hash(bytes, count - 8, 0) else { return nil }
        return words
    }

    /// Whether there was anything in the store.
    var isOfSomething: Bool { committed.offset > 0 || committed.eventless > 0 }

    /// What follows "the store was known ", of all that was committed.
    var reach: String {
        "to reach event \(committed.offset)"
            + (committed.eventless > 0 ? " and \(committed.eventless) commits without events" : "")
    }
}
