/// Something that answers chat requests: a provider over HTTP, or a script in process.
///
/// Threads: `start` may be called from any thread and never blocks on the network. The two callbacks of one call
/// are made one after the other, never at once, on a thread of the client's; they must not block.
public protocol ModelClient: Sendable {
    /// Starts one request.
    ///
    /// - Parameters:
    ///   - onPiece: each piece of the answer as it arrives, in order, never empty.
    ///   - onEnd: called exactly once, after the last `onPiece`, also after `cancel`.
    /// - Returns: the call in flight; dropping it does not cancel it.
    func start(
        _ request: ModelRequest,
        onPiece: @escaping @Sendable (ModelPiece) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) -> any ModelCall
}

/// A piece of an answer that somebody may read while it comes.
public enum ModelPiece: Sendable, Equatable {
    case text(String)
    /// What the provider shows of the model's reasoning.
    case reasoning(String)

    /// What it says, whatever it is.
    public var content: String {
        switch self {
        case .text(let content), .reasoning(let content): content
        }
    }
}

/// A request in flight.
public protocol ModelCall: Sendable {
    /// Closes the connection as soon as possible. Idempotent, never blocks, callable from any thread.
    /// The call still ends with `onEnd`: `ModelFailure.Kind.cancelled`, or the answer if that was there first.
    func cancel()
}

/// One chat request, independent of the provider's wire format.
public struct ModelRequest: Sendable {
    /// The model as the provider knows it: what follows `provider/` in the user's name for it.
    public var model: String
    /// In the client's own form.
    public var history: ModelHistory
    public var tools: [ModelTool]
    public var options: ModelOptions
    /// What is known of the model; nil: nothing.
    public var info: ModelInfo?
    /// Names the conversation: scripted models serve their turns in order per conversation.
    public var conversation: String
    /// Called at most once, when the connection that the call needs is ready; on a thread of the client's, before any
    /// other callback of the call. It must not block.
    public var onConnected: @Sendable () -> Void
    /// Called at most once, as soon as the provider has said by which id it knows the request: in its logs, and for its
    /// support. On a thread of the client's, before the end. It must not block.
    public var onProviderRequestID: @Sendable (String) -> Void = { _ in }

    public init(
        model: String, history: ModelHistory, tools: [ModelTool], options: ModelOptions = ModelOptions(),
        conversation: String, onConnected: @escaping @Sendable () -> Void = {}
    ) {
        self.model = model
        self.history = history
        self.tools = tools
        self.options = options
        self.conversation = conversation
        self.onConnected = onConnected
    }
}

/// What a model is asked to heed when it answers. What is nil or empty is not sent.
public struct ModelOptions: Sendable, Equatable {
    public var temperature: Double?
    public var topP: Double?
    public var maximumOutputTokens: UInt32?
    public var seed: Int64?
    /// The provider's own word: `low`, `medium`, `high` …
    public var reasoningEffort = ""
    public var stop: [String] = []

    public init() {}
}

/// One message of the transcript that a model is shown.
public enum ModelMessage: Sendable, Equatable {
    case system(String)
    case user(ModelContent)
    /// - Parameter blocks: what the answer was made of, in order; none: its text, then its calls.
    case assistant(text: String, calls: [ModelToolCall], blocks: [ModelBlock] = [])
    /// The result of the call with this id.
    case tool(callID: String, content: ModelContent)
}

/// What a message or a result says.
public struct ModelContent: Sendable, Equatable, ExpressibleByStringInterpolation {
    public enum Part: Sendable, Equatable {
        case text(String)
        /// PNG, JPEG, GIF or WebP.
        case image(ModelMedia)
        case file(ModelMedia)

        public var media: ModelMedia? {
            switch self {
            case .text: nil
            case .image(let media), .file(let media): media
            }
        }
    }

    /// All of its text.
    public var text: String
    /// What it is made of, in order; none: the text, and nothing else.
    public var parts: [Part]

    /// What a model is shown of a message without a word, where its API refuses blank text or an empty list, and with that
    /// the conversation from then on; and without any message it may end with the model's own.
    /// frozen: what a model was shown is never written anew.
    static let empty = "[An empty message.]"

    public init(_ text: String) {
        self.text = text
        parts = []
    }

    public init(parts: [Part]) {
        text = parts.reduce(into: "") { if case .text(let part) = $1 { $0 += part } }
        self.parts = parts
    }

