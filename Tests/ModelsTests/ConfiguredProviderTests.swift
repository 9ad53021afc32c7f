import Testing

@testable import Models

/// Providers of the configuration: one that is known under another name, and servers of one's own.
@Suite struct ConfiguredProviderTests {
    private func endpoint(
        _ name: String, _ providers: [ConfiguredProvider], _ variables: [String: String] = [:], at base: String = ""
    ) throws -> ModelTarget.Endpoint? {
        guard case .http(let endpoint) = try ModelEnvironment(variables, providers: providers).resolve(name, at: base)
        else { return nil }
        return endpoint
    }

    private func provider(
        _ name: String, like: String? = nil, _ change: (inout ConfiguredProvider) -> Void = { _ in }
    ) -> ConfiguredProvider {
        var provider = ConfiguredProvider(name: name, like: like)
        change(&provider)
        return provider
    }

    @Test func aKnownOneHasItsOwnKeyAndTheRestOfWhatIsKnown() throws {
        let work = provider("work", like: "anthropic") { $0.key = "w" }
        let endpoint = try endpoint("work/claude-x", [work], ["ANTHROPIC_API_KEY": "a", "LLM_BASE_URL": "http://else"])
        #expect(endpoint?.baseURL == "https://api.anthropic.com" && endpoint?.model == "claude-x")
        #expect(endpoint?.key == "w" && endpoint?.profile == .anthropic && endpoint?.provider == "work")
        // Without a key of its own it has the one of the known provider's variables, and never LLM_API_KEY.
        let other = provider("other", like: "groq")
        #expect(try self.endpoint("other/m", [other], ["GROQ_API_KEY": "g", "LLM_API_KEY": "l"])?.key == "g")
        let error = #expect(throws: ModelNameError.self) { try self.endpoint("other/m", [other], ["LLM_API_KEY": "l"]) }
        #expect(error?.kind == .missingKey && error?.description.contains("GROQ_API_KEY") == true)
    }

    @Test func oneOfTheSameNameGoesBeforeTheKnownOne() throws {
        let own = provider("openai") {
            $0.baseURL = "http://box/v1"
            $0.key = "b"
        }
        let endpoint = try endpoint("openai/gpt-5", [own], ["OPENAI_API_KEY": "o"])
        // Only at OpenAI's own address models that reason are asked over Responses.
        #expect(endpoint?.baseURL == "http://box/v1" && endpoint?.key == "b" && endpoint?.profile.api == .chat)
    }

    /// A server of one's own is sent no key that was given for another.
    @Test func anAddressOfItsOwnHasNoKeyOfOthers() throws {
        let own = provider("box", like: "openai") { $0.baseURL = "http://box/v1" }
        #expect(try endpoint("box/m", [own], ["OPENAI_API_KEY": "o", "LLM_API_KEY": "l"])?.key == "")
    }

    @Test func anAPIAndHeadersAreSaidOfAnyServer() throws {
        let own = provider("box") {
            $0.baseURL = "http://box"
            $0.api = .messages
            $0.key = "k"
            $0.headers = [ModelHeader(name: "X-Team", value: "blue")!]
        }
        let endpoint = try #require(try endpoint("box/vendor/m", [own]))
        #expect(endpoint.model == "vendor/m" && endpoint.profile.api == .messages)
        #expect(
            endpoint.headers.map { "\($0.name): \($0.value)" } == [
                "anthropic-version: 2023-06-01", "x-api-key: k", "X-Team: blue",
            ])
        // What was made over an API at a provider's goes back there only.
        #expect(endpoint.origin == ModelOrigin(api: "messages", provider: "http://box", model: "vendor/m"))
        // The profile of the known provider is of its API: another one has what is safe.
        let odd = provider("odd", like: "mistral") { $0.api = .responses }
        #expect(try self.endpoint("odd/m", [odd], ["MISTRAL_API_KEY": "m"])?.profile == ModelProfile(.responses))
        let error = #expect(throws: ModelNameError.self) { try self.endpoint("nowhere/m", [provider("nowhere")]) }
        #expect(error?.kind == .badBaseURL)
    }

    @Test func whatIsSecretIsKnownAndNotShown() {
        let own = provider("box") {
            $0.baseURL = "http://user:pass-word@box"
            $0.key = "the-key"
            $0.headers = [
                ModelHeader(name: "X-Token", value: "the-token")!,
                ModelHeader(name: "X-Beta", value: "common-words", isSecret: false)!,
            ]
        }
        let environment = ModelEnvironment([:], providers: [own])
        #expect(!environment.secrets.contains("common-words"))
        #expect(environment.secrets.contains("the-key") && environment.secrets.contains("the-token"))
        #expect(environment.secrets.contains("pass-word"))
        var dumped = ""
        dump(environment, to: &dumped)
        dump(own, to: &dumped)
        for secret in ["the-key", "the-token", "pass-word"] {
            #expect(!dumped.contains(secret) && !"\(environment) \(own)".contains(secret))
        }
    }

    @Test func pricesAndWindowsAreThoseOfTheKnownOne() throws {
        let work = provider("work", like: "anthropic") { $0.key = "k" }
        let prices = Prices.builtIn.knowing([work])
        #expect(prices.info(of: "work/claude-haiku-4-5") == prices.info(of: "anthropic/claude-haiku-4-5"))
        #expect(prices.has("work/claude-haiku-4-5") && !Prices.builtIn.has("work/claude-haiku-4-5"))
        let environment = ModelEnvironment([:], providers: [work])
        #expect(environment.providerNames.first == "work" && environment.providerNames.contains("openai"))
        let known = environment.knownModels(of: "work", prices)
        #expect(
            known.contains { $0.name == "work/claude-haiku-4-5" && $0.api == "messages" && $0.inputPerMillion == 1 })
        #expect(known.map(\.name) == known.map(\.name).sorted())
    }

    @Test(arguments: ["Host", "content-length", "a b", "", "X:Y", "Transfer-Encoding"])
    func headersThatAreNotOnesOwnAreNone(name: String) {
        #expect(ModelHeader(name: name, value: "x") == nil)
        #expect(ModelHeader(name: "X-A", value: "a\r\nb") == nil)
    }
}
