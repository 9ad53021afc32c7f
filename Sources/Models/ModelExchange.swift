internal import Curl
internal import EventStreams
internal import Secrets

/// One request's answer as it comes in: bytes to events, events to an answer, and one end.
final class ModelExchange<Answer: AnswerAssembler>: @unchecked Sendable {
    // Sendable: every method is called in callbacks of one transfer, which come one after the other on the session's
    // thread; the session's mailbox orders them after `init`.
    private let secrets: SecretTable
    private let onRequestID: @Sendable (String) -> Void
    private let onLiteLLM: @Sendable () -> Void
    private let onPiece: @Sendable (ModelPiece) -> Void
    private let onEnd: @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    private var response: CurlResponse?
    private var isStream = false
    private var stream = EventStreamReader(takesErrorField: true)
    private var answer = Answer()
    /// What is no stream: an error, or a whole answer.
    private var body: [UInt8] = []
    private var hasEnded = false
    /// Bytes of an error's description that are kept.
    private let maximumErrorBytes = 64 << 10

    init(
        secrets: SecretTable, onRequestID: @escaping @Sendable (String) -> Void = { _ in },
        onLiteLLM: @escaping @Sendable () -> Void = {},
        onPiece: @escaping @Sendable (ModelPiece) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) {
        self.secrets = secrets
        self.onRequestID = onRequestID
        self.onLiteLLM = onLiteLLM
        self.onPiece = onPiece
        self.onEnd = onEnd
    }

    func begin(_ response: CurlResponse) {
        self.response = response
        isStream = response.isSuccess && response.mediaType == "text/event-stream"
        let isLiteLLM = LiteLLM.isSender(of: response.headers)
        answer.begin(fromLiteLLM: isLiteLLM)
        if let id = response.requestID { onRequestID(secrets.masked(id)) }
        if isLiteLLM { onLiteLLM() }
    }

    /// Takes some of the body. Ends the transfer when nothing good can come of it any more.
    func take(_ bytes: UnsafeRawBufferPointer, of transfer: CurlTransfer) {
        guard !hasEnded, let response else { return }
        if !isStream, body.isEmpty, response.isSuccess, response.mediaType != "application/json" {
            // Not every server names its stream as such: JSON begins with a brace or a bracket, an event never does.
            let first = bytes.first { !isWhiteSpace($0) }
            isStream = first.map { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: "[") } ?? false
        }
        guard isStream else {
            body += response.isSuccess ? bytes[...] : bytes.prefix(max(0, maximumErrorBytes - body.count))
            return
        }
        do {
            try stream.append(bytes) { try take($0) }
        } catch {
            let tooLarge = ModelFailure(
                kind: .badResponse, message: "an event of the stream is too large", retryable: true)
            end(.failure(error as? ModelFailure ?? tooLarge))
            transfer.cancel()
        }
    }

    private func take(_ event: StreamEvent) throws(ModelFailure) {
        guard !hasEnded else { return }
        for piece in try answer.add(event, without: secrets) { onPiece(piece) }
        // Not a moment later: some servers keep the connection open after it. The transfer ends by itself.
        if answer.isOver { end(Result { () throws(ModelFailure) in try answer.finish() }) }
    }

    /// The transfer has ended.
    func end(_ result: Result<CurlCompletion, CurlError>) {
        guard !hasEnded else { return }
        do throws(ModelFailure) {
            if case .failure(let error) = result {
                // The answer is there; that the connection did not end as it should changes nothing. But a caller who
                // cancels has cut it short.
                guard isStream, answer.isComplete, error.kind != .cancelled else { throw ModelFailure(error) }
            }
            guard let response else {
                throw ModelFailure(kind: .badResponse, message: "no response came", retryable: true)
            }
            guard response.isSuccess else { throw .refused(response, body: body, without: secrets) }
            if isStream {
                try takeLastEvent()
            } else {
                try takeWholeAnswer()
            }
            // That event was the end.
            if hasEnded { return }
            end(.success(try answer.finish()))
        } catch {
            end(.failure(error))
        }
    }

    /// Some forget the empty line after the last event. What was cut off is none.
    private func takeLastEvent() throws(ModelFailure) {
        if let event = stream.takeRest(), answer.isWhole(event) { try take(event) }
    }

    /// A server that does not stream sends one JSON document.
    private func takeWholeAnswer() throws(ModelFailure) {
        for piece in try answer.add(whole: body, without: secrets) { onPiece(piece) }
    }

    private func end(_ result: Result<ModelAnswer, ModelFailure>) {
        hasEnded = true
        onEnd(result)
    }
}

private func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 32 || 9...13 ~= byte }

extension CurlResponse {
    fileprivate var isSuccess: Bool { 200..<300 ~= status }

    /// By which the provider, or a gateway before it, knows the request. Anthropic; OpenAI and most others; Azure; LiteLLM.
    fileprivate var requestID: String? {
        ["request-id", "x-request-id", "apim-request-id", "x-litellm-call-id"].lazy
            .compactMap { header($0) }
            .first { (1...256).contains($0.utf8.count) && $0.utf8.allSatisfy { 0x21...0x7E ~= $0 } }
    }

    /// `Content-Type` without its parameters, in lower case; empty when there is none.
    fileprivate var mediaType: String {
        let value = header("Content-Type") ?? ""
        return String(value.prefix { $0 != ";" && $0 != " " }).lowercased()
    }
}
