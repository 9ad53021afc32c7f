internal import FermataProtocol
internal import Foundation
internal import NNG
internal import SwiftProtobuf
internal import Synchronization

/// Connections to one control socket: each carries one request at a time, and a few wait for the next one.
///
/// A connection is kept after a reply only. After anything else it is not used again: a time-out says nothing about
/// what is wrong with it, and a late reply to the old request would be the second one under way. It is closed when the
/// late reply can be expected to have come, since nng 1.5.2 does not bear that a connection is closed in the moment in
/// which a message begins to come in.
///
/// Threads: any. Sockets are closed on a thread of their own.
final class ConnectionPool: Sendable {
    private struct Kept: Sendable {
        let socket: RequestSocket
        let since: ContinuousClock.Instant
    }

    private struct State {
        /// The last used is last.
        var idle: [Kept] = []
        /// Not to be used again, and not to be closed yet.
        var resting: [Kept] = []
        /// What the server keeps of all clients; 0: it has not told.
        var serverLimit = 0
        /// This client's part of them, a quarter at most, is kept idle: a server that has few is to have some for others.
        var share: Int {
            serverLimit == 0 ? ConnectionPool.mostIdle : min(ConnectionPool.mostIdle, max(1, serverLimit / 4))
        }
    }

    private static let mostIdle = 8
    private static let mostResting = 64
    private static let longestRest = Duration.seconds(30)
    /// The first time-out for the first word on a new connection; each further one is twice as long.
    private static let firstProof = Duration.milliseconds(500)
    /// Between two dials of a server that has closed the connection; each further one is twice as long. Of each a random
    /// half is left out, so that those whom it has closed in the same moment do not all come back in the same moment.
    private static let pauses = (first: Duration.milliseconds(20), longest: Duration.milliseconds(640))
    private static let hello = Frame(
        type: UInt16(FermataFrameType.hello.rawValue),
        body: (try? FermataHello.with { $0.client = "fermata-client" }.serializedBytes()) ?? []
    ).encoded

    private let url: String
    private let state = Mutex(State())

    init(url: String) { self.url = url }

    /// See `Client.connectionShare`.
    var share: Int { state.withLock { $0.share } }

    deinit {
        let sockets = state.withLock { ($0.idle + $0.resting).map(\.socket) }
        SocketCloser.close(sockets)
    }

    /// Sends a request over a connection of its own and waits for the reply.
    ///
    /// - Parameter dialsAgain: false: that the server closes the connection before it has read the request is an error
    ///   (`connectionReset`, `connectionRefused`) as well. Who can wait makes longer pauses than those here, which are for
    ///   who has something to say now.
    func exchange(
        _ message: [UInt8], timeout: Duration, dialsAgain: Bool = true
    ) async throws(NNGError) -> [UInt8] {
        let deadline = ContinuousClock.now + timeout
        var pause = Self.pauses.first
        while true {
            let socket: RequestSocket
            if let idle = takeIdle() {
                socket = idle
            } else {
                socket = try await connected(until: deadline, dialsAgain: dialsAgain)
            }
            do {
                let reply = try await socket.request(message, timeout: deadline - .now)
                keep(socket)
                return reply
            } catch {
                giveUp(socket)
                // A server that is short of connections has closed this one between two words: nothing was sent.
                guard error == .connectionRefused, dialsAgain, deadline - .now > pause else { throw error }
                try await Self.rest(&pause)
            }
        }
    }

    /// A new connection over which something has been answered. A dial that succeeds says little: a listener of nng
    /// 1.5.2 that is dead for newcomers takes them, and never reads what they send. So the first word is Hello, and
    /// who gets no reply soon dials anew.
    private func connected(
        until deadline: ContinuousClock.Instant, dialsAgain: Bool
    ) async throws(NNGError) -> RequestSocket {
        var patience = Self.firstProof
        var pause = Self.pauses.first
        while true {
            let socket = try RequestSocket(url, maximumMessageSize: Frame.maximumMessageLength) { [weak self] in
                self?.closeUnconnected()
            }
            let left = deadline - .now
            do {
                note(try await socket.request(Self.hello, timeout: min(patience, left)))
                // When it is lost another one takes its place, once it is needed.
                socket.dialNoMore()
                return socket
            } catch {
                giveUp(socket)
                if error == .connectionReset, dialsAgain, left > pause {
                    // A server that is short of connections has closed this one before its first word was read.
                    try await Self.rest(&pause)
                    continue
                }
                guard error == .timedOut, patience < left else { throw error }
                patience *= 2
            }
        }
    }

