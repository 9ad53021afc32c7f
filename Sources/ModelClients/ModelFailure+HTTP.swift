internal import Curl
internal import FoundationEssentials
internal import Glibc

extension ModelFailure {
    /// A failure of the transport.
    init(_ error: CurlError) {
        switch error.kind {
        case .cancelled, .closed: self.init(kind: .cancelled, message: "cancelled", retryable: true)
        case .invalidRequest, .library: self.init(kind: .connect, message: "\(error)", retryable: false)
        case .connect, .connectTimeout: self.init(kind: .connect, message: "\(error)", retryable: true)
        case .firstByteTimeout, .silenceTimeout, .totalTimeout:
            self.init(kind: .silence, message: "the model's server was silent for too long", retryable: true)
        case .tooLarge, .notHTTP: self.init(kind: .badResponse, message: "\(error)", retryable: true)
        default: self.init(kind: .brokenStream, message: "\(error)", retryable: true)
        }
    }

    /// A response with a status other than 200.
    static func refused(_ response: CurlResponse, body: [UInt8], key: String) -> ModelFailure {
        struct Envelope: Decodable { var error: ChatError }
        let error = try? JSONDecoder().decode(Envelope.self, from: Data(body)).error
        var failure = refused(status: response.status, error, key: key)
        failure.retryAfterMilliseconds = response.header("Retry-After").flatMap(retryAfter)
        return failure
    }

    /// What a provider says no to, by its status and its code; the text is shortened and never shows the key.
    static func refused(status: Int?, _ error: ChatError?, key: String) -> ModelFailure {
        var text = error?.message ?? ""
        if key.count >= 4 { text = text.replacing(key, with: "****") }
        text = String(text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300))
        let code = error?.code ?? ""
        let prefix = status.map { "HTTP \($0)" } ?? "the model's server reported an error"
        let message = text.isEmpty ? prefix : "\(prefix): \(text)"
        let kind: Kind
        let retryable: Bool
        switch status {
        case 401, 403: (kind, retryable) = (.authentication, false)
        case 429: (kind, retryable) = (.rateLimited, code != "insufficient_quota")
        case .some where code == "context_length_exceeded" || text.contains("maximum context length"):
            (kind, retryable) = (.contextTooLong, false)
        case .some(let status): (kind, retryable) = (.httpStatus, status == 408 || status == 409 || status >= 500)
        case nil: (kind, retryable) = (.badResponse, true)
        }
        return ModelFailure(kind: kind, message: message, httpStatus: status, retryable: retryable)
    }

    /// Seconds, or a date, as milliseconds from now (RFC 9110, 10.2.3).
    private static func retryAfter(_ value: String) -> UInt64? {
        if let seconds = Double(value) {
            return seconds >= 0 && seconds < 1e6 ? UInt64(seconds * 1000) : nil
        }
        return HTTPDate.seconds(value).map { UInt64(max(0, $0 - Int64(time(nil)))) * 1000 }
    }
}
