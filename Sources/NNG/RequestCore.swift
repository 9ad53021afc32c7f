internal import CNNG

/// Names one request to `RequestCore.cancel`, also before it has begun.
final class RequestTicket: @unchecked Sendable {
    // Sendable: read and written under the lock of the `RequestCore` only.
    /// Why the request is to end early.
    var reason: NNGError?
}

/// Leads from the connections to the core, which is made after them.
private final class ConnectionEvents: @unchecked Sendable {
    // Sendable: written once, before the socket dials; read by nng's pipe events, which come after.
    weak var core: RequestCore?
}

/// One REQ context with its one operation: send, its end, receive, its end. Never a receive beside a send: to cancel
/// that is fatal ([#1702](https://github.com/nanomsg/nng/issues/1702)).
///
/// nng holds an unretained pointer to it. It keeps itself until `shutDown` has freed the operation, or for ever.
final class RequestCore: @unchecked Sendable {
    // Sendable: `operation` is set once in init and cleared in `shutDown`, under the lock like all use of it;
    // everything else is constant or behind the lock.
    typealias Outcome = Result<[UInt8], NNGError>

    private enum Phase {
        case idle
        case sending
        case receiving
    }

    private struct State {
        var phase = Phase.idle
        var isClosed = false
        var ticket: RequestTicket?
        var deadline = Deadline(after: .zero)
        var finish: (@Sendable (Outcome) -> Void)?
        /// `nng_aio_cancel` is being called; until it returns, the operation belongs to this request.
        var isCanceling = false
        /// The end, if it came while `isCanceling`.
        var outcome: Outcome?
        /// The connection that the last reply came over.
        var proven: UInt32?
    }

    /// What to do when the lock is released.
    private struct Ending {
        let finish: @Sendable (Outcome) -> Void
        let outcome: Outcome
        /// Connections but this one are given up.
        let keeps: UInt32?
        let drops: Bool
    }

    let endpoint: Endpoint
    private let address: Address
    private let context: nng_ctx
    private var operation: OpaquePointer?
    private let state = Monitor(State())

    init(
        _ address: Address, maximumMessageSize: Int, onDisconnect: (@Sendable () -> Void)? = nil
    ) throws(NNGError) {
        self.address = address
        let events = ConnectionEvents()
        let connections = Connections(
            onConnect: { _ in events.core?.state.signal { _ in } },
            onDisconnect: { _ in
                events.core?.endIfRefused()
                onDisconnect?()
            })
        endpoint = try Endpoint(
            maximumMessageSize: maximumMessageSize, headerSize: 4, connections: connections
        ) { nng_req0_open($0) }
        var context = nng_ctx()
        do throws(NNGError) {
            // Before the context is opened: that takes it over.
            try NNGError.check(nng_socket_set_ms(endpoint.socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE))
            try NNGError.check(nng_ctx_open(&context, endpoint.socket))
        } catch {
            endpoint.close()
            throw error
        }
        self.context = context
        do throws(NNGError) {
            let result = nng_aio_alloc(
                &operation,
                { Unmanaged<RequestCore>.fromOpaque($0!).takeUnretainedValue().completed() },
                Unmanaged.passUnretained(self).toOpaque())
            try NNGError.check(result)
            events.core = self  // nothing can connect, so nothing reads it, before this dials
            try endpoint.dial(address)
        } catch {
            nng_ctx_close(context)
            nng_aio_free(operation)
            operation = nil
            endpoint.close()
            throw error
        }
        _ = Unmanaged.passRetained(self)  // released at the end of `shutDown`
    }

    deinit {
        assert(operation == nil, "a request socket is dropped while nng points to it")
    }

    /// Starts a request. `finish` is called exactly once: here if it cannot begin, else on a thread of nng or of
    /// `cancel`.
    func begin(
        _ bytes: [UInt8], _ timeout: Duration, _ ticket: RequestTicket, finish: @escaping @Sendable (Outcome) -> Void
    ) {
        do throws(NNGError) {
            if endpoint.connections.count == 0 { try address.requireListener() }
            let raw = try Message(bytes).release()
            let deadline = Deadline(after: timeout)
            let refusal: NNGError? = state.withLock { state in
                if let reason = ticket.reason { return reason }
                if state.isClosed { return .closed }
                guard case .idle = state.phase, let operation else { return .busy }
                state.phase = .sending
                state.ticket = ticket
                state.deadline = deadline
                state.finish = finish
                nng_aio_set_msg(operation, raw)
                nng_aio_set_timeout(operation, deadline.remainingMilliseconds)
                nng_ctx_send(context, operation)
                return nil
            }
            if let refusal {
                nng_msg_free(raw)
                throw refusal
            }
            // The connection may have gone since the first look, and the message about it before the send began.
            endIfRefused()
        } catch {
            finish(.failure(error))
        }
    }

    /// Ends the request of this ticket, or prevents it. From any thread, at any time, as often as one likes.
    func cancel(_ ticket: RequestTicket) {
        cancel(because: .canceled) { state in
            ticket.reason = ticket.reason ?? .canceled
            if case .idle = state.phase { return false }
            return state.ticket === ticket
        }
    }

