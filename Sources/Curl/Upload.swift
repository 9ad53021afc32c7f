internal import Glibc

/// The position in a request body that is a list of segments.
struct Upload {
    private(set) var segments: [[UInt8]]
    let count: Int
    private var segment = 0
    private var offset = 0
    private var isGone = false

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
                segment += 1
                offset = 0
            }
        }
        return copied
    }

    /// Drops the segments if all of them were read. There is no way back then, but to the end.
    mutating func letGo() {
        guard segment == segments.count else { return }
        segments = []
        segment = 0
        isGone = true
    }

    /// - Returns: false when there is no such position, or not any more.
    mutating func seek(to position: Int) -> Bool {
        guard position >= 0, position <= count, !isGone || position == count else { return false }
        if isGone { return true }
        segment = 0
        offset = position
        while segment < segments.count, offset >= segments[segment].count {
            offset -= segments[segment].count
            segment += 1
        }
        return true
    }
}
