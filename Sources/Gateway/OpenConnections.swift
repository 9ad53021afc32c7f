internal import NIOCore
internal import Synchronization

/// The connections that are open, so that all can be closed whatever they wait for: a task that answers can be
/// cancelled, a client that does not take its answer cannot.
///
/// Threads: any.
final class OpenConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Knows a connection as long as it is open; after `close` there is none any more.
    fileprivate func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.channels[id] = channel }
            return state.isClosed
        }
        guard !isClosed else { return channel.close(promise: nil) }
        channel.closeFuture.whenComplete { [self] _ in state.withLock { $0.channels[id] = nil } }
    }

    /// Closes them, and those that are still to come.
    func close() {
        let channels = state.withLock { state in
            state.isClosed = true
            return Array(state.channels.values)
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