    /// A request that waits for a connection has nothing to wait for if the listener is gone, or if none is dialled.
    func endIfRefused() {
        guard endpoint.connections.count == 0 else { return }
        do throws(NNGError) {
            if endpoint.dialsNoMore { throw .connectionRefused }
            try address.requireListener()
        } catch {
            cancel(because: error) { state in
                if case .sending = state.phase { return true }
                return false
            }
        }
    }

    private func cancel(because reason: NNGError, _ isWanted: (inout State) -> Bool) {
        let operation: OpaquePointer? = state.withLock { state in
            guard isWanted(&state), !state.isCanceling, let ticket = state.ticket else { return nil }
            ticket.reason = ticket.reason ?? reason
            state.isCanceling = true
            return self.operation
        }
        guard let operation else { return }
        // Outside the lock, which the callback takes. No other request can begin meanwhile: `isCanceling` holds the end
        // back, so this cannot hit an operation that it was not meant for.
        nng_aio_cancel(operation)
        perform(
            state.withLock { state in
                state.isCanceling = false
                guard let outcome = state.outcome else { return nil }
                return ending(&state, outcome)
            })
    }

    /// nng's callback: the send or the receive has ended. On a thread of nng.
    private func completed() {
        perform(
            state.withLock { state in
                guard let operation else { return nil }
                let result = nng_aio_result(operation)
                let message = nng_aio_get_msg(operation)
                nng_aio_set_msg(operation, nil)
                let outcome: Outcome
                switch state.phase {
                case .sending where result == 0:
                    if let reason = state.ticket?.reason {
                        // It is out: who asked for the end must know that it may be acted upon.
                        outcome = .failure(reason == .connectionRefused ? .connectionReset : reason)
                    } else if state.deadline.hasPassed {
                        outcome = .failure(.timedOut)
                    } else {
                        state.phase = .receiving
                        nng_aio_set_timeout(operation, state.deadline.remainingMilliseconds)
                        nng_ctx_recv(context, operation)
                        return nil
                    }
                case .sending:
                    if let message { nng_msg_free(message) }
                    outcome = failure(result, state)
                case .receiving where result == 0:
                    guard let message else {
                        outcome = .failure(.protocolError)
                        break
                    }
                    let reply = Message(owning: message)
                    state.proven = reply.connection
                    outcome = .success(reply.bytes)
                case .receiving:
                    outcome = failure(result, state)
                case .idle:
                    assertionFailure("an operation ended that was not in progress")
                    return nil
                }
                if state.isCanceling {
                    state.outcome = outcome
                    return nil
                }
                return ending(&state, outcome)
            })
    }

    private func failure(_ result: Int32, _ state: State) -> Outcome {
        let error = NNGError(code: result)
        return .failure(error == .canceled ? state.ticket?.reason ?? error : error)
    }

    /// Under the lock: the request is over.
    private func ending(_ state: inout State, _ outcome: Outcome) -> Ending? {
        guard let finish = state.finish else { return nil }
        // `phase` stays until the connection is dropped, so that the next request cannot use it.
        state.finish = nil
        state.outcome = nil
        state.ticket = nil
        // A connection that has never brought a reply may lead to a listener that will never take it: dial again. One
        // that has is kept: a reply may be on its way, which nng will throw away, and closing must not meet it.
        return Ending(
            finish: finish, outcome: outcome, keeps: state.proven, drops: outcome == .failure(.timedOut))
    }

    private func perform(_ ending: Ending?) {
        guard let ending else { return }
        if case .success = ending.outcome, let connection = ending.keeps { endpoint.connections.proved(connection) }
        if ending.drops { endpoint.connections.closeAll(except: ending.keeps) }
        state.signal { $0.phase = .idle }
        ending.finish(ending.outcome)
    }

    /// Brings the request in progress to its end, then releases context, operation and socket, in this order.
    func shutDown(until deadline: Deadline) -> Bool {
        let (isFirst, ticket) = state.withLock { state in
            defer { state.isClosed = true }
            return (!state.isClosed, state.ticket)
        }
        guard isFirst else { return true }
        if let ticket { cancel(ticket) }
        let isAtRest = state.wait(until: deadline) { state in
            if case .idle = state.phase, !state.isCanceling { return true }
            return nil
        }
        guard isAtRest == true else { return false }  // still retained: nng may call back
        // To leave in the midst of a handshake ends an ipc listener of nng before 1.6: give it a moment to be complete.
        if address.path != nil, (try? address.requireListener()) != nil {
            let moment = Deadline(after: .nanoseconds(min(deadline.remainingNanoseconds / 2, 100_000_000)))
            _ = state.wait(until: moment) { _ in endpoint.connections.count > 0 ? true : nil }
        }
        nng_ctx_close(context)
        let operation = state.withLock { _ in self.operation }
        nng_aio_free(operation)
        state.withLock { _ in self.operation = nil }
        endpoint.close()
        Unmanaged.passUnretained(self).release()  // the retain of init
        return true
    }
}
