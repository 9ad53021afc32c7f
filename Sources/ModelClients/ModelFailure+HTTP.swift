internal import Curl
internal import Glibc
internal import Secrets

extension ModelFailure {
    /// A failure of the transport.
    init(_ error: CurlError) {
        switch error.kind {
        case .cancelled, .closed: self.init(kind: .cancelled, message: "cancelled", retryable: false)
        case .invalidRequest, .library: self.init(kind: .connect, message: "\(error)", retryable: false)
        case .descriptors: self.init(kind: .descriptors, message: "\(error)", retryable: true)
        case .connect, .connectTimeout: self.init(kind: .connect, message: "\(error)", retryable: true)
        case .firstByteTimeout, .silenceTimeout, .totalTimeout:
            self.init(kind: .silence, message: "the model's server: \(error)", retryable: true)
        case .tooLarge, .notHTTP: self.init(kind: .badResponse, message: "\(error)", retryable: true)
        default: self.init(kind: .brokenStream, message: "\(error)", retryable: true)
        }
    }

    /// A response with a status other than 2xx.
    static func refused(_ response: CurlResponse, body: [UInt8], without secrets: SecretTable) -> ModelFailure {
        var failure = refused(status: response.status, ChatError(body: body), without: secrets)
        // A date is the server's: what time it is there it says itself, and our clock may be another.
        let now = response.header("Date").flatMap(HTTPDate.seconds) ?? Int64(time(nil))
        failure.retryAfterMilliseconds = response.header("Retry-After").flatMap {
            retryAfterMilliseconds($0, now: now)
        }
        return failure
    }

    /// What a provider says no to, by its status and its code; the text is shortened and shows no secret.
    ///
    /// - Parameter status: nil when the response was 200 and the error is in it.
    static func refused(status: Int?, _ error: ChatError?, without secrets: SecretTable) -> ModelFailure {
        let text = shown(error?.message ?? "", without: secrets)
        let prefix = status.map { "HTTP \($0)" } ?? "the model's server reported an error"
        let message = text.isEmpty ? prefix : "\(prefix): \(text)"
        let codes = error?.codes ?? []
        let (kind, retryable) = judge(status ?? error?.status, codes, text)
        return ModelFailure(kind: kind, message: message, httpStatus: status, retryable: retryable)
    }

    private static func judge(_ status: Int?, _ codes: [String], _ text: String) -> (Kind, retryable: Bool) {
        switch status {
        case 401, 403: return (.authentication, false)
        // An empty account is no matter of waiting.
        case 429: return (.rateLimited, !codes.contains("insufficient_quota"))
        case nil, 400, 413, 422:
            if codes.contains("context_length_exceeded") || saysTooLong(text) { return (.contextTooLong, false) }
            guard let status else { return (.badResponse, true) }
            return (.httpStatus, status >= 500)
        case .some(let status): return (.httpStatus, status == 408 || status == 409 || status >= 500)
        }
    }

    /// Servers without a code for it have their own words.
    private static func saysTooLong(_ text: String) -> Bool {
        let text = text.lowercased()
        return ["maximum context length", "context length exceeded", "context window", "prompt is too long"]
            .contains { text.contains($0) }
    }

    /// One line of at most 300 characters, without what a terminal would act on. What is masked is masked before: half
    /// of a key would not be found.
    private static func shown(_ text: String, without secrets: SecretTable) -> String {
        let line = secrets.masked(text).unicodeScalars.split { $0.value < 0x20 || 0x7F...0x9F ~= $0.value }.map { String($0) }
        return String(line.joined(separator: " ").prefix(300))
    }

    /// Seconds, or a date, as milliseconds from now (RFC 9110, 10.2.3). Nil for what is neither, or over 30 days.
    ///
    /// - Parameter now: seconds since 1970.
    static func retryAfterMilliseconds(_ value: String, now: Int64) -> UInt64? {
        let limit = 30.0 * 86_400
        // Some send fractions.
        let seconds = value.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") } ? Double(value) : nil
        if let seconds { return seconds <= limit ? UInt64(seconds * 1000) : nil }
        guard let date = HTTPDate.seconds(value) else { return nil }
        let wait = max(0, date - now)
        return Double(wait) <= limit ? UInt64(wait) * 1000 : nil
    }
}
