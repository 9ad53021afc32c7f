internal import FermataProtocol
internal import NNG
internal import SwiftProtobuf

/// One message on the control socket: its frames are decided in order, each by itself, and answered together.
///
/// Threads: one step at a time. The step that is in progress owns the exchange; whoever completes it, on whatever
/// thread, owns it next. That is why the stored properties need no lock.
final class Exchange: @unchecked Sendable {
    /// Room for the replies to commands and for errors: 256 of them at 4 KiB.
    private static let reserve = 1 << 20

    private let request: Request
    private let frames: [Frame]
    private let counters: Counters
    private let bytes: Int
    private var replies: [UInt8] = []
    private var index = 0

    /// Who sends: the peer's user id where the kernel knows it.
    var sender: String { request.peer.user.map { "uid:\($0)" } ?? "network" }
    /// A waiting read has to be alone in its message.
    var isAlone: Bool { frames.count == 1 }

    /// Cuts a message into frames, decides them one after the other and replies.
    ///
    /// - Parameter decide: starts one frame; calls its completion exactly once, on any thread.
    static func run(
        _ request: Request, _ counters: Counters,
        _ decide: @escaping @Sendable (Frame, Exchange, @escaping Completion) -> Void
    ) {
        counters.requests.add()
        let frames: [Frame]
        do {
            frames = try Frame.frames(in: request.body)
            guard frames.count <= Configuration.maximumFrames else {
                throw FramingError(offset: 0, problem: "more than \(Configuration.maximumFrames) frames")
            }
        } catch {
            let refusal = Refusal(.badFrame, "\(error)")
            _ = try? request.reply(Exchange.encode(.failure(refusal), to: 0))
            return
        }
        counters.requestsInProgress.add()
        counters.requestBytes.add(request.body.count)
        Exchange(request, frames, counters).next(decide)
    }

    typealias Completion = @Sendable (Result<[UInt8], Refusal>) -> Void

    private init(_ request: Request, _ frames: [Frame], _ counters: Counters) {
        self.request = request
        self.frames = frames
        self.counters = counters
        bytes = request.body.count
    }

    private func next(_ decide: @escaping @Sendable (Frame, Exchange, @escaping Completion) -> Void) {
        guard index < frames.count else {
            counters.requestsInProgress.add(-1)
            counters.requestBytes.add(-bytes)
            // A reply that nng cannot take is like a reply to a client that is gone: the client sends again.
            _ = try? request.reply(replies)
            return
        }
        let frame = frames[index]
        decide(frame, self) { [self] result in
            if case .failure(let refusal) = result {
                counters.answered(frame.type, refusal: refusal)
            } else {
                counters.answered(frame.type, refusal: nil)
            }
            var reply = Exchange.encode(result, to: frame.type)
            // Only reads answer at such length; a command's reply always finds room.
            let room = Frame.maximumMessageLength - (isAlone ? 0 : Exchange.reserve)
            if replies.count + reply.count > room {
                let refusal = Refusal(.replyTooLarge, "the replies to one message have no room for this one")
                reply = Exchange.encode(.failure(refusal), to: frame.type)
            }
            replies += reply
            index += 1
            next(decide)
        }
    }

    private static func encode(_ result: Result<[UInt8], Refusal>, to type: UInt16) -> [UInt8] {
        switch result {
        case .success(let body): Frame(type: type | Frame.replyBit, body: body).encoded
        case .failure(let refusal):
            Frame(type: UInt16(FermataFrameType.error.rawValue), body: try! refusal.asMessage.serializedBytes()).encoded
        }
    }
}
