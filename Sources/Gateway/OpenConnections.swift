internal import NIOCore
internal import Synchronization

/// The connections that are open, so that all can be closed whatever they wait for: a task that answers can be
/// cancelled, a client that does not take its answer cannot.
///
/// Beyond its limit each newcomer has one closed on which no request is going on, the one that has waited longest for the
/// whole head of its next one: a client that is only slow, or that keeps connections open, connects again; one that means
/// harm shuts nobody out.
///
/// Threads: any.
final class OpenConnections: Sendable {
    private struct Connection {
        let channel: any Channel
        /// Grows: the lowest has been without a request for the longest.
        var since: UInt64
        var isBusy = false
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var turns: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Knows a connection as long as it is open; after `close` there is none any more.
    fileprivate func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let (isClosed, leaving): (Bool, (any Channel)?) = state.withLock { state in
            guard !state.isClosed else { return (true, nil) }
            state.turns += 1
            var leaving: (any Channel)?
            if state.connections.count >= limit,
                let oldest = state.connections.filter({ !$0.value.isBusy }).min(by: { $0.value.since < $1.value.since })
            {
                state.connections[oldest.key] = nil
                leaving = oldest.value.channel
            }
            state.connections[id] = Connection(channel: channel, since: state.turns)
            return (false, leaving)
        }
        leaving?.close(promise: nil)
        guard !isClosed else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { [self] _ in state.withLock { $0.connections[id] = nil } }
    }

    /// A request of the connection is being answered, or is not any more.
    func set(_ channel: any Channel, isBusy: Bool) {
        state.withLock { state in
            state.turns += 1
            state.connections[ObjectIdentifier(channel)]?.since = state.turns
            state.connections[ObjectIdentifier(channel)]?.isBusy = isBusy
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
        typealias InboundIn = Any

        private let connections: OpenConnections

        init(_ connections: OpenConnections) { self.connections = connections }

        func handlerAdded(context: ChannelHandlerContext) { connections.add(context.channel) }
    }
}
