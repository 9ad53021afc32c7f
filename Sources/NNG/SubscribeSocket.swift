internal import CNNG

/// The receiving side of publish and subscribe (SUB). It lives until the process ends.
///
/// In nng 1.5.2, a SUB whose receive is cancelled or timed out crashes the process, and closing one can hang in nearly
/// every version. So there is one receive for ever: no `close`, and dropping the object changes nothing. Make one per
/// address and process, and share it.
///
/// It dials without blocking and again whenever there is no connection. 8,192 messages wait at most, the most that nng
/// has; then the oldest is dropped, and nobody is told: number your messages.
///
/// Threads: everything may be called from any thread. See
/// [nng_sub(7)](https://nng.nanomsg.org/man/v1.10.0/nng_sub.7.html).
public final class SubscribeSocket: @unchecked Sendable {
    // Sendable: `operation` is set once in init, before nng knows of it; everything else is constant.
    private let endpoint: Endpoint
    private var operation: OpaquePointer?
    private let onMessage: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - maximumMessageSize: bytes; what is longer closes the connection.
    ///   - onConnect: a connection is open; what was published before it is missed.
    ///   - onDisconnect: a connection is gone; it is dialled again without anyone's doing.
    ///   - onMessage: one call at a time, in order, on a thread of nng. It must not block, nor open or close any
    ///     socket.
    /// - Throws: `addressInvalid`, `outOfMemory`, `tooManyFiles`. That nobody listens is not an error: see
    ///   `Address.requireListener`.
    public init(
        _ url: String,
        maximumMessageSize: Int,
        onConnect: (@Sendable (Peer) -> Void)? = nil,
        onDisconnect: (@Sendable (Peer) -> Void)? = nil,
        onMessage: @escaping @Sendable ([UInt8]) -> Void
    ) throws(NNGError) {
        let address = try Address(url)
        self.onMessage = onMessage
        let connections = Connections(onConnect: onConnect, onDisconnect: onDisconnect)
        endpoint = try Endpoint(maximumMessageSize: maximumMessageSize, headerSize: 0, connections: connections) {
            nng_sub0_open($0)
        }
        do throws(NNGError) {
            try NNGError.check(nng_socket_set_int(endpoint.socket, NNG_OPT_RECVBUF, 8192))
            let result = nng_aio_alloc(
                &operation,
                { Unmanaged<SubscribeSocket>.fromOpaque($0!).takeUnretainedValue().completed() },
                Unmanaged.passUnretained(self).toOpaque())
            try NNGError.check(result)
            try endpoint.dial(address)
        } catch {
            // Nothing receives yet, so this can be closed.
            nng_aio_free(operation)
            endpoint.close()
            throw error
        }
        _ = Unmanaged.passRetained(self)  // nng points to it until the process ends
        nng_recv_aio(endpoint.socket, operation)
    }

    /// Lets messages through that begin with these bytes, from now on; none is all. Twice is as once.
    public func subscribe(_ prefix: [UInt8] = []) throws(NNGError) {
        try NNGError.check(nng_socket_set(endpoint.socket, NNG_OPT_SUB_SUBSCRIBE, prefix, prefix.count))
    }

    /// Takes a subscription back; messages that wait and fit no other are dropped.
    ///
    /// - Throws: `notFound` if there is no such subscription.
    public func unsubscribe(_ prefix: [UInt8] = []) throws(NNGError) {
        try NNGError.check(nng_socket_set(endpoint.socket, NNG_OPT_SUB_UNSUBSCRIBE, prefix, prefix.count))
    }

    /// Says that nobody waits for messages at present: a connection that is open stays, and when it is lost nothing is
    /// dialled until `wake`. (Closing is what it cannot do.)
    public func rest() { endpoint.setNeedsConnection(false) }

    /// Dials again, if it has stopped.
    public func wake() { endpoint.setNeedsConnection(true) }

    /// Whether there is a connection, or it is dialled for.
    var isDialling: Bool { endpoint.isDialling }

    /// Whether there is a connection now.
    public var isConnected: Bool { endpoint.connections.count > 0 }

    /// A socket whose messages come as a stream. The stream does not end, and its end does not end the socket.
    public static func stream(
        _ url: String,
        prefixes: [[UInt8]] = [[]],
        maximumMessageSize: Int,
        buffering: AsyncStream<[UInt8]>.Continuation.BufferingPolicy = .unbounded
    ) throws(NNGError) -> (socket: SubscribeSocket, messages: AsyncStream<[UInt8]>) {
        let (messages, continuation) = AsyncStream<[UInt8]>.makeStream(bufferingPolicy: buffering)
        let socket = try SubscribeSocket(url, maximumMessageSize: maximumMessageSize) { continuation.yield($0) }
        for prefix in prefixes { try socket.subscribe(prefix) }
        return (socket, messages)
    }

    /// nng's callback: a message is there.
    private func completed() {
        guard let operation else { return }
        let result = nng_aio_result(operation)
        if result == 0, let raw = nng_aio_get_msg(operation) {
            nng_aio_set_msg(operation, nil)
            onMessage(Message(owning: raw).bytes)
        } else if NNGError(code: result) == .closed || NNGError(code: result) == .canceled {
            return
        }
        // Last of all: the next message may come on another thread before this returns.
        nng_recv_aio(endpoint.socket, operation)
    }
}
