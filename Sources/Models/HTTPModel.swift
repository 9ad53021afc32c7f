internal import Curl
public import Secrets
internal import Synchronization

/// A model's server over HTTP, streaming, by one of the APIs.
///
/// Every call has a TCP connection of its own while it is in flight; `cancel` closes it at once. A call ends as soon as
/// the stream says that it is complete, whatever the server does with the connection afterwards.
///
/// Threads: callbacks come on one thread that all instances share; `start` only posts to it. The key is in requests'
/// headers and nowhere else: no description, mirror or failure shows it.
public final class HTTPModel: ModelClient {
    private let session: CurlSession
    private let url: String
    private let key: String
    private let extraHeaders: [ModelHeader]
    private let secrets: SecretTable
    private let timeouts: CurlTimeouts
    private let profile: ModelProfile
    private let onLiteLLM: @Sendable () -> Void
    /// Bytes of one answer that are accepted, its framing included.
    static let maximumAnswerBytes = 32 << 20

    /// - Parameters:
    ///   - baseURL: without the path of the API: `/chat/completions`, `/messages` (and `/v1`, where it has none) or `/responses`.
    ///   - key: empty: none is sent.
    ///   - profile: how it is spoken to; nil: as a server of chat completions of which nothing else is known.
    ///   - headers: beside those of the API.
    ///   - silence: how long nothing may come, before the first byte and between two.
    ///   - secrets: what failures do not show; nil: the key.
    ///   - onLiteLLM: called with each answer that is LiteLLM's proxy's, on the client's thread. It must not block.
    /// - Throws: `ModelFailure` of kind `connect` when libcurl cannot be used.
    public init(
        baseURL: String, key: String, profile: ModelProfile? = nil, headers: [ModelHeader] = [],
        silence: Duration = .seconds(120), secrets: SecretTable? = nil,
        onLiteLLM: @escaping @Sendable () -> Void = {}
    ) throws(ModelFailure) {
        do throws(CurlError) {
            session = try HTTPModel.sharedSession()
        } catch {
            throw ModelFailure(error)
        }
        var profile = profile ?? ModelProfile()
        if profile.api == .chat, baseURL.contains("://api.openai.com/") {
            profile.outputLimitName = .maxCompletionTokens
        }
        self.profile = profile
        self.onLiteLLM = onLiteLLM
        url = profile.api.url(at: baseURL)
        self.key = key
        extraHeaders = headers
        self.secrets = secrets ?? SecretTable([key])
        timeouts = CurlTimeouts(connect: .seconds(30), firstByte: silence, silence: silence)
    }

    /// One thread for all servers, for as long as the process lives.
    private static let shared = Mutex<(session: CurlSession?, idleConnections: Int?)>((nil, nil))

    /// Keeps at most so many connections open that no call uses, to all servers together. Before the first instance is
    /// made; without it there may be as many as there were calls at once.
    public static func limitIdleConnections(to count: Int) { shared.withLock { $0.idleConnections = count } }

    /// One that could not be started, for want of descriptors, is tried again by the next instance.
    private static func sharedSession() throws(CurlError) -> CurlSession {
        try shared.withLock { (shared) throws(CurlError) in
            if let session = shared.session { return session }
            let session = try CurlSession(idleConnections: shared.idleConnections)
            shared.session = session
            return session
        }
    }

    public func start(
        _ request: ModelRequest, onPiece: @escaping @Sendable (ModelPiece) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) -> any ModelCall {
        var headers = [
            (name: "Content-Type", value: "application/json"), (name: "Accept", value: "text/event-stream"),
            (name: "User-Agent", value: "fermata"),
            // Providers pass over it; a proxy, and the scripted model, can tell conversations apart by it.
            (name: "X-Conversation", value: request.conversation),
        ]
        headers += profile.headers(key: key) + extraHeaders.map { ($0.name, $0.value) }
        let names = WireName.own(of: request.tools)
        let end: @Sendable (Result<ModelAnswer, ModelFailure>) -> Void = { onEnd($0.map { $0.renamed(names) }) }
        switch profile.api {
        case .chat:
            return start(
                request, headers, ChatRequestBody.encode(request, profile),
                ModelExchange<ChatAnswer>(
                    secrets: secrets, onRequestID: request.onProviderRequestID, onLiteLLM: onLiteLLM,
                    onPiece: onPiece, onEnd: end))
        case .messages:
            return start(
                request, headers, MessagesRequestBody.encode(request, profile),
                ModelExchange<MessagesAnswer>(
                    secrets: secrets, onRequestID: request.onProviderRequestID, onLiteLLM: onLiteLLM,
                    onPiece: onPiece, onEnd: end))
        case .responses:
            return start(
                request, headers, ResponsesRequestBody.encode(request, profile),
                ModelExchange<ResponsesAnswer>(
                    secrets: secrets, onRequestID: request.onProviderRequestID, onLiteLLM: onLiteLLM,
                    onPiece: onPiece, onEnd: end))
        }
    }

    private func start<Answer>(
        _ request: ModelRequest, _ headers: [(name: String, value: String)], _ body: [BodyPiece],
        _ exchange: ModelExchange<Answer>
    ) -> any ModelCall {
        let transfer = session.start(
            CurlRequest(
                url: url, method: "POST", headers: headers,
                body: body, timeouts: timeouts,
                maximumBodyBytes: HTTPModel.maximumAnswerBytes),
            onConnected: request.onConnected,
            onResponse: { response, _ in exchange.begin(response) },
            onData: { bytes, transfer in exchange.take(bytes, of: transfer) },
            onEnd: { exchange.end($0) })
        return Call(transfer: transfer)
    }

    private struct Call: ModelCall {
        let transfer: CurlTransfer
        func cancel() { transfer.cancel() }
    }
}

extension HTTPModel: CustomStringConvertible, CustomReflectable {
    public var description: String { "HTTPModel(\(ModelTarget.withoutCredentials(url)))" }

    public var customMirror: Mirror { Mirror(self, children: ["url": ModelTarget.withoutCredentials(url)]) }
}
