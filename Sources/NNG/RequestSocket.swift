internal import CNNG

/// The asking side of request and reply (REQ): one connection, one request at a time.
///
/// nng's own resending is off: a request whose connection breaks ends with `connectionReset`, and the caller decides
/// whether to ask again. Who wants several requests at once takes several sockets.
///
/// It dials without blocking and again whenever there is no connection. If the listener is not there at all and the
/// transport is ipc, a request says so at once; over other transports it waits until its time-out.
///
/// Threads: any. Ownership: `close` it, or drop it: then it closes itself on a thread of its own. See
/// [nng_req(7)](https://nng.nanomsg.org/man/v1.10.0/nng_req.7.html).
public final class RequestSocket: Sendable {
    private let core: RequestCore

    /// - Parameters:
    ///   - maximumMessageSize: bytes of a reply; what is longer closes the connection (`connectionReset`).
    ///   - onDisconnect: the connection was lost, and it is about to dial again; on a thread of nng's, must not block.
    /// - Throws: `addressInvalid`, `outOfMemory`, `tooManyFiles`. That nobody listens is not an error yet.
    public init(
        _ url: String, maximumMessageSize: Int, onDisconnect: (@Sendable () -> Void)? = nil
    ) throws(NNGError) {
        core = try RequestCore(Address(url), maximumMessageSize: maximumMessageSize, onDisconnect: onDisconnect)
    }

    deinit {
        let core = core
        Blocking.start { _ = core.shutDown(until: Deadline(after: .seconds(5))) }
    }

    /// Sends a request and waits for its reply.
    ///
    /// After any error the socket can be used for the next request; a late reply to this one is thrown away.
    ///
    /// - Throws: `connectionRefused` at once if nobody listens, or if there is no connection after `dialNoMore`; `timedOut`; `canceled` if the task is cancelled;
    ///   `connectionReset`; `busy` if a request is in progress; `closed`. After all but the first and the last two the
    ///   request may have been acted upon.
    public func request(_ bytes: [UInt8], timeout: Duration) async throws(NNGError) -> [UInt8] {
        let core = core
        let ticket = RequestTicket()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<[UInt8], NNGError>, Never>) in
                core.begin(bytes, timeout, ticket) { continuation.resume(returning: $0) }
            }
        } onCancel: {
            core.cancel(ticket)
        }
        return try outcome.get()
    }

    /// As `request`, for callers that are not asynchronous: blocks the calling thread until the reply is there.
    ///
    /// Never call it on Swift's cooperative pool, nor in a callback of this module.
    public func requestBlocking(_ bytes: [UInt8], timeout: Duration) throws(NNGError) -> [UInt8] {
        let outcome = Monitor<Result<[UInt8], NNGError>?>(nil)
        core.begin(bytes, timeout, RequestTicket()) { result in outcome.signal { $0 = result } }
        // nng ends the request at its time-out; there is nothing else to wait for.
        while true {
            let hour = Deadline(after: .seconds(3600))
            if let result = outcome.wait(until: hour, for: { $0 }) { return try result.get() }
        }
    }

    /// Keeps the connection that it has, and dials no other when it is lost: for who takes another socket then. A server
    /// that is short of connections closes idle ones; if each of them came back at once, none would have one for long.
    ///
    /// From then on a request that finds no connection ends with `connectionRefused`, and was not sent.
    public func dialNoMore() {
        core.endpoint.dialNoMore()
        core.endIfRefused()
    }

    /// Whether there is a connection now.
    public var isConnected: Bool { core.endpoint.connections.count > 0 }

    /// Ends it; a request in progress ends with `canceled`. Blocks for at most `deadline`; not for the cooperative
    /// pool.
    ///
    /// - Returns: true if all has ended. If false, nng hangs: what it still holds is kept until the process ends.
    @discardableResult
    public func close(deadline: Duration) -> Bool {
        let core = core
        let end = Deadline(after: deadline)
        return Blocking.run(until: end) { core.shutDown(until: end) } ?? false
    }
}
