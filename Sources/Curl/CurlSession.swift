internal import Synchronization
internal import Threads

/// Many streaming HTTP transfers on one thread.
///
/// Each transfer in flight has a TCP connection of its own (HTTP/1.1, no multiplexing); idle connections are kept and
/// used again. Names are resolved on threads of libcurl's, so a slow name delays nobody else.
///
/// A transfer writes one request at most: libcurl by itself would send it again where a kept connection is closed
/// before the first byte of an answer. That is a failure of kind `transport` here, and the server may have acted.
///
/// Threads: every method may be called from any thread. All callbacks of all transfers of a session are made one after
/// the other on its thread: they must not block, or every transfer waits.
///
/// Ownership: dropping the session closes it without waiting.
public final class CurlSession: Sendable {
    private let mailbox: TransferMailbox

    /// Starts the session's thread.
    ///
    /// - Parameter idleConnections: the most that may be kept open while nobody uses them; at least 1. Nil: as many as
    ///   there are transfers, four times over.
    /// - Throws: `CurlError.Kind.library` when libcurl is older than 7.87, resolves names synchronously, or the process
    ///   has no descriptors or threads left.
    public init(idleConnections: Int? = nil) throws(CurlError) {
        if let problem = CurlLibrary.problem { throw problem }
        let loop = try TransferLoop(idleConnections: idleConnections)
        mailbox = loop.mailbox
        do { try OwnThread.start("curl") { loop.run() } } catch {
            throw CurlError(errno: error.code, doing: "pthread_create")
        }
    }

    deinit {
        mailbox.close()
    }

    /// Starts a transfer; returns at once.
    ///
    /// - Parameters:
    ///   - onConnected: when the connection is ready and the request begins to go out: from here on the transfer has one
    ///     descriptor, before it may have had some more. At most once.
    ///   - onResponse: once, when the head of the final response is complete; not if the transfer fails before. It gets
    ///     the transfer, as `onData` does, to cancel it even before `start` has returned.
    ///   - onData: a piece of the body as it arrived, never empty; the bytes are valid during the call only.
    ///   - onEnd: exactly once, after all others. When it is called the socket is closed, or idle after a success.
    ///     Everything that the callbacks hold is released after it.
    /// - Returns: the transfer, to cancel it; dropping it does not.
    @discardableResult
    public func start(
        _ request: CurlRequest,
        onConnected: @escaping @Sendable () -> Void = {},
        onResponse: @escaping @Sendable (CurlResponse, CurlTransfer) -> Void = { _, _ in },
        onData: @escaping @Sendable (UnsafeRawBufferPointer, CurlTransfer) -> Void = { _, _ in },
        onEnd: @escaping @Sendable (Result<CurlCompletion, CurlError>) -> Void
    ) -> CurlTransfer {
        let transfer = CurlTransfer(mailbox: mailbox)
        let start = Start(
            transfer: transfer, request: request, onConnected: onConnected, onResponse: onResponse, onData: onData,
            onEnd: onEnd)
        if !mailbox.post(start) {
            // On a thread of its own: the caller may hold a lock that its onEnd takes.
            let refused: Void? = try? OwnThread.start("curl") { onEnd(.failure(.closed)) }
            if refused == nil { onEnd(.failure(.closed)) }
        }
        return transfer
    }

    /// Ends every transfer with `CurlError.Kind.closed`, then the thread. Idempotent.
    ///
    /// Returns when every `onEnd` has been made, except on the session's own thread (in a callback), where it returns
    /// at once. Not for the cooperative pool: it blocks for as long as the callbacks take.
    public func close() {
        mailbox.close()
        mailbox.waitForEnd()
    }
}

/// A transfer that was started.
public final class CurlTransfer: Sendable {
    private let mailbox: TransferMailbox
    private let cancelled = Atomic(false)

    init(mailbox: TransferMailbox) {
        self.mailbox = mailbox
    }

    /// Takes the transfer out of curl and closes its socket at once, whatever it is doing (some 35 µs over loopback
    /// until the peer sees it). Idempotent, never blocks, may be called from any thread and from callbacks.
    ///
    /// The transfer ends with `CurlError.Kind.cancelled`, unless it has already ended. Of the other callbacks at most
    /// the one that is running goes on.
    public func cancel() {
        guard !cancelled.exchange(true, ordering: .relaxed) else { return }
        mailbox.cancel(self)
    }

    /// Read before each callback, so that none begins after `cancel`.
    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}
