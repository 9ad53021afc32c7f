internal import FermataProtocol
internal import NNG
internal import SwiftProtobuf
internal import Threads

/// One message on the control socket: its frames are decided in order, each by itself, and answered together.
///
/// Threads: one step at a time. The step that is in progress owns the exchange; whoever completes it, on whatever
/// thread, owns it next. That is why the stored properties need no lock.
final class Exchange: @unchecked Sendable {
    typealias Completion = @Sendable (Result<[UInt8], Refusal>) -> Void

    /// Room for the replies to commands and for errors: 256 of them at 4 KiB.
    private static let reserve = 1 << 20

    private let request: Request
    private let frames: [Frame]
    private let desk: ControlDesk
    private var refusal: Refusal?
    private var replies: [UInt8] = []
    private var index = 0

    /// What the frames to come may do.
    var access: Access

    /// Who sends: its token's name, else the peer's user id where the kernel knows it.
    var sender: String {
        switch access {
        case .token(let grant): "token:\(grant.name)"
        case .everything: request.peer.user.map { "uid:\($0)" } ?? "network"
        case .nobody, .refused: "network"
        }
    }
    /// Who a command is said to be from.
    func author(of command: some Command) -> String { command.by.isEmpty ? sender : command.by }
    var connection: UInt32 { request.peer.connection }
    /// Nobody gets the reply.
    var isGone: Bool { !request.isConnected }
    /// A waiting read has to be alone in its message.
    var isAlone: Bool { frames.count == 1 || (frames.count == 2 && beginsWithAuth) }
    /// The frame that is being decided is the first.
    var isAtBeginning: Bool { index == 0 }
    /// - Parameter field: of the read, says that it waits.
    func checkIsAlone(field: String) throws(Refusal) {
        guard isAlone else {
            throw Refusal(
                .invalidArgument, "a read that waits has to be alone in its message", details: ["field": field])
        }
    }
    private var beginsWithAuth: Bool { frames[0].type == UInt16(FermataFrameType.auth.rawValue) }

    init(_ request: Request, _ frames: [Frame], _ desk: ControlDesk) {
        self.request = request
        self.frames = frames
        self.desk = desk
        // The kernel names users over ipc only, whose socket's permissions and whose listener let in this user alone.
        access = request.peer.user == nil ? .nobody : .everything
    }

    /// Decides the first frame here and now, with Auth in front the second as well, and all others elsewhere.
    ///
    /// - Parameter refusal: what every frame is answered with that does not pass everything.
    func start(refusal: Refusal?) {
        self.refusal = refusal
        decideFrame()
    }

    private func decideFrame() {
        let frame = frames[index]
        let lane = FrameKind.of(frame.type)?.lane ?? .ordinary
        // The bytes in progress may have become too many since the frame before; the number can only have been at the
        // beginning.
        if lane != .always, let refusal = refusal ?? (index > 0 ? desk.refusal : nil) {
            return complete(.failure(refusal))
        }
        // Commands are for others, pages of reads are not.
        if lane == .page, isGone { return complete(.failure(.nobodyThere)) }
        desk.decide(frame, self) { [self] in complete($0) }
    }

    private func complete(_ result: Result<[UInt8], Refusal>) {
        let type = frames[index].type
        if case .failure(let refusal) = result {
            desk.counters.answered(type, refusal: refusal)
        } else {
            desk.counters.answered(type, refusal: nil)
        }
        var reply = Exchange.encode(result, to: type)
        // Only reads answer at such length; a command's reply always finds room.
        let room = Frame.maximumMessageLength - (isAlone ? 0 : Exchange.reserve)
        if replies.count + reply.count > room {
            let refusal = Refusal(.replyTooLarge, "the replies to one message have no room for this one")
            reply = Exchange.encode(.failure(refusal), to: type)
        }
        index += 1
        guard index < frames.count else {
            desk.counters.replyBytes.add(-replies.count)
            desk.leave(request)
            desk.reply(replies + reply, to: request)
            return
        }
        desk.counters.replyBytes.add(reply.count)
        replies += reply
        // A token is checked here and now, so this is still the thread that brought the message.
        if index == 1, beginsWithAuth { return decideFrame() }
        // Whoever completes a frame, the loop above all, is not to be held by the 255 that may follow. One at a time,
        // so that messages of many frames take turns.
        desk.answers.run { self.decideFrame() }
    }

    static func encode(_ result: Result<[UInt8], Refusal>, to type: UInt16) -> [UInt8] {
        switch result {
        case .success(let body): Frame(type: type | Frame.replyBit, body: body).encoded
        case .failure(let refusal):
            Frame(type: UInt16(FermataFrameType.error.rawValue), body: try! refusal.asMessage.serializedBytes()).encoded
        }
    }
}

extension Refusal {
    /// What nobody reads.
    static let nobodyThere = Refusal(.overloaded, "the connection is closed")
}
