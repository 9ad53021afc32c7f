import Testing

@testable import Models

struct ModelNameTests {
    private func endpoint(_ name: String, _ variables: [String: String]) throws -> ModelTarget.Endpoint {
        guard case .http(let endpoint) = try ModelEnvironment(variables).resolve(name) else {
            throw ModelNameTestsError.noEndpoint
        }
        return endpoint
    }

    private enum ModelNameTestsError: Error { case noEndpoint }

    @Test(arguments: [
        ("gpt-4o", "gpt-4o", "https://api.openai.com/v1"), ("openai/gpt-4o", "gpt-4o", "https://api.openai.com/v1"),
        ("deepseek/deepseek-chat", "deepseek-chat", "https://api.deepseek.com/v1"),
        ("groq/llama-3.3-70b-versatile", "llama-3.3-70b-versatile", "https://api.groq.com/openai/v1"),
        ("mistral/mistral-large-latest", "mistral-large-latest", "https://api.mistral.ai/v1"),
        ("openrouter/vendor/model:free", "vendor/model:free", "https://openrouter.ai/api/v1"),
        ("together_ai/meta-llama/L", "meta-llama/L", "https://api.together.xyz/v1"),
        ("fireworks_ai/accounts/x/models/y", "accounts/x/models/y", "https://api.fireworks.ai/inference/v1"),
        ("xai/grok-3", "grok-3", "https://api.x.ai/v1"),
    ])
    func providersOfTheirOwn(name: String, model: String, base: String) throws {
        let provider = name.contains("/") ? String(name.prefix { $0 != "/" }) : "openai"
        let endpoint = try endpoint(name, ["LLM_API_KEY": "k"])
        let profile = try #require(ModelProvider.named(provider)).profile
        #expect(endpoint == .init(baseURL: base, key: "k", model: model, provider: provider, profile: profile))
        #expect(endpoint.origin == ModelOrigin(api: "chat", provider: provider, model: model))
    }

