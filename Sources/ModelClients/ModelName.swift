/// A model as its users write it, `provider/model` as LiteLLM has it, resolved to what answers for it.
public enum ModelTarget: Sendable, Equatable {
    /// A script in a file, played in process: `mock/FILE`.
    case scripted(file: String)
    /// An OpenAI-style server.
    case chat(Endpoint)

    public struct Endpoint: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        public var baseURL: String
        /// Never shown.
        public var key: String
        /// The model's name on the wire.
        public var model: String

        public var description: String { "\(model) at \(baseURL)" }
        public var debugDescription: String { description }
        public var customMirror: Mirror { Mirror(self, children: ["baseURL": baseURL, "model": model]) }
    }
}

/// Why a model's name leads nowhere.
public struct ModelNameError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable { case unknownProvider, missingKey, badBaseURL }
    public let kind: Kind
    public let description: String
}

/// Where models are and which keys open them: variables by name, as the environment has them.
public struct ModelEnvironment: Sendable {
    private let variables: [String: String]

    /// - Parameter variables: LLM_MODEL, LLM_BASE_URL, LLM_API_KEY and the providers' own; others are not looked at.
    public init(_ variables: [String: String]) { self.variables = variables }

    /// LLM_MODEL; empty if there is none.
    public var defaultModel: String { self["LLM_MODEL"] ?? "" }

    private subscript(name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// Finds what answers for a name.
    ///
    /// LLM_BASE_URL is for all providers, then a key is not required; without it the provider's own address is used,
    /// and LLM_API_KEY or the provider's own variable has to be there.
    public func resolve(_ name: String) throws(ModelNameError) -> ModelTarget {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let (prefix, model) = parts.count == 2 ? (parts[0], parts[1]) : ("openai", name)
        guard !prefix.isEmpty, !model.isEmpty else {
            throw ModelNameError(kind: .unknownProvider, description: "a model is named provider/model")
        }
        if prefix == "mock" { return .scripted(file: model) }
        if let base = self["LLM_BASE_URL"] {
            guard base.hasPrefix("http://") || base.hasPrefix("https://") else {
                throw ModelNameError(kind: .badBaseURL, description: "LLM_BASE_URL is no http or https URL")
            }
            let key = self["LLM_API_KEY"] ?? Provider.named(prefix).flatMap { $0.keyVariable.flatMap { self[$0] } } ?? ""
            return .chat(.init(baseURL: base, key: key, model: model))
        }
        guard let provider = Provider.named(prefix) else {
            let known = Provider.all.map(\.name).joined(separator: ", ")
            throw ModelNameError(
                kind: .unknownProvider,
                description: "the server knows no provider '\(prefix)'; it knows mock, \(known), and any with LLM_BASE_URL")
        }
        guard let base = provider.baseVariable.flatMap({ self[$0] }) ?? provider.baseURL else {
            throw ModelNameError(
                kind: .badBaseURL, description: "\(prefix) has no address of its own: set LLM_BASE_URL")
        }
        let key = self["LLM_API_KEY"] ?? provider.keyVariable.flatMap { self[$0] }
        guard let key = key ?? (provider.keyVariable == nil ? "" : nil) else {
            throw ModelNameError(
                kind: .missingKey,
                description: "\(prefix) needs a key: start the server with \(provider.keyVariable!) or LLM_API_KEY")
        }
        return .chat(.init(baseURL: base, key: key, model: model))
    }
}

/// A provider whose API is OpenAI's; names and variables as LiteLLM documents them.
struct Provider {
    let name: String
    let baseURL: String?
    let keyVariable: String?
    let baseVariable: String?

    static func named(_ name: String) -> Provider? { all.first { $0.name == name } }

    static let all = [
        Provider("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        Provider("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        Provider("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        Provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        Provider("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        Provider("together_ai", "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
        Provider("fireworks_ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
        Provider("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
        Provider("ollama", "http://127.0.0.1:11434/v1", nil, "OLLAMA_API_BASE"),
        Provider("hosted_vllm", nil, nil, "HOSTED_VLLM_API_BASE"),
        Provider("litellm_proxy", nil, "LITELLM_PROXY_API_KEY", "LITELLM_PROXY_API_BASE"),
    ]

    init(_ name: String, _ baseURL: String?, _ keyVariable: String?, _ baseVariable: String? = nil) {
        self.name = name
        self.baseURL = baseURL
        self.keyVariable = keyVariable
        self.baseVariable = baseVariable
    }
}
