internal import HTTPTypes
// HummingbirdCore, of the HTTP servers that could be had, because it sees a client leave at once, whatever is being
// sent or waited for: SwiftNIO reports the closed connection to a channel handler of ours on its event loop. FlyingFox
// 0.27.1 reads nothing from a connection while it answers on it, so a client's leaving shows only when a write fails.
// Build of a minimal user, debug, two cores, from nothing: FlyingFox 7 s; HummingbirdCore 2.28.1 without its traits
// 47 s; the same with swift-protobuf, swift-argument-parser and swift-log 64 s. SwiftNIO and Hummingbird have several
// maintainers and are in the Swift server group's care; FlyingFox has one.
internal import HummingbirdCore
internal import Logging
public import ModelScript
internal import NIOCore
internal import NIOPosix

/// A scripted model behind OpenAI's two APIs and Anthropic's over real HTTP: for tests, and for `fermata mock-model`.
///
/// - `POST /v1/chat/completions` (or `/chat/completions`): the script's next turn, streaming or not.
/// - `POST /v1/messages` (or `/messages`): the same over Anthropic's API. What that refuses is refused: results that are
///   missing or of no call, blank text, reasoning that was changed or is bound to another conversation.
/// - `POST /v1/responses` (or `/responses`): the same over OpenAI's Responses, which keep nothing.
/// - `GET /v1/models`: one model, named as the script.
/// - `GET /health/liveliness`, if a turn of the script has the quirk `litellm`: what LiteLLM's proxy answers there.
/// - `GET /log`: the chat requests: when they came, how they ended, when their connection was seen closed. With
///   `?after=N` those after number N, with `?bodies=1` what was sent.
/// - `GET /log?n=N&until=U&timeout_ms=T`: request N as soon as it has come as far as U, which is `received`, `gate`,
///   `first_token`, `tokens:K`, `ended` or `closed`. Status 408 after T, which is 25,000 if absent.
/// - `GET /gates`, `POST /gates/NAME`, `DELETE /gates/NAME`: list, open, close gates.
///
/// Mistakes are answered in the error layout of their API.
///
/// Threads: one event loop thread of its own, and the cooperative pool, which it never blocks. Ends with `stop`.
public final class MockModel: Sendable {
    public struct Configuration: Sendable {
        public var host = "127.0.0.1"
        /// 0: one that is free.
        public var port = 0
        /// If set, requests with another bearer key get status 401.
        public var requiredKey: String?
        /// In bytes; a larger request gets status 413.
        public var largestBody = 64 << 20
        /// What is refused of chat completions requests beyond what every server refuses.
        public var strictness: Set<ChatStrictness> = []

        public init() {}

        /// `HOST:PORT`, with an IPv6 host in brackets.
        public init(listen address: String) throws(MockModelError) {
            guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]),
                colon != address.startIndex
            else { throw MockModelError("\"\(address)\" is not an address of the form HOST:PORT") }
            host = String(address[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            self.port = Int(port)
        }
    }

    public let host: String
    public let port: Int
    private let routes: MockModelRoutes
    private let connections: ClientConnections
    private let group: MultiThreadedEventLoopGroup
    private let running: Task<Void, any Error>

    /// What to give a client as its base URL.
    public var baseURL: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)/v1" }
    public var log: MockModelLog { routes.log }
    public var gates: ScriptGates { routes.gates }

    /// Starts to serve, and returns when connections are accepted.
    public static func start(
        _ script: ModelScript, _ configuration: Configuration = Configuration()
    ) async throws(MockModelError) -> MockModel {
        let routes = MockModelRoutes(
            script: script, requiredKey: configuration.requiredKey, largestBody: configuration.largestBody,
            strictness: configuration.strictness)
        let connections = ClientConnections()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = WatchedChannel(connections: connections) { request, writer, connection in
            try await routes.respond(to: request, writer, on: connection)
        }
        // What goes wrong is thrown or in the log; Hummingbird's own messages are not for users of a mock.
        var logger = Logger(label: "mock-model")
        logger.logLevel = .critical
        let (ports, started) = AsyncThrowingStream.makeStream(of: Int.self)
        let server = Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024),
            onServerRunning: { channel in
                started.yield(channel.localAddress?.port ?? configuration.port)
                started.finish()
            },
            eventLoopGroup: group, logger: logger)
        let running = Task {
            do {
                try await server.run()
            } catch {
                started.finish(throwing: error)
                throw error
            }
        }
        do {
            for try await port in ports {
                return MockModel(configuration.host, port, routes, connections, group, running)
            }
        } catch {
            try? await group.shutdownGracefully()
            throw MockModelError("cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
        running.cancel()
        try? await group.shutdownGracefully()
        throw MockModelError("starting on \(configuration.host):\(configuration.port) was cancelled")
    }

    private init(
        _ host: String, _ port: Int, _ routes: MockModelRoutes, _ connections: ClientConnections,
        _ group: MultiThreadedEventLoopGroup, _ running: Task<Void, any Error>
    ) {
        self.host = host
        self.port = port
        self.routes = routes
        self.connections = connections
        self.group = group
        self.running = running
    }

    /// Closes the listening socket and all connections, and returns when the event loop's thread has ended. Once.
    public func stop() async {
        running.cancel()
        connections.closeAll()
        _ = try? await running.value
        try? await group.shutdownGracefully()
    }
}

/// Why a mock model could not start.
public struct MockModelError: Error, Sendable, Equatable, CustomStringConvertible {
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}
