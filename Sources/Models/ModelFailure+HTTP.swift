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
        // LiteLLM passes on what the provider behind it has said, under other names.
        func header(_ name: String) -> String? { response.header(name) ?? response.header("llm_provider-\(name)") }
        let shouldRetry = header("x-should-retry").flatMap { ["true": true, "false": false][$0.lowercased()] }
        var failure = refused(
            status: response.status, ChatError(body: body), shouldRetry: shouldRetry, without: secrets)
        // What the header says in milliseconds is more exact than what others say in seconds.
        let exact = header("retry-after-ms").flatMap { Double($0) }.flatMap { milliseconds($0 / 1000) }
        // A date is the server's: what time it is there it says itself, and our clock may be another.
        let now = response.header("Date").flatMap(HTTPDate.seconds) ?? Int64(time(nil))
        let delay = header("Retry-After").flatMap { retryAfterMilliseconds($0, now: now) }
        failure.retryAfterMilliseconds = exact ?? delay ?? failure.retryAfterMilliseconds
        return failure
    }

    /// What a provider says no to, by its status and its code; the text is shortened and shows no secret.
    ///
    /// - Parameter status: nil when the response was 200 and the error is in it.
    static func refused(
        status: Int?, _ error: ChatError?, shouldRetry: Bool? = nil, without secrets: SecretTable
    ) -> ModelFailure {
        let text = shown(error?.message ?? "", without: secrets)
        let prefix = status.map { "HTTP \($0)" } ?? "the model's server reported an error"
        var message = text.isEmpty ? prefix : "\(prefix): \(text)"
        if let parameter = error?.parameter, !parameter.isEmpty, !message.contains(parameter) {
            message += " (parameter \(shown(parameter, without: secrets)))"
        }
        let (kind, isRetryable) = judge(
            error?.proxiedStatus ?? status ?? error?.status, error, shouldRetry: shouldRetry)
        return ModelFailure(
            kind: kind, message: message, httpStatus: status, retryable: isRetryable,
            retryAfterMilliseconds: error?.retryAfterMilliseconds)
    }

    /// One line of at most 300 characters, without what a terminal would act on. What is masked is masked before: half
    /// of a key would not be found.
    private static func shown(_ text: String, without secrets: SecretTable) -> String {
        let line = secrets.masked(text).unicodeScalars.split { $0.value < 0x20 || 0x7F...0x9F ~= $0.value }.map {
            String($0)
        }
        return String(line.joined(separator: " ").prefix(300))
    }

    /// Seconds, or a date, as milliseconds from now (RFC 9110, 10.2.3). Nil for what is neither, or over 30 days.
    ///
    /// - Parameter now: seconds since 1970.
    static func retryAfterMilliseconds(_ value: String, now: Int64) -> UInt64? {
        // Some send fractions.
        let seconds = value.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") } ? Double(value) : nil
        if let seconds { return milliseconds(seconds) }
        return HTTPDate.seconds(value).flatMap { milliseconds(Double(max(0, $0 - now))) }
    }

    /// Nil for what is no time to wait: negative, no number, or over 30 days.
    static func milliseconds(_ seconds: Double) -> UInt64? {
        (0...30.0 * 86_400).contains(seconds) ? UInt64(seconds * 1000) : nil
    }
}