    /// Over Anthropic's own API at its address, or at one that is given for it. Elsewhere a name that begins so is a model
    /// of that server's, over chat completions.
    @Test func anthropic() throws {
        let own = try endpoint("anthropic/claude-x", ["ANTHROPIC_API_KEY": "a"])
        #expect(own.profile == .anthropic && own.model == "claude-x" && own.key == "a")
        #expect(own.origin == ModelOrigin(api: "messages", provider: "anthropic", model: "claude-x"))
        #expect(own.listURL == "https://api.anthropic.com/v1/models")
        #expect(
            own.headers.map { "\($0.name): \($0.value)" } == ["anthropic-version: 2023-06-01", "x-api-key: a"])
        for base in ["http://box", "http://box/", "http://box/v1"] {
            let proxy = try endpoint("anthropic/claude-x", ["ANTHROPIC_API_KEY": "a", "ANTHROPIC_API_BASE": base])
            #expect(proxy.profile.api == .messages && proxy.listURL == "http://box/v1/models")
        }
        let router = try endpoint(
            "anthropic/claude-x", ["LLM_BASE_URL": "https://openrouter.ai/api/v1", "LLM_API_KEY": "k"])
        #expect(router.profile.api == .chat && router.model == "anthropic/claude-x")
        #expect(router.listURL == "https://openrouter.ai/api/v1/models")
    }

    @Test func variablesOfProviders() throws {
        #expect(try endpoint("groq/m", ["GROQ_API_KEY": "g", "OPENAI_API_KEY": "o"]).key == "g")
        #expect(try endpoint("groq/m", ["GROQ_API_KEY": "g", "LLM_API_KEY": "l"]).key == "l")
        #expect(try endpoint("together_ai/m", ["TOGETHER_API_KEY": "t"]).key == "t")
        let openAI = ["OPENAI_API_KEY": "o", "OPENAI_BASE_URL": "http://elsewhere/v1"]
        #expect(
            try endpoint("gpt-4o", openAI)
                == .init(baseURL: "http://elsewhere/v1", key: "o", model: "gpt-4o", provider: "openai"))
        // Another server than the provider's made what it answers; its password is nobody's business.
        let proxy = ["OPENAI_API_KEY": "o", "OPENAI_BASE_URL": "http://u:p@elsewhere/v1"]
        #expect(
            try endpoint("gpt-4o", proxy).origin
                == ModelOrigin(api: "chat", provider: "http://elsewhere/v1", model: "gpt-4o"))
        // Where its user runs it, without a key.
        #expect(
            try endpoint("ollama/llama3", [:])
                == .init(
                    baseURL: "http://127.0.0.1:11434/v1", key: "", model: "llama3", provider: "ollama",
                    profile: .ownServer))
        // LiteLLM's users give the address of Ollama's own API.
        for base in ["http://box:11434", "http://box:11434/", "http://box:11434/v1", "http://box:11434/v1/"] {
            #expect(try endpoint("ollama/m", ["OLLAMA_API_BASE": base]).baseURL == "http://box:11434/v1")
        }
        #expect(try endpoint("hosted_vllm/a/b", ["HOSTED_VLLM_API_BASE": "http://box/v1"]).model == "a/b")
        #expect(try endpoint("litellm_proxy/x", ["LITELLM_PROXY_API_BASE": "http://box"]).baseURL == "http://box")
    }

    @Test func aServerOfOnesOwn() throws {
        let own = ["LLM_BASE_URL": "http://127.0.0.1:8000/v1"]
        #expect(
            try endpoint("openai/m", own)
                == .init(baseURL: "http://127.0.0.1:8000/v1", key: "", model: "m", provider: "openai"))
        #expect(try endpoint("m", own).model == "m")
        // OpenAI's own address is its own however it is named.
        let openAI = ["LLM_BASE_URL": "https://api.openai.com/v1", "LLM_API_KEY": "k"]
        #expect(try endpoint("gpt-6-sol", openAI).profile.api == .responses)
        #expect(try endpoint("openai/gpt-4o", openAI).profile == .openAIChat)
        #expect(try endpoint("groq/m", own).model == "m")
        // No provider known here: the server's own name for the model.
        #expect(try endpoint("meta-llama/Llama-3", own).model == "meta-llama/Llama-3")
        #expect(try endpoint("openai/m", own.merging(["LLM_API_KEY": " k\n"]) { $1 }).key == "k")
        #expect(try endpoint("openai/m", own.merging(["OPENAI_API_KEY": "o"]) { $1 }).key == "o")
    }

    @Test func scripts() throws {
        #expect(try ModelEnvironment([:]).resolve("mock/dir/file.json") == .scripted(file: "dir/file.json"))
        #expect(try ModelEnvironment([:]).resolve("mock//tmp/file.json") == .scripted(file: "/tmp/file.json"))
        #expect(try ModelEnvironment(["LLM_BASE_URL": "http://x"]).resolve("mock/f") == .scripted(file: "f"))
    }

    private func problem(_ name: String, _ variables: [String: String] = [:]) -> ModelNameError? {
        do {
            _ = try ModelEnvironment(variables).resolve(name)
            return nil
        } catch {
            return error
        }
    }

    @Test func problems() {
        #expect(problem("gpt-4o")?.kind == .missingKey)
        #expect(
            problem("gpt-4o")?.description
                == "openai needs a key: start the server with LLM_API_KEY or OPENAI_API_KEY")
        #expect(problem("gpt-4o", ["OPENAI_API_KEY": " \n"])?.kind == .missingKey)
        #expect(problem("anthropik/x", ["LLM_API_KEY": "k"])?.kind == .unknownProvider)
        for known in ["openai", "deepseek", "groq", "ollama", "litellm_proxy", "mock", "LLM_BASE_URL"] {
            #expect(problem("anthropik/x")?.description.contains(known) == true)
        }
        for name in ["", "/", "openai/", "/gpt-4o", "mock/"] {
            #expect(problem(name, ["LLM_API_KEY": "k"])?.kind == .unknownProvider, "\(name)")
        }
        #expect(problem("hosted_vllm/m")?.kind == .badBaseURL)
        #expect(problem("hosted_vllm/m")?.description.contains("LLM_BASE_URL or HOSTED_VLLM_API_BASE") == true)
        for base in ["127.0.0.1:80", "ftp://x", "http://", "http://a b", "file:///x", "http://x\ny"] {
            #expect(problem("m", ["LLM_BASE_URL": base])?.kind == .badBaseURL, "\(base)")
            #expect(problem("ollama/m", ["OLLAMA_API_BASE": base])?.kind == .badBaseURL, "\(base)")
        }
    }

    @Test func defaultModel() {
        #expect(ModelEnvironment(["LLM_MODEL": "openai/x"]).defaultModel == "openai/x")
        #expect(ModelEnvironment([:]).defaultModel == "")
    }

    @Test func keysAreNeverShown() throws {
        let variables = [
            "LLM_API_KEY": "secret-1", "OPENAI_API_KEY": "secret-2", "PATH": "secret-3",
            "LLM_BASE_URL": "https://user:secret-4@host/v1",
        ]
        let environment = ModelEnvironment(variables)
        let target = try environment.resolve("openai/m")
        var texts = ["\(environment)", "\(target)", String(reflecting: environment), String(reflecting: target)]
        for value in [environment, target] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            texts.append(dumped)
        }
        texts.append(problem("m", ["LLM_BASE_URL": "secret-5"])!.description)
        for text in texts { #expect(!text.contains("secret"), "\(text)") }
        #expect("\(target)".contains("m at https://host/v1"))
        // As libcurl reads them: it takes up to three slashes, and a user alone is often a key.
        for url in [
            "http://u:p@host/v1", "http:///u:p@host/v1", "https:/u:p@host", "http://key@host", "http://a@b:p@host?x=@y",
        ] {
            #expect(ModelTarget.hasCredentials(url) && !ModelTarget.withoutCredentials(url).contains("p@"), "\(url)")
        }
        for url in ["http://host/v1", "http://host/@v1", "http://host?a=b@c", "http://host#a@b", "host:80/a:/b@c", ""] {
            #expect(!ModelTarget.hasCredentials(url) || url.hasPrefix("host"), "\(url)")
        }
        #expect(ModelEnvironment(["LLM_BASE_URL": "http://only-a-user@host"]).secrets.contains("only-a-user"))
    }
}
