internal import FoundationEssentials

/// What models cost, from a small file: JSON,
/// `{"provider/model": {"input_per_million": 0.15, "cached_input_per_million": 0.075, "output_per_million": 0.6}}`,
/// in US dollars for a million tokens. Without a price for cached input it costs what input costs. A model without an
/// entry has an unknown cost, not none.
public struct Prices: Sendable {
    /// Billionths of a dollar for a million tokens.
    private struct Price: Sendable {
        var input: UInt64
        var cachedInput: UInt64
        var output: UInt64
    }

    private let prices: [String: Price]

    /// - Throws: `PricesError` that names the file and what is wrong with it.
    public init(contentsOf file: String) throws(PricesError) {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: file)) } catch {
            throw PricesError(description: "\(file): the prices cannot be read")
        }
        do throws(PricesError) { try self.init(json: data) } catch {
            throw PricesError(description: "\(file): \(error)")
        }
    }

    init(json: Data) throws(PricesError) {
        struct Entry: Decodable {
            var input_per_million: Double
            var cached_input_per_million: Double?
            var output_per_million: Double
        }
        let entries: [String: Entry]
        let keys: [String: [String: Double?]]
        do {
            entries = try JSONDecoder().decode([String: Entry].self, from: json)
            keys = try JSONDecoder().decode([String: [String: Double?]].self, from: json)
        } catch {
            throw PricesError(description: "not a file of prices: \(PricesError.text(error))")
        }
        let known: Set = ["input_per_million", "cached_input_per_million", "output_per_million"]
        for (model, keys) in keys.sorted(by: { $0.key < $1.key }) {
            guard let unknown = keys.keys.sorted().first(where: { !known.contains($0) }) else { continue }
            let list = known.sorted().joined(separator: ", ")
            throw PricesError(description: "'\(unknown)' of '\(model)' is unknown; known are \(list)")
        }
        var prices: [String: Price] = [:]
        for (name, entry) in entries {
            func nanoDollars(_ dollars: Double) throws(PricesError) -> UInt64 {
                guard dollars >= 0, dollars <= 1_000_000 else {
                    throw PricesError(description: "a price of \(name) is not between 0 and a million dollars")
                }
                return UInt64((dollars * 1e9).rounded())
            }
            prices[name] = Price(
                input: try nanoDollars(entry.input_per_million),
                cachedInput: try nanoDollars(entry.cached_input_per_million ?? entry.input_per_million),
                output: try nanoDollars(entry.output_per_million))
        }
        self.prices = prices
    }

    /// Whether it is known what a model costs, named as for `cost`.
    public func has(_ model: String) -> Bool { price(of: model) != nil }

    /// Billionths of a dollar, rounded; nil if the model has no price.
    ///
    /// - Parameter model: as in a run. What has no entry by its whole name is looked up without its provider, and
    ///   without `openai/` it is OpenAI's.
    public func cost(model: String, usage: ModelUsage) -> Int64? {
        guard let price = price(of: model) else { return nil }
        // The counts are what the provider says: 128 bits hold whatever that is.
        let cached = min(usage.cachedInputTokens, usage.inputTokens)
        let cost =
            UInt128(usage.inputTokens - cached) * UInt128(price.input)
            + UInt128(cached) * UInt128(price.cachedInput)
            + UInt128(usage.outputTokens) * UInt128(price.output)
        return Int64(exactly: (cost + 500_000) / 1_000_000)
    }

    private func price(of model: String) -> Price? {
        let withoutProvider = model.split(separator: "/", maxSplits: 1).last.map(String.init) ?? model
        let names = [model, withoutProvider] + (model == withoutProvider ? ["openai/" + model] : [])
        return names.lazy.compactMap { prices[$0] }.first
    }
}

/// Why there are no prices.
public struct PricesError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// Where in the file it is, in one line.
    fileprivate static func text(_ error: any Error) -> String {
        let context: DecodingError.Context
        switch error as? DecodingError {
        case .keyNotFound(let key, let found):
            return "'\(key.stringValue)' is missing in \(path(found))"
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found): context = found
        default: return "not JSON"
        }
        return context.codingPath.isEmpty ? "not a JSON object of entries" : "\(path(context)) is not as it should be"
    }

    private static func path(_ context: DecodingError.Context) -> String {
        "'" + context.codingPath.map(\.stringValue).joined(separator: ".") + "'"
    }
}
