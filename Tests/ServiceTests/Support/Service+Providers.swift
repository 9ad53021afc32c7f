import MockModel

extension Service {
    /// Runs a body with a server and a scripted model over real HTTP.
    ///
    /// - Parameter api: over which the default model is asked. With `messages` it is Anthropic, and OpenAI over chat
    ///   completions beside it.
    static func run<T>(
        over api: String, script: String, _ body: (Service, MockModel) async throws -> T
    ) async throws -> T {
        try await run(
            script: script,
            environment: { model in
                guard api == "messages" else {
                    return environment(model).merging(["LLM_API": api]) { $1 }
                }
                return [
                    "LLM_MODEL": "anthropic/mock", "ANTHROPIC_API_BASE": String(model.baseURL.dropLast(3)),
                    "ANTHROPIC_API_KEY": "test-key-1", "OPENAI_BASE_URL": model.baseURL,
                    "OPENAI_API_KEY": "test-key-2",
                ]
            }, body)
    }
}
