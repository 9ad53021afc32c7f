internal import FermataClient
internal import FermataProtocol
internal import HTTPTypes
internal import HummingbirdCore
internal import Synchronization

/// Who is let in: requests that were meant for this gateway, from pages that may ask it, with a token.
///
/// A page that somebody's browser shows can send requests to any address, and can make its own name mean this one (DNS
/// rebinding): `Host` and `Origin` are what the browser itself says of that.
final class Admission: Sendable {
    private let hosts: Mutex<Set<String>>
    private let own: [String]
    private let origins: Set<String>
    private let requiresToken: Bool
    private let client: Client

    init(_ configuration: Gateway.Configuration, _ client: Client) {
        hosts = Mutex(Set(configuration.hosts.map { $0.lowercased() }))
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        own = configuration.isLoopback ? [host, "localhost", "127.0.0.1", "[::1]"] : [host]
        origins = Set(configuration.origins.map { $0.lowercased() })
        requiresToken = configuration.requiresToken
        self.client = client
    }

    /// The port is known.
    func listens(on port: Int) {
        hosts.withLock { hosts in
            for host in own {
                hosts.insert("\(host):\(port)")
                if port == 80 { hosts.insert(host) }
            }
        }
    }

    /// - Returns: the origin that is to be told that it may read the answer, if the page is not the gateway's own.
    func admit(_ request: Request) throws(GatewayFailure) -> String? {
        // There is exactly one: `ExactRequests`.
        guard let host = request.head.authority?.lowercased(), serves(host) else {
            throw GatewayFailure(
                refusal: Refusal(
                    .wrongHost, "the Host header names none that this gateway serves", details: ["header": "Host"]))
        }
        guard let origin = request.headers[.origin]?.lowercased() else { return nil }
        if origins.contains(origin) { return origin }
        guard let scheme = ["http://", "https://"].first(where: origin.hasPrefix),
            serves(String(origin.dropFirst(scheme.count)))
        else {
            throw GatewayFailure(
                refusal: Refusal(.wrongHost, "pages of this Origin may not ask here", details: ["header": "Origin"]))
        }
        return nil
    }

    /// A name that was given without a port is served on every port.
    func serves(_ host: String) -> Bool {
        hosts.withLock { hosts in
            if hosts.contains(host) { return true }
            guard let colon = host.lastIndex(of: ":"), host[host.index(after: colon)...].allSatisfy(\.isNumber) else {
                return false
            }
            return hosts.contains(String(host[..<colon]))
        }
    }

    /// The server's client in the caller's name.
    func client(for request: Request) throws(GatewayFailure) -> Client {
        guard let field = request.headers[.authorization] else {
            if requiresToken { throw Self.unauthenticated }
            return client
        }
        let scheme = "bearer "
        let token = String(field.dropFirst(scheme.count))
        guard field.lowercased().hasPrefix(scheme), !token.isEmpty, token.utf8.count <= 256 else {
            throw Self.unauthenticated
        }
        return client.presenting(token: token)
    }

    /// The server's client in nobody's name: for what brings a token of its own along.
    var nobody: Client { client.presenting(token: "") }

    private static let unauthenticated = GatewayFailure(
        refusal: Refusal(.unauthenticated, "the request has no Authorization: Bearer with a token"))
}
