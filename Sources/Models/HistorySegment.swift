internal import Curl
internal import JSON
internal import Synchronization

/// Memory that is written from its beginning to its end, once: what was written never changes again, and who holds as
/// much as it knew of needs no copy when somebody else writes on.
///
/// Threads: any. Who wrote the last byte of it may write the next ones; whoever else wants to go on takes memory of its
/// own. So of two that go on from the same place one does so here.
final class HistorySegment: @unchecked Sendable {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    /// Bytes that are written; -1: somebody is writing.
    private let written: Atomic<Int>

    /// Long enough that lists of segments stay short: bytes. A short conversation has shorter ones.
    static let longest = 64 << 10
    private static let shortest = 512

    private init(_ memory: UnsafeMutableBufferPointer<UInt8>, written: Int) {
        self.memory = memory
        self.written = Atomic(written)
    }

    deinit { memory.deallocate() }

    /// A segment's bytes from its beginning on, as many as were written when they were last looked at.
    struct Prefix: Sendable {
        private var segment: HistorySegment?
        private(set) var count = 0

        /// None, in no memory yet.
        init() {}

        var piece: BodyPiece {
            guard let segment else { return [] }
            return BodyPiece(UnsafeBufferPointer(rebasing: segment.memory[..<count]), of: segment)
        }

        /// Appends what is written.
        ///
        /// - Returns: nil: it is appended. Else what there was before; what is written stands in a segment of its own now,
        ///   since there was no room, or somebody else has gone on.
        mutating func write(_ write: (inout JSONWriter) -> Void) -> Prefix? {
            let isOurs =
                segment.map {
                    $0.written.compareExchange(expected: count, desired: -1, ordering: .acquiringAndReleasing).exchanged
                } ?? false
            var writer =
                isOurs
                ? JSONWriter(lent: UnsafeMutableBufferPointer(rebasing: segment!.memory[count...]))
                : JSONWriter(capacity: HistorySegment.shortest)
            write(&writer)
            let new = writer.count
            let isHere = writer.isInLent || new == 0
            if isOurs { segment!.written.store(isHere ? count + new : count, ordering: .releasing) }
            if isHere {
                count += new
                return nil
            }
            let before = self
            let length = max(new, min(max(2 * before.count, shortest), longest))
            let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: length)
            writer.withBytes { bytes in
                _ = memory.initialize(from: bytes)
            }
            (segment, count) = (HistorySegment(memory, written: new), new)
            return before
        }
    }
}
