internal import FoundationEssentials

/// What models cost, from a small file: JSON,
/// `{"provider/model": {"input_per_million": 0.15, "cached_input_per_million": 0.075, "output_per_million": 0.6}}`,
/// in US dollars for a million tokens. A model without a price has an unknown cost, not none.
public struct Prices: Sendable {
    private struct Price: Decodable {
        var input_per_million: Double
        var cached_input_per_million: Double?
        var output_per_million: Double
    }

    private let prices: [String: Price]

    /// - Throws: `PricesError` that names the file and what is wrong with it.
    public init(contentsOf file: String) throws {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: file)) } catch {
            throw PricesError(description: "\(file): the prices cannot be read")
        }
        do { try self.init(json: data) } catch {
            throw PricesError(description: "\(file): not a file of prices: \(error)")
        }
    }

    private init(json: Data) throws {
        let prices = try JSONDecoder().decode([String: Price].self, from: json)
        for (name, price) in prices {
            let figures = [price.input_per_million, price.cached_input_per_million ?? 0, price.output_per_million]
            guard figures.allSatisfy({ $0 >= 0 && $0 < 1e6 }) else {
                throw PricesError(description: "the price of \(name) is not between 0 and a million dollars")
            }
        }
        self.prices = prices
    }

    /// A few well-known models, as their providers' price pages had them in 2025; a file of your own replaces them all.
    public static let builtIn = try! Prices(
        json: Data(
            """
            {
              "openai/gpt-4o": {"input_per_million": 2.5, "cached_input_per_million": 1.25, "output_per_million": 10},
              "openai/gpt-4o-mini": {"input_per_million": 0.15, "cached_input_per_million": 0.075, "output_per_million": 0.6},
              "openai/gpt-4.1": {"input_per_million": 2, "cached_input_per_million": 0.5, "output_per_million": 8},
              "openai/gpt-4.1-mini": {"input_per_million": 0.4, "cached_input_per_million": 0.1, "output_per_million": 1.6},
              "openai/o4-mini": {"input_per_million": 1.1, "cached_input_per_million": 0.275, "output_per_million": 4.4}
            }
            """.utf8))

    /// Billionths of a dollar; nil if the model has no price. `model` as in a run; without its provider it is found too.
    public func cost(model: String, usage: ModelUsage) -> Int64? {
        guard let price = prices[model] ?? prices["openai/" + model] else { return nil }
        let cached = min(usage.cachedInputTokens, usage.inputTokens)
        // A dollar for a million tokens is a thousand billionths for each.
        let cost =
            Double(usage.inputTokens - cached) * price.input_per_million
            + Double(cached) * (price.cached_input_per_million ?? price.input_per_million)
            + Double(usage.outputTokens) * price.output_per_million
        return Int64((cost * 1000).rounded())
    }
}

public struct PricesError: Error, CustomStringConvertible {
    public let description: String
}
