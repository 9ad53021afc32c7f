internal import Glibc

/// A request body that is a list of pieces, read once from its beginning to its end; a piece goes when it is read.
struct Upload {
    /// The last of them is read first.
    private var pieces: [BodyPiece]
    let count: Int
    private var offset = 0

    init(_ pieces: [BodyPiece]) {
        self.pieces = pieces.reversed()
        count = pieces.reduce(0) { $0 + $1.count }
    }

    /// Copies as much as fits. Returns 0 only at the end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let target = buffer.baseAddress else { return 0 }
        var copied = 0
        while let piece = pieces.last, copied < buffer.count {
            let length = min(piece.count - offset, buffer.count - copied)
            piece.withBytes { bytes in
                if let source = bytes.baseAddress { memcpy(target + copied, source + offset, length) }
            }
            copied += length
            offset += length
            if offset == piece.count {
                pieces.removeLast()
                offset = 0
                // A stream lives long after its request was sent.
                if pieces.isEmpty { pieces = [] }
            }
        }
        return copied
    }
}