    public init(stringLiteral text: String) { self.init(text) }
}

/// The bytes of an image or a file.
public struct ModelMedia: Sendable, Equatable {
    /// As image/png.
    public var type: String
    /// Of the file; may be empty.
    public var name: String
    public var data: [UInt8]

    public init(type: String, name: String, data: [UInt8]) {
        self.type = type
        self.name = name
        self.data = data
    }

    /// What stands for it where only text can be.
    public var label: String {
        [name.isEmpty ? "unnamed" : name, type, "\(data.count) bytes"].joined(separator: ", ")
    }
}

/// A tool call as the model wrote it; `arguments` is its exact JSON text, which may be malformed.
public struct ModelToolCall: Sendable, Equatable {
    public var id: String
    public var name: String
    public var arguments: String
    /// What its provider sent beside these and wants back: JSON, byte for byte. Empty: nothing.
    public var extra: String

    public init(id: String, name: String, arguments: String, extra: String = "") {
        self.id = id
        self.name = name
        self.arguments = arguments
        self.extra = extra
    }
}

extension ModelToolCall {
    /// For a call whose server gave none: of no other call of the conversation.
    static func mintedID() -> String { "call_" + String(UInt64.random(in: 0 ... .max), radix: 16) }
}

/// A piece of what an answer is made of.
public enum ModelBlock: Sendable, Equatable {
    /// The next so many bytes of the answer's text.
    ///
    /// - Parameter json: what its provider wants back beside it: members of an object. Empty: nothing.
    case text(Int, json: String = "")
    /// - Parameter json: what its provider wants back: its own JSON of the block. Empty: nothing.
    case reasoning(String, json: String = "")
    /// A call, by its place in the answer's calls.
    case call(Int)
    /// Something else: the provider's word for it, and its JSON.
    case opaque(String, json: String)
}

/// Who made an answer. What is a provider's own goes back to the same one only.
public struct ModelOrigin: Sendable, Hashable {
    /// The name of a ``ModelAPI``, or `script`.
    public var api: String
    /// As in the model's name; with another address than the provider's own, that address.
    public var provider: String
    /// As the provider knows it.
    public var model: String

    public init(api: String = "", provider: String = "", model: String = "") {
        self.api = api
        self.provider = provider
        self.model = model
    }
}

/// A tool that the model may choose; `parametersJSON` is a JSON Schema object as text.
public struct ModelTool: Sendable, Equatable {
    public var name: String
    public var description: String
    public var parametersJSON: String

    public init(name: String, description: String, parametersJSON: String) {
        self.name = name
        self.description = description
        self.parametersJSON = parametersJSON
    }
}

/// A complete answer. A stream that ends without the provider's explicit end is a failure, never an answer.
public struct ModelAnswer: Sendable, Equatable {
    public var text: String
    public var calls: [ModelToolCall]
    /// The provider's word for why it ended (`stop`, `tool_calls`, `length`…), as received.
    public var finishReason: String
    /// What that means.
    public var ending = ModelEnding.complete
    /// Nil when the provider did not say.
    public var usage: ModelUsage?
    /// What it is made of, in order; empty: its text, then its calls, and nothing else.
    public var blocks: [ModelBlock]

    public init(
        text: String, calls: [ModelToolCall], finishReason: String, usage: ModelUsage?, blocks: [ModelBlock] = []
    ) {
        self.text = text
        self.calls = calls
        self.finishReason = finishReason
        self.usage = usage
        self.blocks = blocks
    }
}

/// How an answer ended that came to its end. One that broke off is a failure.
public enum ModelEnding: Sendable, Hashable {
    /// The model had said what it wanted to say.
    case complete
    /// Cut by its length, or by the model's window.
    case truncated
    /// A filter of the provider's, or the model's own, ended it.
    case refused
}

/// Tokens of one call, as the provider counted them. Those of the cache are part of `inputTokens`, those of reasoning of
/// `outputTokens`; 0 where the provider does not say.
public struct ModelUsage: Sendable, Equatable {
    public var inputTokens: UInt64
    /// Read from the provider's cache.
    public var cachedInputTokens: UInt64
    /// Written to it.
    public var cacheWriteTokens: UInt64
    public var outputTokens: UInt64
    public var reasoningTokens: UInt64
    /// What the provider itself says that it cost, in billionths of a dollar.
    public var cost: Int64?

