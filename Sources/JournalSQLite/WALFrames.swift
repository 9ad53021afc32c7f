internal import Glibc

/// SQLite's write-ahead log as a file: its frames up to the last commit, as far as they are whole. See
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
enum WALFrames {
    /// How many transactions in the WAL wrote this page: those that are still in it, whether their pages were moved to the
    /// store's file or not.
    ///
    /// - Parameter path: of the log. One that is missing or has no whole beginning has none, as SQLite has it.
    static func transactions(writing page: UInt32, in path: String) -> UInt64 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 32)
        guard read(&header, 32, at: 0, descriptor) else { return 0 }
        let magic = number(header, 0)
        guard magic & ~1 == 0x377F_0682 else { return 0 }
        let isBigEndian = magic & 1 == 1
        let pageSize = Int(number(header, 8))
        guard (512...65536).contains(pageSize) else { return 0 }
        var sum: (UInt32, UInt32) = (0, 0)
        header.withUnsafeBytes { add($0[..<24], isBigEndian, to: &sum) }
        guard sum == (number(header, 24), number(header, 28)) else { return 0 }

        var frame = [UInt8](repeating: 0, count: 24 + pageSize)
        var (offset, count, isWritten) = (off_t(32), UInt64(0), false)
        while read(&frame, frame.count, at: offset, descriptor) {
            // Of an earlier round of the WAL are those with other salts.
            guard frame[8..<16] == header[16..<24] else { break }
            frame.withUnsafeBytes { bytes in
                add(bytes[..<8], isBigEndian, to: &sum)
                add(bytes[24...], isBigEndian, to: &sum)
            }
            guard sum == (number(frame, 16), number(frame, 20)) else { break }
            if number(frame, 0) == page { isWritten = true }
            // The size of the store after a commit; 0 within a transaction.
            if number(frame, 4) > 0 {
                if isWritten { count += 1 }
                isWritten = false
            }
            offset += off_t(frame.count)
        }
        return count
    }

    private static func read(_ bytes: inout [UInt8], _ count: Int, at offset: off_t, _ descriptor: Int32) -> Bool {
        bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, offset) == count }
    }

    private static func number(_ bytes: [UInt8], _ index: Int) -> UInt32 {
        bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The format's own checksum, over pairs of 32-bit numbers.
    private static func add(_ bytes: Slice<UnsafeRawBufferPointer>, _ isBigEndian: Bool, to sum: inout (UInt32, UInt32))
    {
        let bytes = UnsafeRawBufferPointer(rebasing: bytes)
        for index in stride(from: 0, to: bytes.count - 7, by: 8) {
            let first = bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)
            let second = bytes.loadUnaligned(fromByteOffset: index + 4, as: UInt32.self)
            sum.0 &+= (isBigEndian ? first.bigEndian : first.littleEndian) &+ sum.1
            sum.1 &+= (isBigEndian ? second.bigEndian : second.littleEndian) &+ sum.0
        }
    }
}
