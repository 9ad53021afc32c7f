import MockModel
import ModelScript

extension Service {
    /// Runs a body with a server and a scripted model over real HTTP, which is Anthropic and OpenAI to it. The default is a
    /// model of Anthropic's.
    static func runWithProviders<T>(
        script: String, _ body: (Service, MockModel) async throws -> T
    ) async throws -> T {
        let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
        do {
            let result = try await run(
                environment: [
                    "LLM_MODEL": "anthropic/mock", "ANTHROPIC_API_BASE": String(model.baseURL.dropLast(3)),
                    "ANTHROPIC_API_KEY": "test-key-1", "OPENAI_BASE_URL": model.baseURL, "OPENAI_API_KEY": "test-key-2",
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
