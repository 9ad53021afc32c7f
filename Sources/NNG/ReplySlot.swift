internal import CNNG
internal import Synchronization

/// One context of a REP socket with its one operation, going round: receiving, handling, sending, receiving.
///
/// nng holds an unretained pointer to it; `ReplyCore` keeps it until its operation has been freed, or for ever.
final class ReplySlot: @unchecked Sendable {
    // Sendable: `operation` is set once in init and cleared in `free`, after which nothing calls nng any more (the
    // phase is `parked`, under the lock); everything else is constant or behind the lock.
    private enum Phase: Equatable {
        /// No operation in progress, and none will be started.
        case parked
        case receiving
        /// The request of this number is with the application.
        case handling(UInt64)
        case sending(isUrgent: Bool)
    }

    private struct State {
        var phase = Phase.parked
        var requests: UInt64 = 0
        /// That brought the last request.
        var connection: UInt32 = 0
        var isStopping = false
    }

    private enum Event {
        case nothing
        case request(OpaquePointer, number: UInt64)
        /// A peer does not read while its contexts are wanted.
        case deaf(UInt32)
    }

    private let state = Monitor(State())
    private let context: nng_ctx
    private var operation: OpaquePointer?
    private let core: ReplyCore

    init(_ core: ReplyCore) throws(NNGError) {
        self.core = core
        var context = nng_ctx()
        try NNGError.check(nng_ctx_open(&context, core.endpoint.socket))
        self.context = context
        let result = nng_aio_alloc(
            &operation,
            { Unmanaged<ReplySlot>.fromOpaque($0!).takeUnretainedValue().completed() },
            Unmanaged.passUnretained(self).toOpaque())
        if result != 0 {
            nng_ctx_close(context)
            throw NNGError(code: result)
        }
    }

    deinit {
        assert(operation == nil, "a slot is dropped while nng points to it")
    }

    var freeContexts: Int { core.count - core.busy.load(ordering: .acquiring) }

    func isConnected(_ peer: Peer) -> Bool { core.endpoint.connections.has(peer.connection) }

    /// Begins to receive.
    func start() {
        state.withLock { receive(&$0) }
    }

    /// Under the lock, so that `stop` finds the operation either not wanted or started.
    private func receive(_ state: inout State) {
        guard !state.isStopping, let operation else {
            state.phase = .parked
            return
        }
        state.phase = .receiving
        nng_aio_set_timeout(operation, NNG_DURATION_INFINITE)
        nng_ctx_recv(context, operation)
    }

    /// nng's callback: the operation has ended. On a thread of nng.
    private func completed() {
        var event = Event.nothing
        state.signal { state in
            guard let operation else { return }
            let result = nng_aio_result(operation)
            switch state.phase {
            case .receiving:
                guard result == 0, let message = nng_aio_get_msg(operation) else {
                    // Canceled or closed: the end. Anything else (no memory) was about one request.
                    let error = NNGError(code: result)
                    if error == .canceled || error == .closed { state.isStopping = true }
                    receive(&state)
                    return
                }
                nng_aio_set_msg(operation, nil)
                if state.isStopping {
                    nng_msg_free(message)
                    state.phase = .parked
                } else {
                    state.requests += 1
                    state.phase = .handling(state.requests)
                    state.connection = nng_msg_get_pipe(message).id
                    core.busy.add(1, ordering: .acquiringAndReleasing)
                    event = .request(message, number: state.requests)
                }
            case .sending(let isUrgent):
                if isUrgent, NNGError(code: result) == .timedOut { event = .deaf(state.connection) }
                if result != 0, let message = nng_aio_get_msg(operation) {
                    nng_aio_set_msg(operation, nil)
                    nng_msg_free(message)
                }
                core.endpoint.connections.ended(state.connection)
                core.busy.subtract(1, ordering: .acquiringAndReleasing)
                receive(&state)
            case .parked, .handling:
                assertionFailure("an operation ended that was not in progress")
            }
        }
        switch event {
        case .nothing: break
        case .request(let raw, let number):
            let message = Message(owning: raw)
            let peer = core.endpoint.connections.began(message.connection)
            core.onRequest(Request(body: message.bytes, peer: peer, slot: self, number: number))
        case .deaf(let connection): nng_pipe_close(nng_pipe(id: connection))
        }
    }

    /// Sends the answer to request `number`. False if that is not the one in progress: it was answered, or this ended.
    func reply(_ message: consuming Message, to number: UInt64) -> Bool {
        let raw = message.release()
        let isSent = state.withLock { state in
            guard state.phase == .handling(number), let operation else { return false }
            let isUrgent = core.isShortOfContexts
            state.phase = .sending(isUrgent: isUrgent)
            nng_aio_set_msg(operation, raw)
            nng_aio_set_timeout(operation, isUrgent ? core.urgentSendTimeout : core.sendTimeout)
            nng_ctx_send(context, operation)
            return true
        }
        if !isSent { nng_msg_free(raw) }
        return isSent
    }

    /// Forgets request `number` without an answer.
    func drop(_ number: UInt64) {
        state.signal { state in
            guard state.phase == .handling(number) else { return }
            core.busy.subtract(1, ordering: .acquiringAndReleasing)
            core.endpoint.connections.ended(state.connection)
            receive(&state)
        }
    }

    // MARK: The end, in this order, on the closing thread

    func stop() {
        let isReceiving = state.withLock { state in
            state.isStopping = true
            if case .handling = state.phase {
                core.busy.subtract(1, ordering: .acquiringAndReleasing)
                state.phase = .parked
            }
            return state.phase == .receiving
        }
        // Outside the lock, which nng's callback takes. If the receive ends meanwhile, its callback sees `isStopping`
        // and starts nothing, so this cancels that receive or nothing.
        if isReceiving, let operation { nng_aio_cancel(operation) }
    }

    func waitUntilParked(_ deadline: Deadline) -> Bool {
        state.wait(until: deadline) { $0.phase == .parked ? true : nil } ?? false
    }

    func closeContext() {
        nng_ctx_close(context)
    }

    /// Waits for the callback to return, if it has not yet.
    func free() {
        nng_aio_free(operation)
        state.withLock { _ in operation = nil }
    }
}
