internal import FermataProtocol
internal import NNG
internal import Synchronization
internal import Threads

/// Where messages come in on the control socket: what is more than the server can have in progress is refused here,
/// before anything is made of it.
///
/// Contexts bound the number of requests in progress, but a message may have 4 MiB and so may its reply; and when no
/// context is free, an interrupt would wait unread. So ordinary requests never take the last contexts, nor more bytes
/// than are granted to all together, nor more than a share for one connection: beyond that they are answered
/// OVERLOADED at once. Frames whose lane is `always` are taken all the same.
///
/// Threads: any.
final class ControlDesk: Sendable {
    typealias Decide = @Sendable (Frame, Exchange, @escaping Exchange.Completion) -> Void

    let counters: Counters
    /// Later frames of messages are decided here: neither nng's threads nor the loop wait for them.
    let answers: WorkThread
    let decide: Decide
    private let byConnection = Mutex<[UInt32: Int]>([:])

    init(counters: Counters, answers: WorkThread, decide: @escaping Decide) {
        self.counters = counters
        self.answers = answers
        self.decide = decide
    }

    /// Cuts a message into frames, decides them one after the other and replies. On a thread of nng's; never blocks.
    func take(_ request: Request) {
        counters.requests.add()
        counters.requestsInProgress.add()
        counters.requestBytes.add(request.body.count)
        let ofConnection = byConnection.withLock { counts in
            counts[request.peer.connection, default: 0] += 1
            return counts[request.peer.connection]!
        }
        let exchange: Exchange
        do {
            let frames = try Frame.frames(in: request.body)
            guard frames.count <= Configuration.maximumFrames else {
                throw FramingError(offset: 0, problem: "more than \(Configuration.maximumFrames) frames")
            }
            exchange = Exchange(request, frames, self)
        } catch {
            leave(request)
            reply(Exchange.encode(.failure(Refusal(.badFrame, "\(error)")), to: 0), to: request)
            return
        }
        exchange.start(refusal: refusal(request, ofConnection: ofConnection))
    }

    /// A message has its reply.
    func leave(_ request: Request) {
        counters.requestsInProgress.add(-1)
        counters.requestBytes.add(-request.body.count)
        byConnection.withLock { counts in
            counts[request.peer.connection]! -= 1
            if counts[request.peer.connection] == 0 { counts[request.peer.connection] = nil }
        }
    }

    func reply(_ bytes: [UInt8], to request: Request) {
        // A reply that nng cannot take is like a reply to a client that is gone: the client sends again.
        _ = try? request.reply(bytes)
    }

    /// Why nothing more of a message may be taken, if so.
    var refusal: Refusal? {
        guard counters.requestBytes.current + counters.replyBytes.current > Configuration.bytesInProgress else {
            return nil
        }
        return Refusal(
            .overloaded, "requests and replies of \(Configuration.bytesInProgress >> 20) MiB are in progress",
            retryAfterMs: 250)
    }

    private func refusal(_ request: Request, ofConnection: Int) -> Refusal? {
        guard request.freeContexts >= Configuration.reservedContexts else {
            let most = Configuration.contexts - Configuration.reservedContexts
            return Refusal(.overloaded, "\(most) requests are in progress", retryAfterMs: 100)
        }
        guard ofConnection <= Configuration.contextsOfOneConnection else {
            return Refusal(
                .overloaded, "\(Configuration.contextsOfOneConnection) requests of this connection are in progress",
                retryAfterMs: 100)
        }
        return refusal
    }
}
