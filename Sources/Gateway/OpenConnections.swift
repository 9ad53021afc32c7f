internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// The connections that are open, so that all can be closed whatever they wait for: a task that answers can be
/// cancelled, a client that does not take its answer cannot.
///
/// Those beyond its limit have others closed on which no request is going on, the ones that have waited longest for the
/// whole head of their next one: a client that is only slow, or that keeps connections open, connects again; one that
/// means harm shuts nobody out. A newcomer has a moment to say what it wants before it can be closed: of 300 that came at
/// once those that were taken last had those closed that were taken first, whose requests had not been read yet. Until
/// there is room the others are not taken and wait in the queue of the listening socket.
///
/// Threads: any.
final class OpenConnections: Sendable {
    private struct Connection {
        let channel: any Channel
        /// Grows: the lowest has been without a request for the longest.
        var since: UInt64
        var isBusy = false
        /// How often it was found without a request since.
        var looks = 0
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var turns: UInt64 = 0
        var isClosed = false
        /// Whether somebody looks for connections that can be closed.
        var isLooking = false
    }

    /// Between two looks. What has come on a connection is read between them, however long the process was stopped.
    private static let interval = TimeAmount.milliseconds(50)
    /// Who is found without a request so often can be closed: it had an interval at least.
    private static let patience = 2
    /// So much more often if the head of a request is there: it is about to be answered, or came after the last answer that
    /// the connection was to have.
    private static let patienceWithHead = 200

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Knows a connection as long as it is open; after `close` there is none any more. On its event loop.
    fileprivate func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let (isClosed, mustLook) = state.withLock { state in
            guard !state.isClosed else { return (true, false) }
            state.turns += 1
            state.connections[id] = Connection(channel: channel, since: state.turns)
            guard state.connections.count > limit, !state.isLooking else { return (false, false) }
            state.isLooking = true
            return (false, true)
        }
        guard !isClosed else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { [self] _ in state.withLock { $0.connections[id] = nil } }
        guard mustLook else { return }
        channel.eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { [self] task in
            if !makeRoom() { task.cancel() }
        }
    }

    /// Closes those that can be closed, as long as there are too many.
    ///
    /// - Returns: whether it has to look again.
    private func makeRoom() -> Bool {
        let (leaving, isLooking) = state.withLock { state in
            let excess = state.isClosed ? 0 : state.connections.count - limit
            state.isLooking = excess > 0
            guard excess > 0 else { return ([any Channel](), false) }
            for id in state.connections.keys { state.connections[id]!.looks += 1 }
            let idle = state.connections.filter { !$0.value.isBusy && $0.value.looks >= Self.patience }
            let leaving = idle.sorted { $0.value.since < $1.value.since }.prefix(excess)
            for (id, _) in leaving { state.connections[id] = nil }
            return (leaving.map(\.value.channel), true)
        }
        for channel in leaving { channel.close(promise: nil) }
        return isLooking
    }

    /// The head of a request is there. On the connection's event loop, before anybody can look.
    fileprivate func hasHead(_ channel: any Channel) {
        state.withLock { $0.connections[ObjectIdentifier(channel)]?.looks = -Self.patienceWithHead }
    }

    /// A request of the connection is being answered, or is not any more.
    func set(_ channel: any Channel, isBusy: Bool) {
        let id = ObjectIdentifier(channel)
        state.withLock { state in
            state.turns += 1
            state.connections[id]?.since = state.turns
            state.connections[id]?.isBusy = isBusy
            state.connections[id]?.looks = 0
        }
    }

    /// Closes them, and those that are still to come.
    func close() {
        let channels = state.withLock { state in
            state.isClosed = true
            return state.connections.values.map(\.channel)
        }
        for channel in channels { channel.close(promise: nil) }
    }

    /// Tells of the connection that it is a part of.
    final class Entry: ChannelInboundHandler, RemovableChannelHandler, Sendable {
        typealias InboundIn = HTTPRequestPart
        typealias InboundOut = HTTPRequestPart

        private let connections: OpenConnections

        init(_ connections: OpenConnections) { self.connections = connections }

        func handlerAdded(context: ChannelHandlerContext) { connections.add(context.channel) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .head = unwrapInboundIn(data) { connections.hasHead(context.channel) }
            context.fireChannelRead(data)
        }
    }
}
