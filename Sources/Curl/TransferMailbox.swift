internal import CCurl
internal import Glibc

/// A request for a transfer on its way to the session's thread.
struct Start: Sendable {
    let transfer: CurlTransfer
    var request: CurlRequest
    let onConnected: @Sendable () -> Void
    let onResponse: @Sendable (CurlResponse, CurlTransfer) -> Void
    let onData: @Sendable (UnsafeRawBufferPointer, CurlTransfer) -> Void
    let onEnd: @Sendable (Result<CurlCompletion, CurlError>) -> Void

    /// The same with an empty body where there is one: who sends it holds it by itself.
    var withoutBody: Start {
        var start = self
        if start.request.body != nil { start.request.body = [] }
        return start
    }
}

/// What crosses from any thread to the session's: starts, cancels, the wish to close.
///
/// The thread sleeps in epoll and is woken through an eventfd, once for however many commands wait.
final class TransferMailbox: Sendable {
    struct Contents {
        var starts: [Start] = []
        /// Have a lane of their own: they do not wait behind starts.
        var cancels: [CurlTransfer] = []
        var closing = false

        var isEmpty: Bool { starts.isEmpty && cancels.isEmpty && !closing }
    }

    private struct State {
        var contents = Contents()
        var closed = false
        var ended = false
        var thread: pthread_t?
    }

    private let state = Locked(State())
    /// Readable when there is something to take.
    let wakeDescriptor: Int32

    init() throws(CurlError) {
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        if wakeDescriptor < 0 { throw CurlError(errno: errno, doing: "eventfd") }
    }

    deinit {
        // Nobody can write any more: every writer holds a reference to the mailbox.
        Glibc.close(wakeDescriptor)
    }

    /// - Returns: false when the session is closed; the start is then not taken.
    func post(_ start: Start) -> Bool {
        let (taken, wake) = state.withLock { state in
            guard !state.closed else { return (false, false) }
            defer { state.contents.starts.append(start) }
            return (true, state.contents.isEmpty)
        }
        if wake { self.wake() }
        return taken
    }

    func cancel(_ transfer: CurlTransfer) {
        let wake = state.withLock { state in
            guard !state.closed else { return false }
            defer { state.contents.cancels.append(transfer) }
            return state.contents.isEmpty
        }
        if wake { self.wake() }
    }

    func close() {
        let wake = state.withLock { state in
            guard !state.closed else { return false }
            state.closed = true
            defer { state.contents.closing = true }
            return state.contents.isEmpty
        }
        if wake { self.wake() }
    }

    func waitForEnd() {
        // On the session's thread the wait would be for itself.
        if state.withLock({ $0.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }) { return }
        state.wait { $0.ended }
    }

    // MARK: For the session's thread

    func begin() {
        state.withLock { $0.thread = pthread_self() }
    }

    /// Everything that waits. The eventfd is read by the loop when epoll reports it.
    func take() -> Contents {
        state.withLock { state in
            guard !state.contents.isEmpty else { return Contents() }
            defer { state.contents = Contents() }
            return state.contents
        }
    }

    func end() {
        state.signal { state in
            state.ended = true
            state.thread = nil
        }
    }

    func clearWake() {
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, 8)
    }

    private func wake() {
        var one: UInt64 = 1
        // Fails only when the counter is full: then it is readable anyway.
        _ = write(wakeDescriptor, &one, 8)
    }
}

extension CurlError {
    init(errno number: Int32, doing call: String) {
        let kind: Kind = [EMFILE, ENFILE].contains(number) ? .descriptors : .library
        self.init(kind: kind, message: "\(call): \(String(cString: strerror(number)))")
    }
}
