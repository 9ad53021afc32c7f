internal import FoundationEssentials

extension Prices {
    /// A few well-known models, as their providers' price pages had them in August 2025; a file of your own replaces
    /// them all. In the code, so that a binary that is moved alone has them.
    public static let builtIn: Prices = {
        let json = """
            {
              "openai/gpt-4o": {"input_per_million": 2.5, "cached_input_per_million": 1.25, "output_per_million": 10},
              "openai/gpt-4o-mini":
                {"input_per_million": 0.15, "cached_input_per_million": 0.075, "output_per_million": 0.6},
              "openai/gpt-4.1": {"input_per_million": 2, "cached_input_per_million": 0.5, "output_per_million": 8},
              "openai/gpt-4.1-mini":
                {"input_per_million": 0.4, "cached_input_per_million": 0.1, "output_per_million": 1.6},
              "openai/gpt-4.1-nano":
                {"input_per_million": 0.1, "cached_input_per_million": 0.025, "output_per_million": 0.4},
              "openai/gpt-5": {"input_per_million": 1.25, "cached_input_per_million": 0.125, "output_per_million": 10},
              "openai/gpt-5-mini":
                {"input_per_million": 0.25, "cached_input_per_million": 0.025, "output_per_million": 2},
              "openai/o4-mini":
                {"input_per_million": 1.1, "cached_input_per_million": 0.275, "output_per_million": 4.4}
            }
            """
        do throws(PricesError) {
            return try Prices(json: Data(json.utf8))
        } catch {
            preconditionFailure("the built-in prices: \(error)")
        }
    }()
}