    public init(
        inputTokens: UInt64, cachedInputTokens: UInt64, cacheWriteTokens: UInt64 = 0, outputTokens: UInt64,
        reasoningTokens: UInt64 = 0, cost: Int64? = nil
    ) {
        self.cost = cost
        self.inputTokens = inputTokens
        self.cachedInputTokens = cachedInputTokens
        self.cacheWriteTokens = cacheWriteTokens
        self.outputTokens = outputTokens
        self.reasoningTokens = reasoningTokens
    }
}

/// Why a request has no answer.
public struct ModelFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Open: a new kind of failure is a new constant, so that no `switch` over it breaks.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The caller cancelled.
        public static let cancelled = Kind(rawValue: "CANCELLED")
        /// No connection: name resolution, refused, TLS, connect time-out.
        public static let connect = Kind(rawValue: "CONNECT")
        /// This machine has no descriptor left for the connection: nothing was sent.
        public static let descriptors = Kind(rawValue: "DESCRIPTORS")
        /// The provider answered with an HTTP status of 400 or more, other than the ones named below.
        public static let httpStatus = Kind(rawValue: "HTTP_STATUS")
        /// 401 or 403: the key is missing or wrong; trying again will only repeat it.
        public static let authentication = Kind(rawValue: "AUTHENTICATION")
        /// 429.
        public static let rateLimited = Kind(rawValue: "RATE_LIMITED")
        /// The request does not fit the model's context; trying again will only repeat it.
        public static let contextTooLong = Kind(rawValue: "CONTEXT_TOO_LONG")
        /// The account has nothing left to spend, or its limit of a day or longer is reached.
        public static let quota = Kind(rawValue: "QUOTA_EXCEEDED")
        /// The provider has no model of this name, or not for this key.
        public static let modelNotFound = Kind(rawValue: "MODEL_NOT_FOUND")
        /// The model does not take one of the options.
        public static let unsupportedParameter = Kind(rawValue: "UNSUPPORTED_PARAMETER")
        /// The provider does not take the reasoning back that the request has: it is bound to something else, or none of
        /// its own.
        public static let reasoningRefused = Kind(rawValue: "REASONING_REFUSED")
        /// The provider takes no images for this model, or not one of those that the request has.
        public static let imagesRefused = Kind(rawValue: "IMAGES_REFUSED")
        /// A filter of the provider's, or the model's own, said no to the request or ended the answer.
        public static let refused = Kind(rawValue: "REFUSED")
        /// The connection closed before the answer was complete.
        public static let brokenStream = Kind(rawValue: "BROKEN_STREAM")
        /// Something received is not what the API documents: bad JSON, a malformed chunk.
        public static let badResponse = Kind(rawValue: "BAD_RESPONSE")
        /// Nothing received for longer than the limit.
        public static let silence = Kind(rawValue: "SILENCE")
        /// A script has no turn for this request, or cannot be read.
        public static let script = Kind(rawValue: "SCRIPT")
    }

    public var kind: Kind
    /// One line for a person, without keys or message text.
    public var message: String
    /// The HTTP status, where one was received.
    public var httpStatus: Int?
    /// Whether the same request may succeed later without anyone changing anything.
    public var retryable: Bool
    /// What the provider asked for (`Retry-After`), in milliseconds.
    public var retryAfterMilliseconds: UInt64?

    /// The same request would only fail again, however often it is made.
    public var willRepeat: Bool { !retryable && kind != .cancelled }

    /// What would help where nothing but a change does.
    public var remedy: String? {
        guard willRepeat else { return nil }
        return switch kind {
        case .authentication:
            "trying again would only repeat this: resume with another model, or give the server its key"
        case .contextTooLong:
            "trying again would only repeat this: resume with a model of a longer context, or fork earlier"
        case .quota:
            "trying again would only repeat this: the account's limit has to be raised, or resume with another model"
        case .unsupportedParameter where message.lowercased().contains("support tools"):
            "trying again would only repeat this: resume with another model, or launch a run with no tools (--tools none)"
        case .modelNotFound: "trying again would only repeat this: resume with another model"
        default: nil
        }
    }

    public init(
        kind: Kind, message: String, httpStatus: Int? = nil, retryable: Bool, retryAfterMilliseconds: UInt64? = nil
    ) {
        self.kind = kind
        self.message = message
        self.httpStatus = httpStatus
        self.retryable = retryable
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    public var description: String { "\(kind.rawValue): \(message)" }
}
