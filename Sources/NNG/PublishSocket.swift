internal import CNNG

/// The sending side of publish and subscribe (PUB).
///
/// Sending never blocks. Each subscriber has a queue of 8,192 messages, the most that nng has; when it is full, the
/// oldest message is dropped, and nobody is told. Subscribers filter: each gets everything.
///
/// Threads: any; messages arrive in order only if one thread at a time sends. Ownership: `close` it, or drop it: then
/// it closes itself on a thread of its own. See [nng_pub(7)](https://nng.nanomsg.org/man/v1.10.0/nng_pub.7.html).
public final class PublishSocket: Sendable {
    private struct State {
        var isClosed = false
        var sending = 0
    }

    private let endpoint: Endpoint
    private let state = Monitor(State())

    public init() throws(NNGError) {
        // Nobody has anything to say to a PUB.
        endpoint = try Endpoint(maximumMessageSize: 1024, headerSize: 0, connections: Connections()) {
            nng_pub0_open($0)
        }
        do throws(NNGError) {
            try NNGError.check(nng_socket_set_int(endpoint.socket, NNG_OPT_SENDBUF, 8192))
        } catch {
            endpoint.close()
            throw error
        }
    }

    deinit {
        guard !state.withLock({ $0.isClosed }) else { return }
        let endpoint = endpoint
        Blocking.start { endpoint.close() }
    }

    /// Listens at an address; may be called for several. Errors as `ReplySocket.listen`.
    public func listen(_ url: String, _ options: ListenOptions = ListenOptions()) throws(NNGError) {
        try endpoint.listen(Address(url), options)
    }

    /// Replaces the listener at this address by a new one, after `ListenerProbe` found it unresponsive.
    ///
    /// Over ipc its connections live on; who has dialled in vain meanwhile must dial again. Over other transports they
    /// are closed. If it throws, it can be called again.
    public func restartListener(_ url: String) throws(NNGError) {
        try endpoint.restart(Address(url))
    }

    /// Connections that are open now.
    public var connections: Int { endpoint.connections.count }

    /// The same, by the process at the other end.
    public var connectionsByProcess: [Int32: Int] { endpoint.connections.byProcess }

    /// Sends to all that are connected; to nobody if nobody is.
    ///
    /// - Throws: `closed`, `outOfMemory`.
    public func send(_ bytes: [UInt8]) throws(NNGError) {
        try send(message: Message(bytes))
    }

    /// Sends a message that was built in place.
    public func send(message: consuming Message) throws(NNGError) {
        // Not sent under the lock: over inproc, a subscriber's callback may run here and send in its turn.
        let isOpen = state.withLock { state in
            if !state.isClosed { state.sending += 1 }
            return !state.isClosed
        }
        guard isOpen else { throw .closed }
        defer { state.signal { $0.sending -= 1 } }
        let raw = message.release()
        let result = nng_sendmsg(endpoint.socket, raw, 0)
        if result != 0 { nng_msg_free(raw) }
        try NNGError.check(result)
    }

    /// Ends it. What is in the queues may be lost. Blocks for at most `deadline`; not for the cooperative pool.
    ///
    /// - Returns: true if all has ended; false if nng hangs.
    @discardableResult
    public func close(deadline: Duration) -> Bool {
        let end = Deadline(after: deadline)
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return true }
        guard state.wait(until: end, for: { $0.sending == 0 ? true : nil }) != nil else { return false }
        let endpoint = endpoint
        return Blocking.run(until: end) {
            endpoint.close()
            return true
        } ?? false
    }
}
