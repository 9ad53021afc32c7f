internal import CNNG
internal import Synchronization

/// A request that waits for its one answer.
///
/// It may be answered at any time, from any thread. A request that is dropped unanswered gives its context back to
/// receiving: nothing is lost here, and the client waits until its own time-out.
public final class Request: Sendable {
    /// The request's bytes.
    public let body: [UInt8]

    /// Who sent it.
    public let peer: Peer

    /// Contexts of its socket that have no request at this moment.
    public var freeContexts: Int { slot.freeContexts }

    /// Whether its connection is there still: without it nobody gets the answer.
    public var isConnected: Bool { slot.isConnected(peer) }

    private let slot: ReplySlot
    private let number: UInt64
    private let isAnswered = Atomic<Bool>(false)

    init(body: [UInt8], peer: Peer, slot: ReplySlot, number: UInt64) {
        self.body = body
        self.peer = peer
        self.slot = slot
        self.number = number
    }

    deinit {
        if !isAnswered.load(ordering: .acquiring) { slot.drop(number) }
    }

    /// Sends the answer. Never blocks; whether the client gets it cannot be known.
    ///
    /// - Returns: false if the answer goes nowhere: the request was answered before, or the socket is closed.
    /// - Throws: `outOfMemory`; then the request can still be answered.
    @discardableResult
    public func reply(_ bytes: [UInt8]) throws(NNGError) -> Bool {
        if isAnswered.load(ordering: .acquiring) { return false }
        return reply(message: try Message(bytes))
    }

    /// Sends an answer that was built in place.
    @discardableResult
    public func reply(message: consuming Message) -> Bool {
        guard !isAnswered.exchange(true, ordering: .acquiringAndReleasing) else { return false }
        return slot.reply(message, to: number)
    }
}
