internal import CCurl

/// Why a transfer did not complete.
public struct CurlError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Open: a new kind is a new constant.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// `cancel()` was called. The socket is closed.
        public static let cancelled = Kind(rawValue: "cancelled")
        /// The session was closed before or during the transfer. The socket is closed.
        public static let closed = Kind(rawValue: "closed")
        /// The request cannot be sent: URL, scheme, header.
        public static let invalidRequest = Kind(rawValue: "invalidRequest")
        /// Failed before the connection was ready: name, connect, TLS.
        public static let connect = Kind(rawValue: "connect")
        public static let connectTimeout = Kind(rawValue: "connectTimeout")
        public static let firstByteTimeout = Kind(rawValue: "firstByteTimeout")
        public static let silenceTimeout = Kind(rawValue: "silenceTimeout")
        public static let totalTimeout = Kind(rawValue: "totalTimeout")
        /// The response is larger than the request accepts: its body, or 128 KiB of header lines.
        public static let tooLarge = Kind(rawValue: "tooLarge")
        /// What came is not HTTP/1.
        public static let notHTTP = Kind(rawValue: "notHTTP")
        /// Failed after the connection was ready: closed early, reset, bad framing. The server may have acted.
        public static let transport = Kind(rawValue: "transport")
        /// This process, or the machine, has no descriptor left (EMFILE, ENFILE): nothing was sent, and later there may be
        /// some.
        public static let descriptors = Kind(rawValue: "descriptors")
        /// The libcurl of this machine is too old or built without asynchronous name resolution, or has no resources.
        public static let library = Kind(rawValue: "library")
    }

    public var kind: Kind
    /// libcurl's `CURLcode` ([list](https://curl.se/libcurl/c/libcurl-errors.html)); 0 where the failure is not curl's.
    public var code: Int
    /// libcurl's own text where `code` is not 0. Holds no header values.
    public var message: String

    public init(kind: Kind, code: Int = 0, message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    public var description: String { code == 0 ? message : "\(message) (curl \(code))" }
}

extension CurlError {
    static let cancelled = CurlError(kind: .cancelled, message: "cancelled")
    static let closed = CurlError(kind: .closed, message: "the session is closed")
    static let closedBeforeAnswer = CurlError(
        kind: .transport,
        message: "the kept connection was closed before a byte of the answer came; the request is not sent again")

    /// - Parameter what: what needed one.
    static func noDescriptors(_ what: String) -> CurlError {
        CurlError(kind: .descriptors, message: "\(what): too many open descriptors in this process or on this machine")
    }

    /// - Parameters:
    ///   - text: what curl wrote into the error buffer; empty where it wrote nothing.
    ///   - connected: whether the connection was ready.
    init(_ code: CURLcode, text: String, connected: Bool) {
        // Curl wanted to send the body again: the same as a second request that it was not let send.
        if code == CURLE_SEND_FAIL_REWIND {
            self = .closedBeforeAnswer
            return
        }
        self.code = Int(code.rawValue)
        message = text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
        switch code {
        case CURLE_URL_MALFORMAT: kind = .invalidRequest
        case CURLE_UNSUPPORTED_PROTOCOL: kind = connected ? .notHTTP : .invalidRequest
        case CURLE_WEIRD_SERVER_REPLY: kind = .notHTTP
        case CURLE_OPERATION_TIMEDOUT where !connected: kind = .connectTimeout
        case _ where !connected: kind = .connect
        default: kind = .transport
        }
    }
}
