public import FermataProtocol
internal import SwiftProtobuf

/// A read that can wait at the server for what it asks for.
public protocol WaitingRead: ControlRequest {
    /// How long; 0: it does not wait.
    var waitMs: UInt32 { get set }
    /// Whether there is something to wait for.
    var waits: Bool { get }

    /// Whether what it waits for is in the reply. If it is not, then its time was over, or the server had no place for it.
    func isAnswered(by reply: Reply) -> Bool
}

extension FermataGetRun: WaitingRead {
    public var waits: Bool { waitMs > 0 && !until.isEmpty }
    public func isAnswered(by reply: FermataGetRunReply) -> Bool { reply.matched }
}

extension FermataReadEvents: WaitingRead {
    public var waits: Bool { waitMs > 0 }
    public func isAnswered(by reply: FermataReadEventsReply) -> Bool { !reply.events.isEmpty }
}

extension FermataTakeCalls: WaitingRead {
    public var waits: Bool { waitMs > 0 }
    public func isAnswered(by reply: FermataTakeCallsReply) -> Bool { !reply.offers.isEmpty }
}

/// A server that has no place for one more who waits answers at once with what there is, and one that is short of
/// connections closes that of a newcomer. Whoever asks again at once is turned away again: 30 clients that did so sent
/// 3,700 requests a second, and had one another's connections closed 1,300 times a second. So here each time is followed
/// by a pause.
extension Client {
    /// Sends a read that waits, and waits here as long as the server does not.
    ///
    /// - Returns: the first reply that has what is waited for, or the last one when the time is over.
    public func held<R: WaitingRead>(_ read: R) async throws(ClientError) -> R.Reply {
        var read = read
        // The server takes more as that.
        let wait = Duration.milliseconds(Int(min(read.waitMs, 25_000)))
        let deadline = ContinuousClock.now + wait
        var pauses = Pauses()
        while true {
            let reply = try await send(read, timeout: .seconds(40))
            let pause = pauses.next()
            let left = deadline - .now - pause
            guard read.waits, !read.isAnswered(by: reply), left > .zero, !Task.isCancelled else { return reply }
            try? await Task.sleep(for: pause)
            read.waitMs = UInt32(clamping: Int64(left / .milliseconds(1)))
        }
    }

    /// Sends a read that waits until it has its answer, for as long as it takes, also while the server is away.
    ///
    /// What happens during a pause is seen at its end, two seconds later at most.
    func answer<R: WaitingRead>(to read: R) async throws(ClientError) -> R.Reply {
        let wait = Duration.milliseconds(Int(read.waitMs))
        var pauses = Pauses()
        while true {
            let start = ContinuousClock.now
            var pause: Duration?
            do throws(ClientError) {
                let reply = try await sendOnce(read, timeout: wait + .seconds(20))
                if read.isAnswered(by: reply) { return reply }
                if Task.isCancelled { throw .timedOut }
            } catch {
                guard error.isPassing, !Task.isCancelled else { throw error }
                // It was there a moment ago; it is asked again until it is back.
                pause = error.retryAfter
            }
            let wasHeld = ContinuousClock.now - start >= wait / 2
            if wasHeld { pauses.beginAnew() }
            if pause == nil, wasHeld { continue }
            try? await Task.sleep(for: max(pause ?? .zero, pauses.next()))
        }
    }
}

extension ClientError {
    /// When the server says that it may be asked again; zero if it does not say.
    fileprivate var retryAfter: Duration {
        if case .refused(let error) = self { .milliseconds(Int(error.retryAfterMs)) } else { .zero }
    }
}
