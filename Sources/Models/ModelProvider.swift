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
            bases: ["OPENAI_BASE_URL", "OPENAI_API_BASE"], profile: .openAIChat),
        ModelProvider(
            "anthropic", "https://api.anthropic.com", keys: ["ANTHROPIC_API_KEY"],
            bases: ["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"], profile: .anthropic),
        ModelProvider(
            "azure", nil, keys: ["AZURE_API_KEY"], bases: ["AZURE_API_BASE"], path: "/openai/v1", profile: .azure),
        ModelProvider("cerebras", "https://api.cerebras.ai/v1", keys: ["CEREBRAS_API_KEY"]),
        ModelProvider(
            "deepseek", "https://api.deepseek.com/v1", keys: ["DEEPSEEK_API_KEY"],
            profile: .wantsReasoning(in: "reasoning_content")),
        ModelProvider(
            "fireworks_ai", "https://api.fireworks.ai/inference/v1",
            keys: ["FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"]),
        ModelProvider(
            "gemini", "https://generativelanguage.googleapis.com/v1beta/openai",
            keys: ["GEMINI_API_KEY", "GOOGLE_API_KEY"], profile: .gemini),
        ModelProvider("groq", "https://api.groq.com/openai/v1", keys: ["GROQ_API_KEY"]),
        ModelProvider("mistral", "https://api.mistral.ai/v1", keys: ["MISTRAL_API_KEY"], profile: .mistral),
        ModelProvider(
            "moonshot", "https://api.moonshot.ai/v1", keys: ["MOONSHOT_API_KEY"], bases: ["MOONSHOT_API_BASE"],
            profile: .wantsReasoning(in: "reasoning_content")),
        ModelProvider("openrouter", "https://openrouter.ai/api/v1", keys: ["OPENROUTER_API_KEY"]),
        ModelProvider("together_ai", "https://api.together.xyz/v1", keys: ["TOGETHERAI_API_KEY", "TOGETHER_API_KEY"]),
        ModelProvider("xai", "https://api.x.ai/v1", keys: ["XAI_API_KEY"]),
        ModelProvider(
            "ollama", "http://127.0.0.1:11434/v1", keys: ["OLLAMA_API_KEY"], bases: ["OLLAMA_API_BASE"],
            needsKey: false, path: "/v1", profile: .ownServer),
        ModelProvider(
            "lm_studio", "http://127.0.0.1:1234/v1", keys: ["LM_STUDIO_API_KEY"], bases: ["LM_STUDIO_API_BASE"],
            needsKey: false, profile: .ownServer),
        ModelProvider(
            "llamafile", "http://127.0.0.1:8080/v1", keys: ["LLAMAFILE_API_KEY"], bases: ["LLAMAFILE_API_BASE"],
            needsKey: false, profile: .ownServer),
        ModelProvider(
            "hosted_vllm", nil, keys: ["HOSTED_VLLM_API_KEY"], bases: ["HOSTED_VLLM_API_BASE"], needsKey: false,
            profile: .ownServer),
        ModelProvider(
            "litellm_proxy", nil, keys: ["LITELLM_PROXY_API_KEY"], bases: ["LITELLM_PROXY_API_BASE"], needsKey: false,
            profile: .litellm),
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

    /// OpenAI's own models that reason take no tools over chat completions: they are asked over Responses, and so are those
    /// that are not known yet.
    func profile(of model: String, at base: String) -> ModelProfile {
        guard name == "openai" else { return profile }
        // Nothing is known of a server that only speaks as OpenAI's does.
        guard base == baseURL else { return ModelProfile() }
        let info = ModelTable.info(of: "openai/\(model)")
        guard info.map({ $0.reasons || $0.isForResponsesOnly }) ?? true else { return profile }
        var responses = ModelProfile(.responses)
        responses.marksCache = true
        return responses
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

    /// DeepSeek and Kimi: turns with calls are refused without their reasoning.
    static func wantsReasoning(in field: String) -> ModelProfile {
        var profile = ModelProfile()
        profile.reasoningField = field
        profile.needsReasoning = true
        return profile
    }

    /// LiteLLM's proxy: it passes reasoning on to those behind it that want it, and drops it for others.
    static var litellm: ModelProfile {
        var profile = ModelProfile()
        profile.reasoningField = "reasoning_content"
        profile.isLiteLLM = true
        return profile
    }

    /// OpenAI's models over chat completions.
    static var openAIChat: ModelProfile {
        var profile = ModelProfile()
        profile.callIDLimit = 40
        return profile
    }

    /// Models with templates of their own, on servers that their users run.
    static var ownServer: ModelProfile {
        var profile = ModelProfile()
        profile.mergesUserMessages = true
        return profile
    }

    /// Google's own words for calls that come from elsewhere, as of November 2026:
    /// <https://ai.google.dev/gemini-api/docs/thought-signatures>
    static var gemini: ModelProfile {
        var profile = ModelProfile()
        profile.foreignSignature = "skip_thought_signature_validator"
        return profile
    }

    static var mistral: ModelProfile {
        var profile = ownServer
        profile.isMistral = true
        return profile
    }

    static var azure: ModelProfile {
        var profile = openAIChat
        profile.authorization = .header("api-key")
        profile.outputLimitName = .maxCompletionTokens
        return profile
    }
}
