internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// One client's connection: knows at once when it is closed, whatever the responder is doing at that moment.
///
/// Ownership: made when the connection is accepted, held by its channel's handler and by the server's list until the
/// channel is inactive. Threads: any.
final class ClientConnection: Sendable {
    struct Ticket: Hashable {
        fileprivate let number: Int
    }

    private struct State {
        var closed: ClockReading?
        var watchers: [Ticket: @Sendable (ClockReading) -> Void] = [:]
        var lastTicket = 0
    }

    let channel: any Channel
    private let state = Mutex(State())

    init(channel: any Channel) {
        self.channel = channel
    }

    var isClosed: Bool { state.withLock { $0.closed != nil } }

    /// Calls `watcher` once when the connection is seen closed; at once, and with no ticket, if it is already.
    @discardableResult
    func whenClosed(_ watcher: @escaping @Sendable (ClockReading) -> Void) -> Ticket? {
        let (ticket, closed) = state.withLock { state -> (Ticket?, ClockReading?) in
            if let closed = state.closed { return (nil, closed) }
            let ticket = Ticket(number: state.lastTicket + 1)
            state.lastTicket += 1
            state.watchers[ticket] = watcher
            return (ticket, nil)
        }
        if let closed { watcher(closed) }
        return ticket
    }

    func forget(_ ticket: Ticket?) {
        guard let ticket else { return }
        state.withLock { _ = $0.watchers.removeValue(forKey: ticket) }
    }

    /// Closes the connection from this side, without the end of an answer.
    func close() {
        channel.close(mode: .all, promise: nil)
    }

    fileprivate func sawClose() {
        let now = ClockReading.now
        let watchers = state.withLock { state -> [@Sendable (ClockReading) -> Void] in
            guard state.closed == nil else { return [] }
            state.closed = now
            defer { state.watchers = [:] }
            return state.watchers.sorted { $0.key.number < $1.key.number }.map(\.value)
        }
        for watcher in watchers { watcher(now) }
    }
}

/// Tells the connection of its end, on the event loop, before anything else happens with the news.
///
/// A client that only closes its sending side counts as gone too: no client of the API does that and goes on reading.
private final class CloseHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let connection: ClientConnection

    init(_ connection: ClientConnection) {
        self.connection = connection
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { connection.sawClose() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.sawClose()
        context.fireChannelInactive()
    }

    /// What a client sends is not HTTP. Hummingbird answers with status 400, and would then wait for ever for a client
    /// that neither reads nor leaves.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.eventLoop.scheduleTask(in: .seconds(1)) { [connection] in connection.close() }
        context.fireErrorCaught(error)
    }
}

@available(*, unavailable)
extension CloseHandler: Sendable {}

/// The connections that are open, so that a stopping server can close them.
final class ClientConnections: Sendable {
    private let connections = Mutex<[ObjectIdentifier: ClientConnection]?>([:])

    /// False once the server is stopping.
    func add(_ connection: ClientConnection) -> Bool {
        let isAdded = connections.withLock { connections in
            connections?[ObjectIdentifier(connection)] = connection
            return connections != nil
        }
        if isAdded {
            connection.whenClosed { [weak self, weak connection] _ in
                guard let self, let connection else { return }
                connections.withLock { $0?[ObjectIdentifier(connection)] = nil }
            }
        }
        return isAdded
    }

    /// Closes all of them, and those that come later.
    func closeAll() {
        let open = connections.withLock { connections in
            defer { connections = nil }
            return connections ?? [:]
        }
        for connection in open.values { connection.close() }
    }
}

/// Hummingbird's HTTP/1 channel, with a `ClientConnection` beside each.
struct WatchedChannel: ServerChildChannel {
    typealias Responder = @Sendable (Request, consuming ResponseWriter, ClientConnection) async throws -> Void

    struct Value: ServerChildChannelValue {
        let http: HTTP1Channel
        let asyncChannel: HTTP1Channel.Value

        var channel: any Channel { asyncChannel.channel }
    }

    let connections: ClientConnections
    let responder: Responder

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let connection = ClientConnection(channel: channel)
        guard connections.add(connection) else {
            return channel.eventLoop.makeFailedFuture(ChannelError.alreadyClosed)
        }
        let http = HTTP1Channel(
            responder: { [responder] request, writer, _ in try await responder(request, writer, connection) },
            configuration: HTTP1Channel.Configuration(additionalChannelHandlers: [CloseHandler(connection)]))
        return http.setup(channel: channel, logger: logger).map { Value(http: http, asyncChannel: $0) }
    }

    func handle(value: Value, logger: Logger) async {
        await value.http.handle(value: value.asyncChannel, logger: logger)
    }
}
