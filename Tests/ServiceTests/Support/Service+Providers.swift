import MockModel
import ModelScript

extension Service {
    /// Runs a body with a server and a scripted model over real HTTP.
    ///
    /// - Parameter api: over which the default model is asked. With `messages` it is Anthropic, and OpenAI over chat
    ///   completions beside it.
    static func run<T>(
        over api: String, script: String, _ body: (Service, MockModel) async throws -> T
    ) async throws -> T {
        let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
        do {
            let result = try await run(
                environment: api == "messages"
                    ? [
                        "LLM_MODEL": "anthropic/mock", "ANTHROPIC_API_BASE": String(model.baseURL.dropLast(3)),
                        "ANTHROPIC_API_KEY": "test-key-1", "OPENAI_BASE_URL": model.baseURL,
                        "OPENAI_API_KEY": "test-key-2",
                    ]
                    : [
                        "LLM_MODEL": "openai/mock", "LLM_BASE_URL": model.baseURL, "LLM_API": api,
                        "LLM_API_KEY": "test-key-1",
                    ]
            ) { try await body($0, model) }
            await model.stop()
            return result
        } catch {
            await model.stop()
            throw error
        }
    }
}
