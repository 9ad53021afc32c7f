/// One frame: eight bytes of header, then the body of one message (protocol/README.md, "Frames").
///
///     u32 length of the body, big-endian
///     u16 type   which message the body is
///     u8  version
///     u8  flags  0
public struct Frame: Sendable, Equatable {
    /// The raw type: a `FermataFrameType`, or for replies one with `replyBit` set.
    public var type: UInt16
    public var version: UInt8
    public var flags: UInt8
    public var body: [UInt8]

    public static let headerLength = 8
    public static let currentVersion: UInt8 = 1
    public static let replyBit: UInt16 = 0x8000
    /// The largest nng message that either side accepts, in bytes.
    public static let maximumMessageLength = 4 << 20

    public init(type: UInt16, version: UInt8 = Frame.currentVersion, flags: UInt8 = 0, body: [UInt8]) {
        self.type = type
        self.version = version
        self.flags = flags
        self.body = body
    }

    /// Appends the frame's bytes.
    public func encode(into bytes: inout [UInt8]) {
        let length = UInt32(body.count)
        bytes.reserveCapacity(bytes.count + Frame.headerLength + body.count)
        for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        bytes.append(UInt8(truncatingIfNeeded: type >> 8))
        bytes.append(UInt8(truncatingIfNeeded: type))
        bytes.append(version)
        bytes.append(flags)
        bytes.append(contentsOf: body)
    }

    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }

    /// Cuts a message into its frames; the message must consist of whole frames and hold at least one.
    public static func frames(in message: some RandomAccessCollection<UInt8>) throws(FramingError) -> [Frame] {
        let result =
            message.withContiguousStorageIfAvailable { cut($0) }
            ?? Array(message).withUnsafeBufferPointer { cut($0) }
        return try result.get()
    }

    private static func cut(_ message: UnsafeBufferPointer<UInt8>) -> Result<[Frame], FramingError> {
        guard !message.isEmpty else { return .failure(FramingError(offset: 0, problem: "the message is empty")) }
        var frames: [Frame] = []
        var offset = 0
        while offset < message.count {
            let left = message.count - offset - headerLength
            guard left >= 0 else {
                let problem = "\(message.count - offset) bytes are left, a header has \(headerLength)"
                return .failure(FramingError(offset: offset, problem: problem))
            }
            let header = UnsafeBufferPointer(rebasing: message[offset..<offset + headerLength])
            let length = header[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard left >= length else {
                let problem = "the header announces a body of \(length) bytes, \(left) are left"
                return .failure(FramingError(offset: offset, problem: problem))
            }
            let body = offset + headerLength
            frames.append(
                Frame(
                    type: UInt16(header[4]) << 8 | UInt16(header[5]), version: header[6], flags: header[7],
                    body: Array(message[body..<body + length])))
            offset = body + length
        }
        return .success(frames)
    }
}

/// A message that does not consist of whole frames.
public struct FramingError: Error, Equatable, CustomStringConvertible {
    /// Where in the message the frame begins that is wrong, in bytes.
    public let offset: Int
    public let problem: String

    public init(offset: Int, problem: String) {
        self.offset = offset
        self.problem = problem
    }

    public var description: String { "frame at byte \(offset): \(problem)" }
}
