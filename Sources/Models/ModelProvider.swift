/// A provider; names and variables as LiteLLM documents them.
struct ModelProvider: Sendable {
    let name: String
    /// Nil: wherever its user runs it.
    let baseURL: String?
    /// The first that is set counts.
    let keyVariables: [String]
    let baseVariables: [String]
    let needsKey: Bool
    /// What the address in `baseVariables` lacks, if it does: Ollama's own API has no `/v1`, its OpenAI one has.
    let path: String
    let profile: ModelProfile

    static func named(_ name: String) -> ModelProvider? { all.first { $0.name == name } }

    static let all = [
        ModelProvider(
            "openai", "https://api.openai.com/v1", keys: ["OPENAI_API_KEY"],
            bases: ["OPENAI_BASE_URL", "OPENAI_API_BASE"]),
        ModelProvider(
            "anthropic", "https://api.anthropic.com", keys: ["ANTHROPIC_API_KEY"],
            bases: ["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"], profile: .anthropic),
        ModelProvider("deepseek", "https://api.deepseek.com/v1", keys: ["DEEPSEEK_API_KEY"]),
        ModelProvider(
            "fireworks_ai", "https://api.fireworks.ai/inference/v1",
            keys: ["FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"]),
        ModelProvider("groq", "https://api.groq.com/openai/v1", keys: ["GROQ_API_KEY"]),
        ModelProvider("mistral", "https://api.mistral.ai/v1", keys: ["MISTRAL_API_KEY"]),
        ModelProvider("openrouter", "https://openrouter.ai/api/v1", keys: ["OPENROUTER_API_KEY"]),
        ModelProvider("together_ai", "https://api.together.xyz/v1", keys: ["TOGETHERAI_API_KEY", "TOGETHER_API_KEY"]),
        ModelProvider("xai", "https://api.x.ai/v1", keys: ["XAI_API_KEY"]),
        ModelProvider(
            "ollama", "http://127.0.0.1:11434/v1", keys: ["OLLAMA_API_KEY"], bases: ["OLLAMA_API_BASE"],
            needsKey: false, path: "/v1"),
        ModelProvider(
            "hosted_vllm", nil, keys: ["HOSTED_VLLM_API_KEY"], bases: ["HOSTED_VLLM_API_BASE"], needsKey: false),
        ModelProvider(
            "litellm_proxy", nil, keys: ["LITELLM_PROXY_API_KEY"], bases: ["LITELLM_PROXY_API_BASE"], needsKey: false),
    ]

    private init(
        _ name: String, _ baseURL: String?, keys: [String], bases: [String] = [], needsKey: Bool = true,
        path: String = "", profile: ModelProfile = ModelProfile()
    ) {
        self.name = name
        self.baseURL = baseURL
        keyVariables = keys
        baseVariables = bases
        self.needsKey = needsKey
        self.path = path
        self.profile = profile
    }

    func complete(_ base: String) -> String {
        var base = base
        while base.hasSuffix("/") { base.removeLast() }
        return base.hasSuffix(path) ? base : base + path
    }
}

extension ModelProfile {
    /// Anthropic's own servers.
    static var anthropic: ModelProfile {
        var profile = ModelProfile(.messages)
        profile.signsReasoning = true
        profile.marksCache = true
        return profile
    }
}
