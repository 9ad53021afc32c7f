import FoundationEssentials
import Testing

@testable import Models

struct PricesTests {
    private func prices(_ json: String) throws -> Prices {
        let file = "\(FileManager.default.temporaryDirectory.path)/prices-\(UUID().uuidString).json"
        try Data(json.utf8).write(to: URL(filePath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        return try Prices(contentsOf: file)
    }

    private static let some = """
        {"openai/a": {"input_per_million": 2.5, "cached_input_per_million": 1.25, "output_per_million": 10},
         "b": {"input_per_million": 0.0028, "output_per_million": 0},
         "other/c": {"input_per_million": 1000000, "output_per_million": 1000000}}
        """

    private func usage(_ input: UInt64, _ cached: UInt64 = 0, _ output: UInt64 = 0) -> ModelUsage {
        ModelUsage(inputTokens: input, cachedInputTokens: cached, outputTokens: output)
    }

    /// What the provider itself says is what is paid; that it is nothing, only of a model without a price.
    @Test func theProvidersOwnFigureGoesFirst() throws {
        let prices = Prices.builtIn
        var usage = ModelUsage(inputTokens: 1000, cachedInputTokens: 0, outputTokens: 10)
        let byTable = try #require(prices.cost(model: "openai/gpt-4o", usage: usage))
        usage.cost = 123_400_000
        #expect(prices.cost(model: "openai/gpt-4o", usage: usage) == 123_400_000)
        #expect(prices.cost(model: "own/unknown", usage: usage) == 123_400_000)
        usage.cost = 0
        #expect(prices.cost(model: "openai/gpt-4o", usage: usage) == byTable)
        #expect(prices.cost(model: "own/unknown", usage: usage) == 0)
    }

    @Test func cost() throws {
        let prices = try prices(Self.some)
        // 900 × 2500 + 100 × 1250 + 10 × 10000 billionths.
        #expect(prices.cost(model: "openai/a", usage: usage(1000, 100, 10)) == 2_475_000)
        #expect(prices.cost(model: "openai/a", usage: usage(0)) == 0)
        // 2.8 billionths a token, rounded once, at the end; cached input without a price costs what input costs.
        #expect(prices.cost(model: "b", usage: usage(1)) == 3)
        #expect(prices.cost(model: "b", usage: usage(1000, 500)) == 2800)
    }

    @Test func names() throws {
        let prices = try prices(Self.some)
        for model in ["openai/a", "a", "b", "any/b", "openrouter/openai/a"] {
            #expect(prices.cost(model: model, usage: usage(1)) != nil, "\(model)")
        }
        for model in ["", "/", "c", "other/a", "groq/other/x", "A"] {
            #expect(prices.cost(model: model, usage: usage(1)) == nil, "\(model)")
        }
    }

    /// What is written to a cache, reasoning, and steps by the length of the prompt: then all of it costs otherwise.
    @Test func everyPrice() throws {
        let prices = try prices(
            """
            {"p/m": {"input_per_million": 1, "cached_input_per_million": 0, "cache_write_per_million": 2,
              "output_per_million": 10, "reasoning_per_million": 20, "steps": [
                {"above_tokens": 1000, "input_per_million": 3, "output_per_million": 30},
                {"above_tokens": 5000, "input_per_million": 5, "output_per_million": 50}]},
             "xai/m": {"input_per_million": 1, "output_per_million": 1, "steps": [
                {"above_tokens": 1000, "input_per_million": 3, "output_per_million": 3}]}}
            """)
        func cost(_ input: UInt64, cached: UInt64 = 0, written: UInt64 = 0, output: UInt64 = 0, reasoning: UInt64 = 0)
            -> Int64?
        {
            prices.cost(
                model: "p/m",
                usage: ModelUsage(
                    inputTokens: input, cachedInputTokens: cached, cacheWriteTokens: written, outputTokens: output,
                    reasoningTokens: reasoning))
        }
        // 500 × 1000 + 300 × 0 + 200 × 2000 + 6 × 10000 + 4 × 20000.
        #expect(cost(1000, cached: 300, written: 200, output: 10, reasoning: 4) == 1_040_000)
        #expect(cost(1001, output: 1) == 3_033_000)
        #expect(cost(5001) == 25_005_000 && cost(5000) == 15_000_000)
        // More in parts than there is in all.
        #expect(cost(10, cached: 8, written: 8, output: 1, reasoning: 5) == 24_000)
        #expect(prices.cost(model: "xai/m", usage: usage(999)) == 999_000)
        #expect(prices.cost(model: "xai/m", usage: usage(1000)) == 3_000_000)
    }

    /// Entries of a file go before the table, and replace it if the file says so.
    @Test func theTable() throws {
        let extended = try prices(#"{"openai/gpt-4o": {"input_per_million": 7, "output_per_million": 7}}"#)
        #expect(extended.cost(model: "openai/gpt-4o", usage: usage(1_000_000)) == 7_000_000_000)
        #expect(extended.has("anthropic/claude-sonnet-4-5-20250929"))
        let replaced = try prices(#"{"replace": true, "p/m": {"input_per_million": 7, "output_per_million": 7}}"#)
        #expect(replaced.has("p/m") && !replaced.has("openai/gpt-4o"))
        let info = try #require(Prices.builtIn.info(of: "anthropic/claude-sonnet-4-5-20250929"))
        #expect(
            info.window == 200_000 && info.outputLimit == 64_000 && info.seesImages && info.readsPDF && info.reasons)
        #expect(!info.adaptsReasoning && !info.isForResponsesOnly)
        let usage = ModelUsage(
            inputTokens: 1_000_000, cachedInputTokens: 500_000, cacheWriteTokens: 100_000, outputTokens: 1_000_000)
        // 400,000 at 3 $, 500,000 at 0.3 $, 100,000 at 3.75 $, a million at 15 $.
        #expect(
            Prices.builtIn.cost(model: "anthropic/claude-sonnet-4-5-20250929", usage: usage) == 16_725_000_000)
        #expect(Prices.builtIn.info(of: "openai/gpt-5-codex")?.isForResponsesOnly == true)
        // A step of the table.
        #expect(Prices.builtIn.cost(model: "anthropic/claude-haiku-5-5", usage: self.usage(100_000)) == 10_000_000)
        #expect(Prices.builtIn.cost(model: "anthropic/claude-haiku-5-5", usage: self.usage(200_000)) == 100_000_000)
    }

    /// The lines are sorted, each can be found and read.
    @Test func everyLineOfTheTable() {
        var count = 0
        for provider in ["anthropic", "azure", "openai", "gemini", "xai", "groq", "fireworks_ai"] {
            let names = ModelTable.names(of: provider)
            #expect(
                !names.isEmpty
                    && names.map { Array($0.utf8) }
                        == names.map { Array($0.utf8) }.sorted {
                            $0.lexicographicallyPrecedes($1)
                        }
            )
            for name in names { #expect(ModelTable.info(of: name) != nil, "\(name)") }
            count += names.count
        }
        #expect(count > 500)
        for name in ["", "a", "zzz/z", "openai/", "openai/gpt-4", "openai/gpt-4ooo", "anthropic/claude"] {
            #expect(ModelTable.names(of: "openai").contains(name) || ModelTable.info(of: name) == nil, "\(name)")
        }
    }

    @Test func countsThatCannotBe() throws {
        let prices = try prices(Self.some)
        // More cached than there was, and more than money can count.
        #expect(prices.cost(model: "openai/a", usage: usage(10, 1000)) == 12_500)
        #expect(prices.cost(model: "other/c", usage: usage(.max, .max, .max)) == nil)
        #expect(prices.cost(model: "other/c", usage: usage(.max)) == nil)
    }

    @Test func builtIn() {
        #expect(Prices.builtIn.cost(model: "openai/gpt-4o-mini", usage: usage(1_000_000, 0, 1_000_000)) == 750_000_000)
        #expect(Prices.builtIn.cost(model: "gpt-4o", usage: usage(1_000_000)) == 2_500_000_000)
        #expect(Prices.builtIn.has("gpt-4o") && !Prices.builtIn.has("openai/nobody-knows"))
        #expect(Prices.builtIn.cost(model: "openai/nobody-knows", usage: usage(1)) == nil)
    }

    @Test(arguments: [
        "", "nonsense", "[]", "7", #"{"replace": 1}"#, #"{"m": 7}"#, #"{"m": {}}"#, #"{"m": {"input_per_million": 1}}"#,
        #"{"m": {"input_per_million": "1", "output_per_million": 1}}"#,
        #"{"m": {"input_per_million": -1, "output_per_million": 1}}"#,
        #"{"m": {"input_per_million": 1, "output_per_million": 1e300}}"#,
        #"{"m": {"input_per_million": 1, "cached_input_per_million": 2000000, "output_per_million": 1}}"#,
        #"{"m": {"input_per_million": 1, "cached_input_per_milion": 2, "output_per_million": 1}}"#,
    ])
    func badFiles(json: String) throws {
        let error = try #require(throws: PricesError.self) { try prices(json) }
        #expect(error.description.contains(".json: "))
        #expect(!error.description.contains("\n"))
    }

    @Test func noFile() throws {
        let error = try #require(throws: PricesError.self) { try Prices(contentsOf: "/nowhere/prices.json") }
        #expect(error.description == "/nowhere/prices.json: the prices cannot be read")
    }
}
