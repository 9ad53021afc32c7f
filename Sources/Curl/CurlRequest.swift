/// One HTTP request: what to send, how long to wait for what, and how much to accept.
///
/// A description or mirror of a request shows header names and sizes, never header values or bodies: keys live there.
public struct CurlRequest: Sendable {
    /// An absolute `http` or `https` URL. Redirects are not followed: a 3xx is a response like any other.
    public var url: String
    /// `GET`, `POST`, `HEAD`, or another method's name.
    public var method: String
    /// Sent as given, in order. A `Content-Type` belongs here when there is a body. No line breaks or NUL.
    public var headers: [(name: String, value: String)]
    /// The body in pieces, sent one after the other with one `Content-Length`; they are never joined. Nil: no body.
    public var body: [BodyPiece]?
    public var timeouts: CurlTimeouts
    /// The most bytes of response body that are accepted; one more ends the transfer with `CurlError.Kind.tooLarge`.
    public var maximumBodyBytes: Int
    /// A file of trusted certificates in PEM. Nil: libcurl's default, the system's.
    public var authoritiesFile: String?
    /// The proxy's URL; empty: none. Nil: what `http_proxy`, `https_proxy`, `no_proxy` in the environment say
    /// ([CURLOPT_PROXY](https://curl.se/libcurl/c/CURLOPT_PROXY.html)).
    public var proxy: String?

    public init(
        url: String, method: String = "GET", headers: [(name: String, value: String)] = [], body: [BodyPiece]? = nil,
        timeouts: CurlTimeouts = CurlTimeouts(), maximumBodyBytes: Int = 64 << 20,
        authoritiesFile: String? = nil, proxy: String? = nil
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.timeouts = timeouts
        self.maximumBodyBytes = maximumBodyBytes
        self.authoritiesFile = authoritiesFile
        self.proxy = proxy
    }
}

extension CurlRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let size = body.map { $0.reduce(0) { $0 + $1.count } } ?? 0
        return "\(method), headers \(headers.map(\.name)), \(size) bytes of body"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: ["request": description]) }
}

/// How long a transfer may take to do what. Each is measured by the session's thread on the monotonic clock.
public struct CurlTimeouts: Sendable, Equatable {
    /// From the start until the connection is ready: name resolved, connected, TLS agreed.
    /// Ends in `CurlError.Kind.connectTimeout`.
    public var connect: Duration
    /// From the connection being ready, sending the body included, until the first line of the response is complete.
    /// Ends in `CurlError.Kind.firstByteTimeout`.
    public var firstByte: Duration
    /// From one piece of the response (a header line or some of the body) until the next.
    /// Ends in `CurlError.Kind.silenceTimeout`.
    public var silence: Duration
    /// From the start until the end, whatever happens between. Nil: no limit. Ends in `CurlError.Kind.totalTimeout`.
    public var total: Duration?

    public init(
        connect: Duration = .seconds(30), firstByte: Duration = .seconds(300), silence: Duration = .seconds(120),
        total: Duration? = nil
    ) {
        self.connect = connect
        self.firstByte = firstByte
        self.silence = silence
        self.total = total
    }
}
