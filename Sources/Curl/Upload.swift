internal import Glibc

/// A request body that is a list of segments, read once from its beginning to its end; a segment goes when it is read.
struct Upload {
    private var segments: [[UInt8]]
    let count: Int
    private var segment = 0
    private var offset = 0

    init(segments: [[UInt8]]) {
        self.segments = segments
        count = segments.reduce(0) { $0 + $1.count }
    }

    /// Copies as much as fits. Returns 0 only at the end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let target = buffer.baseAddress else { return 0 }
        var copied = 0
        while segment < segments.count, copied < buffer.count {
            let length = min(segments[segment].count - offset, buffer.count - copied)
            segments[segment].withUnsafeBytes { bytes in
                if let source = bytes.baseAddress { memcpy(target + copied, source + offset, length) }
            }
            copied += length
            offset += length
            if offset == segments[segment].count {
                segments[segment] = []
                segment += 1
                offset = 0
            }
        }
        return copied
    }
}
