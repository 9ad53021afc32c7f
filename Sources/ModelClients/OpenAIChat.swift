internal import Curl
internal import FoundationEssentials
internal import Synchronization

/// A server of OpenAI-style chat completions, over HTTP, streaming
/// ([reference](https://platform.openai.com/docs/api-reference/chat)).
///
/// Threads: callbacks come on the session's one thread. The key is in the requests' header and nowhere else.
public final class OpenAIChat: ModelClient {
    private let session: CurlSession
    private let url: String
    private let key: String
    private let timeouts: CurlTimeouts
    /// Bytes of one answer that are accepted, its framing included.
    static let maximumAnswerBytes = 32 << 20

    /// - Parameters:
    ///   - baseURL: without `/chat/completions`.
    ///   - key: empty: none is sent.
    ///   - silence: how long nothing may come, before the first byte and between two.
    /// - Throws: `ModelFailure` of kind `connect` when libcurl cannot be used.
    public init(baseURL: String, key: String, silence: Duration = .seconds(120)) throws(ModelFailure) {
        do {
            session = try OpenAIChat.sharedSession.get()
        } catch {
            throw ModelFailure(kind: .connect, message: "\(error)", retryable: false)
        }
        url = baseURL + (baseURL.hasSuffix("/") ? "" : "/") + "chat/completions"
        self.key = key
        timeouts = CurlTimeouts(connect: .seconds(30), firstByte: silence, silence: silence)
    }

    /// One thread for all servers.
    private static let sharedSession = Result { () throws(CurlError) in try CurlSession() }

    public func start(
        _ request: ModelRequest, onText: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) -> any ModelCall {
        var headers = [
            (name: "Content-Type", value: "application/json"), (name: "Accept", value: "text/event-stream"),
        ]
        if !key.isEmpty { headers.append((name: "Authorization", value: "Bearer \(key)")) }
        let exchange = ChatExchange(key: key, onText: onText)
        let transfer = session.start(
            CurlRequest(
                url: url, method: "POST", headers: headers, body: ChatRequestBody.encode(request), timeouts: timeouts,
                maximumBodyBytes: OpenAIChat.maximumAnswerBytes),
            onResponse: { exchange.begin($0) },
            onData: { bytes in if exchange.take(bytes) == .enough { exchange.stop() } },
            onEnd: { onEnd(exchange.end($0)) })
        exchange.isCancelledBy { transfer.cancel() }
        return Call(transfer: transfer)
    }

    private struct Call: ModelCall {
        let transfer: CurlTransfer
        func cancel() { transfer.cancel() }
    }
}

/// One request's answer as it comes in.
///
/// Threads: everything but `isCancelledBy` is called on the session's thread; the lock is for that one.
private final class ChatExchange: Sendable {
    private struct State {
        var response: CurlResponse?
        var stream = EventStream()
        var answer = ChatAnswer()
        /// The body of a response that is no stream: an error, or a whole answer.
        var body: [UInt8] = []
        var failure: ModelFailure?
        var cancel: (@Sendable () -> Void)?
        var mustStop = false
    }

    enum Progress { case more, enough }

    private let state = Mutex(State())
    private let key: String
    private let onText: @Sendable (String) -> Void

    init(key: String, onText: @escaping @Sendable (String) -> Void) {
        self.key = key
        self.onText = onText
    }

    func begin(_ response: CurlResponse) { state.withLock { $0.response = response } }

    /// Takes some of the body; `enough` when nothing more is wanted of it.
    func take(_ bytes: UnsafeRawBufferPointer) -> Progress {
        var pieces: [String] = []
        let progress = state.withLock { state -> Progress in
            guard state.failure == nil else { return .enough }
            guard let response = state.response, response.isEventStream else {
                state.body += bytes
                return .more
            }
            do {
                var answer = state.answer
                try state.stream.append(bytes) { data in
                    guard !data.elementsEqual("[DONE]".utf8) else {
                        answer.isComplete = true
                        return
                    }
                    pieces.append(try answer.add(ChatExchange.decode(data)))
                }
                state.answer = answer
                return .more
            } catch let failure as ModelFailure {
                state.failure = failure
            } catch {
                state.failure = ModelFailure(
                    kind: .badResponse, message: "an event of the stream is too large", retryable: true)
            }
            return .enough
        }
        for piece in pieces where !piece.isEmpty { onText(piece) }
        return progress
    }

    /// Sets what ends the transfer early; does so at once if that is wanted already.
    func isCancelledBy(_ cancel: @escaping @Sendable () -> Void) {
        let mustStop = state.withLock { state in
            state.cancel = cancel
            return state.mustStop
        }
        if mustStop { cancel() }
    }

    func stop() {
        state.withLock { state in
            state.mustStop = true
            return state.cancel
        }?()
    }

    func end(_ result: Result<CurlCompletion, CurlError>) -> Result<ModelAnswer, ModelFailure> {
        state.withLock { state in
            state.cancel = nil
            if let failure = state.failure { return .failure(failure) }
            do throws(ModelFailure) {
                if case .failure(let error) = result {
                    // All that was asked for has come; how the connection ended after that does not matter.
                    guard state.answer.isComplete, error.kind != .cancelled else { throw ModelFailure(error) }
                }
                guard let response = state.response else {
                    throw ModelFailure(kind: .badResponse, message: "no response came", retryable: true)
                }
                guard response.status == 200 else { throw .refused(response, body: state.body, key: key) }
                if !response.isEventStream { _ = try state.answer.add(try ChatExchange.decode(state.body)) }
                return .success(try state.answer.finish())
            } catch {
                return .failure(error)
            }
        }
    }

    private static func decode(_ json: [UInt8]) throws(ModelFailure) -> ChatResponse {
        do {
            return try JSONDecoder().decode(ChatResponse.self, from: Data(json))
        } catch {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent what is not a chat completion", retryable: true)
        }
    }
}

extension CurlResponse {
    fileprivate var isEventStream: Bool {
        status == 200 && header("Content-Type")?.lowercased().hasPrefix("text/event-stream") == true
    }
}
