internal import CNNG
internal import Glibc
internal import Synchronization

/// The answering side of request and reply (REP), made for latency.
///
/// A request is handed to `onRequest` on the thread of nng that read it; it is answered from whatever thread knows the
/// answer. No task, no executor and no queue is in between.
///
/// Each context carries one request at a time, from its receipt to its answer: their number is the concurrency. When
/// all are busy, nng stops reading the connections.
///
/// An executable that listens with it exports some symbols, as BrokenPipe.swift says; without them peers that leave at
/// the wrong moment can end nng's listener and keep their descriptors.
///
/// Threads: everything may be called from any thread. Ownership: `close` it; a socket that is dropped open closes
/// itself on a thread of its own, and its callbacks may come until then. See
/// [nng_rep(7)](https://nng.nanomsg.org/man/v1.10.0/nng_rep.7.html).
public final class ReplySocket: Sendable {
    private let core: ReplyCore

    /// - Parameters:
    ///   - contexts: requests in progress at once, at least 1.
    ///   - maximumMessageSize: bytes of a request; what is longer closes the connection that brought it.
    ///   - sendTimeout: how long an answer may wait for the answers before it on its connection; then it is dropped. A
    ///     peer that asks again and again and does not read the answers has a context for so long, and not for ever.
    ///     While more than half of the contexts are busy it is a tenth of that, and the connection is closed: else a
    ///     few such peers would have all contexts, again and again.
    ///   - limit: of connections; nil: as many as there are descriptors.
    ///   - onDisconnect: a connection is gone; as `onRequest`.
    ///   - onRequest: called on nng's threads, several at once. It must not block, nor open or close any socket.
    public init(
        contexts: Int,
        maximumMessageSize: Int,
        sendTimeout: Duration = .seconds(1),
        limit: ConnectionLimit? = nil,
        onDisconnect: (@Sendable (Peer) -> Void)? = nil,
        onRequest: @escaping @Sendable (Request) -> Void
    ) throws(NNGError) {
        core = try ReplyCore(
            contexts: contexts, maximumMessageSize: maximumMessageSize, sendTimeout: sendTimeout,
            connections: Connections(onDisconnect: onDisconnect, limit: limit), onRequest: onRequest)
    }

    deinit {
        let core = core
        Blocking.start { _ = core.shutDown(until: Deadline(after: .seconds(5))) }
    }

    /// Listens at an address; may be called for several.
    ///
    /// - Throws: `addressInUse` (something listens there, or the path is a file that is not a socket),
    ///   `addressInvalid`, `permissionDenied`.
    public func listen(_ url: String, _ options: ListenOptions = ListenOptions()) throws(NNGError) {
        try core.endpoint.listen(Address(url), options)
    }

    /// Replaces the listener at this address by a new one, after `ListenerProbe` found it unresponsive.
    ///
    /// Over ipc its connections live on; who has dialled in vain meanwhile must dial again. Over other transports they
    /// are closed. If it throws, it can be called again.
    public func restartListener(_ url: String) throws(NNGError) {
        try core.endpoint.restart(Address(url))
    }

    /// Contexts that have a request which is not answered yet.
    public var busyContexts: Int { core.busy.load(ordering: .acquiring) }

    /// Contexts that wait for a request.
    public var freeContexts: Int { core.count - busyContexts }

    /// Connections that are open now.
    public var connections: Int { core.endpoint.connections.count }

    /// The same, by the process at the other end.
    public var connectionsByProcess: [Int32: Int] { core.endpoint.connections.byProcess }

    /// Ends all of it: no request comes any more, requests in progress lose their chance to be answered, answers on
    /// their way are handed to the kernel, connections and listeners close.
    ///
    /// Blocks the caller for at most `deadline`; never call it on Swift's cooperative pool or in `onRequest`. A second
    /// call does nothing.
    ///
    /// - Returns: true if all has ended. If false, nng hangs: what it still holds is kept until the process ends.
    @discardableResult
    public func close(deadline: Duration) -> Bool {
        let core = core
        let end = Deadline(after: deadline)
        return Blocking.run(until: end) { core.shutDown(until: end) } ?? false
    }
}

/// What nng and requests refer to; outlives the `ReplySocket`.
final class ReplyCore: Sendable {
    private struct State {
        var slots: [ReplySlot]
        var isClosed = false
        var wasClean = true
    }

    let endpoint: Endpoint
    let count: Int
    let busy = Atomic<Int>(0)
    let onRequest: @Sendable (Request) -> Void
    /// Milliseconds.
    let sendTimeout: Int32
    var urgentSendTimeout: Int32 { max(1, sendTimeout / 10) }
    var isShortOfContexts: Bool { busy.load(ordering: .acquiring) > count / 2 }
    private let state: Monitor<State>

    init(
        contexts: Int,
        maximumMessageSize: Int,
        sendTimeout: Duration,
        connections: Connections,
        onRequest: @escaping @Sendable (Request) -> Void
    ) throws(NNGError) {
        guard contexts > 0 else { throw .invalidArgument.with(detail: "at least 1 context is needed") }
        count = contexts
        self.onRequest = onRequest
        self.sendTimeout = Deadline(after: sendTimeout).remainingMilliseconds
        endpoint = try Endpoint(
            maximumMessageSize: maximumMessageSize, headerSize: 4, connections: connections
        ) { nng_rep0_open($0) }
        state = Monitor(State(slots: []))
        do throws(NNGError) {
            for _ in 0..<contexts {
                let slot = try ReplySlot(self)
                state.withLock { $0.slots.append(slot) }
                slot.start()
            }
        } catch {
            _ = shutDown(until: Deadline(after: .seconds(5)))
            throw error
        }
    }

    /// Closing a busy REP socket hangs, and a receive that races with a close aborts the process. So first every
    /// context comes to rest, then contexts, operations and socket are released, in this order.
    func shutDown(until deadline: Deadline) -> Bool {
        let slots: [ReplySlot]? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.isClosed = true
            return state.slots
        }
        guard let slots else { return state.withLock { $0.wasClean } }
        for slot in slots { slot.stop() }
        let half = Deadline(after: .nanoseconds(deadline.remainingNanoseconds / 2))
        var isAtRest = slots.allSatisfy { $0.waitUntilParked(half) }
        if !isAtRest {
            // A peer that does not read holds up an answer: nng lets go of it when the connection closes.
            endpoint.connections.closeAll()
            isAtRest = slots.allSatisfy { $0.waitUntilParked(deadline) }
        }
        guard isAtRest else {
            // nng may still call back: what it points to stays for ever.
            _ = Unmanaged.passRetained(self)
            state.withLock { $0.wasClean = false }
            return false
        }
        for slot in slots { slot.closeContext() }
        for slot in slots { slot.free() }
        // A client has one request under way, and none is answered any more: after a moment all is quiet. A client whose
        // request is coming in when its connection is closed may hear of that by its time-out only.
        if endpoint.connections.count > 0 { usleep(100_000) }
        endpoint.close()
        state.withLock { $0.slots = [] }
        return true
    }
}
