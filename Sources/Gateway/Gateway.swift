public import FermataClient
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix

/// HTTP for those who cannot speak nng: an ordinary client of a Fermata server, without state of its own.
///
/// It forwards its caller's bearer token, and the server decides. protocol/README.md says what the paths are.
///
/// Threads: one event loop thread of its own, and the cooperative pool, which it never blocks. Ends with `stop`.
public final class Gateway: Sendable {
    public struct Configuration: Sendable {
        public var host = "127.0.0.1"
        /// 0: one that is free.
        public var port = 8033
        /// Values of the Host header that are served besides the address itself, with or without a port.
        public var hosts: [String] = []
        /// Origins of pages, other than its own, that may ask: `https://example.org`.
        public var origins: [String] = []
        /// Connections at once; beyond it those are closed on which no request is going on. Three quarters of them may be
        /// streams of events; who asks for more of these is told to come back.
        public var connections = 1024
        /// False: whoever reaches it may do what the server lets the gateway's own process do.
        public var requiresToken = true

        public init() {}

        /// - Parameter address: `HOST:PORT`, with an IPv6 host in brackets.
        public init(listen address: String) throws(GatewayError) {
            guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]),
                colon != address.startIndex
            else { throw GatewayError("\"\(address)\" is not an address of the form HOST:PORT") }
            host = String(address[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            self.port = Int(port)
        }

        /// Nobody but this machine reaches it.
        public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
    }

    /// For what is being answered when it ends.
    private static let patience = Duration.seconds(1)

    /// Connections that may be open beyond the limit until one is closed for them.
    private static let newcomers = 16

    public let url: String
    private let group: MultiThreadedEventLoopGroup
    private let running: Task<Void, any Error>
    private let connections: OpenConnections

    /// Starts to serve, and returns when connections are accepted.
    ///
    /// - Parameter client: of the server; its own token, if it has one, is used for those who need none.
    public static func start(_ configuration: Configuration, client: Client) async throws(GatewayError) -> Gateway {
        guard configuration.requiresToken || configuration.isLoopback else {
            throw GatewayError(
                "without tokens it listens on loopback addresses only, and \(configuration.host) is none")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // What goes wrong is told to the caller; Hummingbird's own messages are not for operators.
        var logger = Logger(label: "gateway")
        logger.logLevel = .critical
        let (ports, started) = AsyncThrowingStream.makeStream(of: Int.self)
        let connections = OpenConnections(limit: configuration.connections)
        let routes = Routes(configuration, client, connections)
        let server = Server(
            childChannelSetup: HTTP1Channel(
                responder: { try await routes.respond(to: $0, $1, $2) },
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        OpenConnections.Entry(connections), ExactRequests.Entry(routes.admission), MalformedRequests(),
                    ],
                    idleTimeout: .seconds(30),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))),
            configuration: ServerConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connections + Self.newcomers)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? configuration.port
                routes.admission.listens(on: port)
                started.yield(port)
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
                return Gateway(configuration.host, port, group, running, connections)
            }
        } catch {
            try? await group.shutdownGracefully()
            throw GatewayError("cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
        running.cancel()
        _ = await running.result
        try? await group.shutdownGracefully()
        throw GatewayError("starting on \(configuration.host):\(configuration.port) was cancelled")
    }

    private init(
        _ host: String, _ port: Int, _ group: MultiThreadedEventLoopGroup, _ running: Task<Void, any Error>,
        _ connections: OpenConnections
    ) {
        url = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        self.group = group
        self.running = running
        self.connections = connections
    }

    /// Closes the listening socket and all connections, and returns when the event loop's thread has ended: within a
    /// second or so, whatever clients do. Once.
    public func stop() async {
        running.cancel()
        let connections = connections
        let limit = Task {
            try await Task.sleep(for: Self.patience)
            connections.close()
        }
        // Before its event loop: whoever still answers uses it.
        _ = await running.result
        limit.cancel()
        try? await group.shutdownGracefully()
    }
}

/// Why a gateway could not start.
public struct GatewayError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