    /// Sleeps before the next dial.
    private static func rest(_ pause: inout Duration) async throws(NNGError) {
        try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
        if Task.isCancelled { throw .canceled }
        pause = min(pause * 2, pauses.longest)
    }

    /// What Hello was answered.
    private func note(_ reply: [UInt8]) {
        guard let frame = try? Frame.frames(in: reply).last,
            frame.type == UInt16(FermataFrameType.hello.rawValue) | Frame.replyBit,
            let hello = try? FermataHelloReply(serializedBytes: frame.body)
        else { return }
        state.withLock { $0.serverLimit = Int(hello.maxConnections) }
    }

    /// A server that is short of connections closes idle ones. They are not to come back before they are needed: each would
    /// have another one closed, and of nng's sockets half dial again at once, whatever pause they are told to make.
    private func closeUnconnected() {
        let lost = state.withLock { state in
            let lost = (state.idle + state.resting).filter { !$0.socket.isConnected }.map(\.socket)
            state.idle.removeAll { !$0.socket.isConnected }
            state.resting.removeAll { !$0.socket.isConnected }
            return lost
        }
        SocketCloser.close(lost)
    }

    private func takeIdle() -> RequestSocket? {
        let (socket, old) = state.withLock { state in
            var old = Self.removeOld(&state.idle, keeping: state.share)
            old += Self.removeOld(&state.resting, keeping: Self.mostResting)
            // Without a connection it may take its time to dial again: a new one dials at once.
            while let last = state.idle.popLast() {
                if last.socket.isConnected { return (last.socket as RequestSocket?, old) }
                old.append(last.socket)
            }
            return (nil, old)
        }
        SocketCloser.close(old)
        return socket
    }

    private func keep(_ socket: RequestSocket) {
        let old = state.withLock { state in
            state.idle.append(Kept(socket: socket, since: .now))
            return Self.removeOld(&state.idle, keeping: state.share)
        }
        SocketCloser.close(old)
    }

    private func giveUp(_ socket: RequestSocket) {
        // Until it is closed it would dial on: sockets that waited to be closed had a server that was short of connections
        // close 1,900 a second.
        socket.dialNoMore()
        guard socket.isConnected else { return SocketCloser.close([socket]) }
        let old = state.withLock { state in
            state.resting.append(Kept(socket: socket, since: .now))
            return Self.removeOld(&state.resting, keeping: Self.mostResting)
        }
        SocketCloser.close(old)
    }

    private static func removeOld(_ kept: inout [Kept], keeping most: Int) -> [RequestSocket] {
        let limit = ContinuousClock.now - longestRest
        let young = kept.drop { $0.since < limit }.suffix(most)
        let old = kept.prefix(kept.count - young.count)
        defer { kept = Array(young) }
        return old.map(\.socket)
    }
}

/// Closes sockets one after the other, on a thread that ends when all are closed.
private enum SocketCloser {
    private static let waiting = Mutex<(sockets: [RequestSocket], isClosing: Bool)>(([], false))

    static func close(_ sockets: [RequestSocket]) {
        guard !sockets.isEmpty else { return }
        let isFirst = waiting.withLock { waiting in
            waiting.sockets += sockets
            defer { waiting.isClosing = true }
            return !waiting.isClosing
        }
        guard isFirst else { return }
        Thread.detachNewThread {
            while let socket = next() { socket.close(deadline: .seconds(1)) }
        }
    }

    private static func next() -> RequestSocket? {
        waiting.withLock { waiting in
            if waiting.sockets.isEmpty { waiting.isClosing = false }
            return waiting.sockets.popLast()
        }
    }
}
