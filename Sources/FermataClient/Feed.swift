internal import FermataProtocol
internal import NNG
internal import SwiftProtobuf
internal import Synchronization

/// One subscription to a server's event socket, shared by everything in the process that reads it: a SUB socket
/// lives until the process ends (the NNG module says why), so there is one for each URL.
final class Feed: Sendable {
    enum Message: Sendable {
        case connected
        case event(FermataEvent)
        case status(FermataStatusChanged)
        case tick(FermataTick)
        case text(FermataTextDelta)
    }

    private struct State {
        var listeners: [UInt64: AsyncStream<Message>.Continuation] = [:]
        var last: UInt64 = 0
        /// How many listeners want each topic.
        var topics: [[UInt8]: Int] = [:]
    }

    /// What nng's callbacks point to: it outlives every feed, like the socket.
    private final class Hub: Sendable {
        let state = Mutex(State())

        func send(_ message: Message) {
            let listeners = state.withLock { Array($0.listeners.values) }
            for listener in listeners { listener.yield(message) }
        }
    }

    private static let feeds = Mutex<[String: Feed]>([:])
    private let hub: Hub
    private let socket: SubscribeSocket

    static func at(_ url: String) throws(ClientError) -> Feed {
        do {
            return try feeds.withLock { feeds in
                if let feed = feeds[url] { return feed }
                let feed = try Feed(url)
                feeds[url] = feed
                return feed
            }
        } catch {
            throw .transport("\(error)")
        }
    }

    private init(_ url: String) throws {
        let hub = Hub()
        self.hub = hub
        socket = try SubscribeSocket(
            url, maximumMessageSize: Frame.maximumMessageLength,
            onConnect: { _ in hub.send(.connected) },
            onMessage: { bytes in if let message = Feed.message(bytes) { hub.send(message) } })
    }

    /// Everything that comes from now on with one of these topics.
    ///
    /// Holds at most so many messages for a listener that is slow; then the oldest go, as they do in the socket.
    func listen(_ topics: [[UInt8]]) throws(ClientError) -> AsyncStream<Message> {
        let (stream, continuation) = AsyncStream.makeStream(of: Message.self, bufferingPolicy: .bufferingNewest(8192))
        do {
            // Under the lock, so that the socket has what the count says. nng's callbacks do not wait for long: what
            // is done here does not wait for them.
            let number = try hub.state.withLock { state in
                for topic in topics { try socket.subscribe(topic) }
                for topic in topics { state.topics[topic, default: 0] += 1 }
                if state.listeners.isEmpty { socket.wake() }
                state.last += 1
                state.listeners[state.last] = continuation
                return state.last
            }
            continuation.onTermination = { [hub, socket] _ in
                hub.state.withLock { state in
                    state.listeners[number] = nil
                    for topic in topics {
                        state.topics[topic]! -= 1
                        guard state.topics[topic] == 0 else { continue }
                        state.topics[topic] = nil
                        try? socket.unsubscribe(topic)
                    }
                    if state.listeners.isEmpty { socket.rest() }
                }
            }
        } catch {
            throw .transport("\(error)")
        }
        if socket.isConnected { continuation.yield(.connected) }
        return stream
    }

    private static func message(_ bytes: [UInt8]) -> Message? {
        guard bytes.count > Topic.length,
            let frame = try? Frame.frames(in: bytes.dropFirst(Topic.length)).first,
            frame.version == Frame.currentVersion
        else { return nil }
        switch FermataFrameType(rawValue: Int(frame.type)) {
        case .event: return (try? FermataEvent(serializedBytes: frame.body)).map(Message.event)
        case .statusChanged: return (try? FermataStatusChanged(serializedBytes: frame.body)).map(Message.status)
        case .tick: return (try? FermataTick(serializedBytes: frame.body)).map(Message.tick)
        case .textDelta: return (try? FermataTextDelta(serializedBytes: frame.body)).map(Message.text)
        default: return nil
        }
    }
}
