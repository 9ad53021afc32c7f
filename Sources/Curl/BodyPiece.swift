/// Some bytes of a request's body, which are never changed and are there for as long as their owner lives; it owns them.
public struct BodyPiece: @unchecked Sendable {
    private let owner: AnyObject
    private let bytes: UnsafeBufferPointer<UInt8>

    /// - Parameters:
    ///   - bytes: nobody writes to them any more.
    ///   - owner: frees them when it goes.
    public init(_ bytes: UnsafeBufferPointer<UInt8>, of owner: some AnyObject & Sendable) {
        self.owner = owner
        self.bytes = bytes
    }

    public init(_ bytes: [UInt8]) {
        let copy = OwnBytes(bytes)
        self.init(UnsafeBufferPointer(copy.bytes), of: copy)
    }

    /// Their memory, for the time of a call.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        defer { withExtendedLifetime(owner) {} }
        return body(UnsafeRawBufferPointer(bytes))
    }
}

private final class OwnBytes: @unchecked Sendable {
    let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ array: [UInt8]) {
        bytes = .allocate(capacity: array.count)
        _ = bytes.initialize(from: array)
    }

    deinit { bytes.deallocate() }
}

extension BodyPiece: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { bytes.count }

    public subscript(position: Int) -> UInt8 {
        defer { withExtendedLifetime(owner) {} }
        return bytes[position]
    }

    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        defer { withExtendedLifetime(owner) {} }
        return try body(bytes)
    }
}

extension BodyPiece: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: UInt8...) { self.init(elements) }
}
