/// How a model's server is spoken to.
public enum ModelAPI: String, Sendable, Hashable, CaseIterable {
    /// OpenAI-style chat completions: <https://platform.openai.com/docs/api-reference/chat>
    case chat
    /// Anthropic's: <https://docs.claude.com/en/api/messages>
    case messages
    /// OpenAI's own: <https://platform.openai.com/docs/api-reference/responses>
    case responses
}

/// What a server takes and sends, where servers of one API differ: data, a row for each make. A server of which nothing
/// is known is sent what all of its API take.
public struct ModelProfile: Sendable, Hashable {
    /// How a key is sent.
    public enum Authorization: Sendable, Hashable {
        /// `Authorization: Bearer`.
        case bearer
        /// A header of this name.
        case header(String)
    }

    /// What a server calls the limit on an answer's length.
    public enum OutputLimitName: String, Sendable {
        /// The older name, which servers of all makes know.
        case maxTokens = "max_tokens"
        /// OpenAI's, whose reasoning models refuse the older one.
        case maxCompletionTokens = "max_completion_tokens"
    }

    public var api = ModelAPI.chat
    public var authorization = Authorization.bearer
    public var outputLimitName = OutputLimitName.maxTokens
    /// `chat`: the member of an answer's message in which its maker wants its reasoning back; nil: it does not.
    public var reasoningField: String?
    /// `chat`: a turn with calls has that member also where there was no reasoning.
    public var needsReasoning = false
    /// `chat`: ids of calls are nine letters and digits, and between results and what people say an answer is wanted.
    public var isMistral = false
    /// `chat`: ids of calls have at most so many bytes; nil: nobody says so.
    public var callIDLimit: Int?
    /// `chat`: what people say in several messages without an answer between them is one message: templates of models that
    /// run on servers of one's own refuse neighbours of one role.
    public var mergesUserMessages = false
    /// `chat`: what the first call of a turn has as its signature where its maker gave none, or was another model: without
    /// any the request is refused. nil: none is wanted.
    public var foreignSignature: String?
    /// Value of `anthropic-version`.
    public var version = "2023-06-01"
    /// `messages`: reasoning without a signature is not taken back.
    public var signsReasoning = false
    /// Of a model that is known to see none an image is said in words: others refuse every later request for it.
    public var seesImages = true
    /// Of a model whose server has refused one, files that are no text are said in words too.
    public var takesFiles = true
    /// `messages`, `responses`: what is stable of a request is marked for the provider's cache.
    public var marksCache = false
    /// LiteLLM's proxy, as the configuration says.
    public var isLiteLLM = false

    public init() {}

    /// A server of this API of which nothing else is known.
    public init(_ api: ModelAPI) {
        self.api = api
        if api == .messages { authorization = .header("x-api-key") }
    }
}

extension ModelProfile {
    /// The key, and the version that is spoken.
    func headers(key: String) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if api == .messages { headers.append((name: "anthropic-version", value: version)) }
        guard !key.isEmpty else { return headers }
        switch authorization {
        case .bearer: headers.append((name: "Authorization", value: "Bearer \(key)"))
        case .header(let name): headers.append((name: name, value: key))
        }
        return headers
    }
}

extension ModelAPI {
    /// Where requests for answers go.
    func url(at base: String) -> String {
        switch self {
        case .chat: url(at: base, for: "chat/completions")
        case .messages: url(at: base, for: "messages")
        case .responses: url(at: base, for: "responses")
        }
    }

    /// Base addresses of Anthropic's API are written with and without `/v1`.
    func url(at base: String, for what: String) -> String {
        var base = base
        while base.hasSuffix("/") { base.removeLast() }
        let version = self == .messages && !base.hasSuffix("/v1") ? "/v1" : ""
        return "\(base)\(version)/\(what)"
    }
}
