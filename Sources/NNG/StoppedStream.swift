internal import CNNG

// Stand before nng's own functions, as `sendmsg` does in BrokenPipe.swift: its transports call them by their exported
// names.
//
// A pipe of nng 1.5 reads a message in parts, and in each part's callback asks for the next. When the pipe was closed
// between the two, the operation was stopped: then asking for more does nothing and calls nobody back (`nni_aio_begin`
// in src/core/aio.c), the protocol's receive never ends (`ipc_pipe_recv_cb` in src/sp/transport/ipc/ipc.c, as in those
// of tcp and tls), and the one thread that frees pipes waits for it for ever: from then on every connection that ends
// keeps its descriptor. Peers that die while they have much in the pipeline made that happen within seconds.

/// Reads on, or ends the operation if it was stopped.
@_cdecl("nng_stream_recv")
public func receiveOrEnd(_ stream: OpaquePointer?, _ operation: OpaquePointer?) {
    receive(stream, operation)
    endIfStopped(operation)
}

/// Sends on, or ends the operation if it was stopped.
@_cdecl("nng_stream_send")
public func sendOrEnd(_ stream: OpaquePointer?, _ operation: OpaquePointer?) {
    send(stream, operation)
    endIfStopped(operation)
}

/// What was begun has no result yet, or another: nothing but a beginning that is refused gives this one here. The caller
/// holds the lock that the operation's callback takes, so the operation is still there.
private func endIfStopped(_ operation: OpaquePointer?) {
    guard nng_aio_result(operation) == Int32(NNG_ECANCELED.rawValue) else { return }
    nng_aio_finish(operation, Int32(NNG_ECLOSED.rawValue))
}

private typealias Transfer = @convention(c) (OpaquePointer?, OpaquePointer?) -> Void

private let receive = unsafeBitCast(nextSymbol("nng_stream_recv"), to: Transfer.self)
private let send = unsafeBitCast(nextSymbol("nng_stream_send"), to: Transfer.self)
