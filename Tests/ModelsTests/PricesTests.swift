import FoundationEssentials
import Models
import Testing

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
        "", "nonsense", "[]", "7", #"{"m": 7}"#, #"{"m": {}}"#, #"{"m": {"input_per_million": 1}}"#,
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
