/// The head of a final response (status 200 or more; interim 1xx responses are passed over).
public struct CurlResponse: Sendable {
    public let status: Int
    /// In the order received. Bytes that are not UTF-8 are replaced by U+FFFD. At most 128 KiB in sum.
    public let headers: [(name: String, value: String)]

    public init(status: Int, headers: [(name: String, value: String)]) {
        self.status = status
        self.headers = headers
    }

    /// The first value of a header, whatever the case of its name.
    public func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}

/// A transfer that came to its end: the response was received completely, as HTTP delimits it.
///
/// A body without `Content-Length` and without chunks ends when the server closes, so that HTTP cannot tell a complete
/// one from a broken one; whoever knows the format must.
public struct CurlCompletion: Sendable {
    public let response: CurlResponse
    /// Bytes of body that were delivered.
    public let bodyBytes: Int
    /// Whether an idle connection of an earlier transfer was used.
    public let connectionWasReused: Bool
}
