internal import CNNG

/// One nng message: a block of bytes that is allocated once, in its exact size, and filled in place.
///
/// It has one owner: sending consumes it, so that using it afterwards does not compile. It may move between threads.
/// See [nng_msg(5)](https://nng.nanomsg.org/man/v1.10.0/nng_msg.5.html).
public struct Message: ~Copyable, @unchecked Sendable {
    // Sendable: the only reference to the nng_msg is this one, and it moves with the value.
    private let raw: OpaquePointer

    /// Takes over a message that nng has handed out.
    init(owning raw: OpaquePointer) {
        self.raw = raw
    }

    /// A message of `count` bytes, which `fill` is to write; what it leaves is zero.
    ///
    /// - Throws: `NNGError.outOfMemory`.
    public init(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) throws(NNGError) {
        var allocated: OpaquePointer?
        try NNGError.check(nng_msg_alloc(&allocated, count))
        guard let allocated else { throw .outOfMemory }
        raw = allocated
        let body = UnsafeMutableRawBufferPointer(start: nng_msg_body(allocated), count: count)
        body.initializeMemory(as: UInt8.self, repeating: 0)
        fill(body)
    }

    /// A message with a copy of these bytes.
    public init(_ bytes: [UInt8]) throws(NNGError) {
        var allocated: OpaquePointer?
        try NNGError.check(nng_msg_alloc(&allocated, bytes.count))
        guard let allocated else { throw .outOfMemory }
        raw = allocated
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(start: nng_msg_body(allocated), count: bytes.count).copyMemory(from: source)
        }
    }

    deinit {
        nng_msg_free(raw)
    }

    /// Bytes in the body.
    public var count: Int { nng_msg_len(raw) }

    /// The body, valid until `body` returns.
    public borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: nng_msg_body(raw), count: nng_msg_len(raw)))
    }

    /// A copy of the body.
    public var bytes: [UInt8] {
        let length = nng_msg_len(raw)
        return Array(UnsafeRawBufferPointer(start: nng_msg_body(raw), count: length))
    }

    /// Number of the connection that it came over.
    var connection: UInt32 { UInt32(bitPattern: nng_pipe_id(nng_msg_get_pipe(raw))) }

    /// Gives the nng_msg away: whoever calls this frees it, or nng does.
    consuming func release() -> OpaquePointer {
        let raw = raw
        discard self
        return raw
    }
}
