internal import FoundationEssentials
internal import JSON

/// What models cost: by LiteLLM's table, which is in the binary, and by a file of one's own, whose entries go before it:
/// JSON, `{"provider/model": {"input_per_million": 0.15, "cached_input_per_million": 0.075, "output_per_million": 0.6}}`,
/// in US dollars for a million tokens. Where nothing else is said, cached input costs what input costs, what is written to
/// a cache too, and reasoning what output costs. A model without an entry has an unknown cost, not none.
public struct Prices: Sendable {
    private let own: [String: ModelInfo]
    let hasTable: Bool
    /// Providers of the configuration that are one of the table's under another name.
    private var aliases: [String: String] = [:]

    /// The table alone.
    public static let builtIn = Prices(own: [:], hasTable: true)

    private init(own: [String: ModelInfo], hasTable: Bool) {
        self.own = own
        self.hasTable = hasTable
    }

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

    /// These prices, also of models that are named with a provider of the configuration.
    public func knowing(_ providers: [ConfiguredProvider]) -> Prices {
        var prices = self
        for provider in providers where !provider.like.isEmpty && provider.like != provider.name {
            prices.aliases[provider.name] = provider.like
        }
        return prices
    }

    /// Models that the file names.
    var ownNames: some Sequence<String> { own.keys }

    /// As the table names a model.
    private func tableName(_ model: String) -> String {
        guard let slash = model.firstIndex(of: "/"), let like = aliases[String(model[..<slash])] else { return model }
        return like + model[slash...]
    }

    /// What a price, or a step of it, has in a file.
    private struct Entry: Decodable {
        var above_tokens: UInt64?
        var input_per_million: Double
        var cached_input_per_million: Double?
        var cache_write_per_million: Double?
        var output_per_million: Double
        var reasoning_per_million: Double?
        var steps: [Entry]?

        static let keys: Set = [
            "input_per_million", "cached_input_per_million", "cache_write_per_million", "output_per_million",
            "reasoning_per_million",
        ]
    }

    /// `"replace": true`, beside the models: the table in the binary does not count.
    private static let replace = "replace"

    init(json: Data) throws(PricesError) {
        let document: JSONDocument
        do { document = try JSONDocument(parsing: Array(json)) } catch {
            throw PricesError(description: "not a file of prices: not JSON: \(error)")
        }
        var (own, hasTable): ([String: ModelInfo], Bool) = ([:], true)
        guard document.kind(0) == .object else {
            throw PricesError(description: "not a file of prices: not a JSON object of entries")
        }
        for (name, value) in document.members(0).sorted(by: { $0.key < $1.key }) {
            if name == Self.replace {
                guard [.true, .false].contains(document.kind(value)) else {
                    throw PricesError(description: "'replace' is true or false")
                }
                hasTable = document.kind(value) == .false
                continue
            }
            try Self.checkKeys(of: value, name, document, Entry.keys.union(["steps"]))
            if let steps = document.member("steps", of: value) {
                for step in document.elements(steps) {
                    try Self.checkKeys(of: step, name, document, Entry.keys.union(["above_tokens"]))
                }
            }
            let entry: Entry
            do { entry = try JSONDecoder().decode(Entry.self, from: Data(document.source(value).utf8)) } catch {
                throw PricesError(description: "not a file of prices: \(PricesError.text(error, of: name))")
            }
            own[name] = try Self.info(entry, of: name)
        }
        self.init(own: own, hasTable: hasTable)
    }

    private static func checkKeys(
        of value: Int, _ name: String, _ document: JSONDocument, _ known: Set<String>
    ) throws(PricesError) {
        guard let unknown = document.members(value).map(\.key).sorted().first(where: { !known.contains($0) }) else {
            return
        }
        let list = known.sorted().joined(separator: ", ")
        throw PricesError(description: "'\(unknown)' of '\(name)' is unknown; known are \(list)")
    }

    private static func info(_ entry: Entry, of name: String) throws(PricesError) -> ModelInfo {
        var info = ModelInfo(price: try price(entry, of: name))
        for step in entry.steps ?? [] {
            guard let tokens = step.above_tokens else {
                throw PricesError(description: "a step of '\(name)' has no above_tokens")
            }
            info.steps.append((tokens, try price(step, of: name)))
        }
        info.steps.sort { $0.tokens > $1.tokens }
        return info
    }

    private static func price(_ entry: Entry, of name: String) throws(PricesError) -> ModelPrice {
        func nanoDollars(_ dollars: Double) throws(PricesError) -> UInt64 {
            guard dollars >= 0, dollars <= 1_000_000 else {
                throw PricesError(description: "a price of \(name) is not between 0 and a million dollars")
            }
            return UInt64((dollars * 1e9).rounded())
        }
        func optional(_ dollars: Double?) throws(PricesError) -> UInt64? {
            guard let dollars else { return nil }
            return try nanoDollars(dollars)
        }
        return ModelPrice(
            input: try nanoDollars(entry.input_per_million), output: try nanoDollars(entry.output_per_million),
            cacheRead: try optional(entry.cached_input_per_million),
            cacheWrite: try optional(entry.cache_write_per_million),
            reasoning: try optional(entry.reasoning_per_million))
    }

    /// What is known of a model: by its whole name, else without its provider, and without `openai/` it is OpenAI's.
    ///
    /// - Parameter model: as in a run.
    public func info(of model: String) -> ModelInfo? {
        let withoutProvider = model.split(separator: "/", maxSplits: 1).last.map(String.init) ?? model
        let names = [model, tableName(model), withoutProvider] + (model == withoutProvider ? ["openai/" + model] : [])
        return names.lazy.compactMap { own[$0] ?? (hasTable ? ModelTable.info(of: $0) : nil) }.first
    }

    /// Whether it is known what a model costs, named as for `info`.
    public func has(_ model: String) -> Bool { info(of: model)?.price != nil }

    /// Billionths of a dollar, rounded: the provider's own figure where it sends one, else by the table; nil if the model
    /// has no price.
    ///
    /// - Parameter model: as for `info`.
    public func cost(model: String, usage: ModelUsage) -> Int64? {
        // OpenRouter's is what is paid. Nothing at all is believed only of a model without a price.
        if let cost = usage.cost, cost > 0 || !has(model) { return cost }
        guard let info = info(of: model), var price = info.price else { return nil }
        // From a certain length on all of the prompt costs otherwise, and so does the answer. xAI's steps begin with their
        // number.
        let isInclusive = tableName(model).hasPrefix("xai/")
        if let step = info.steps.first(where: {
            usage.inputTokens > $0.tokens || isInclusive && usage.inputTokens == $0.tokens
        }) {
            price = step.price
        }
        // The counts are what the provider says: 128 bits hold whatever that is.
        let read = min(usage.cachedInputTokens, usage.inputTokens)
        let written = min(usage.cacheWriteTokens, usage.inputTokens - read)
        let reasoned = min(usage.reasoningTokens, usage.outputTokens)
        let cost =
            UInt128(usage.inputTokens - read - written) * UInt128(price.input)
            + UInt128(read) * UInt128(price.cacheRead ?? price.input)
            + UInt128(written) * UInt128(price.cacheWrite ?? price.input)
            + UInt128(usage.outputTokens - reasoned) * UInt128(price.output)
            + UInt128(reasoned) * UInt128(price.reasoning ?? price.output)
        return Int64(exactly: (cost + 500_000) / 1_000_000)
    }
}

/// Why there are no prices.
public struct PricesError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    /// Where in the file it is, in one line.
    fileprivate static func text(_ error: any Error, of model: String) -> String {
        let context: DecodingError.Context
        switch error as? DecodingError {
        case .keyNotFound(let key, let found):
            return "'\(key.stringValue)' is missing in \(path(found, model))"
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found): context = found
        default: return "not JSON"
        }
        return "\(path(context, model)) is not as it should be"
    }

    private static func path(_ context: DecodingError.Context, _ model: String) -> String {
        "'" + ([model] + context.codingPath.map(\.stringValue)).joined(separator: ".") + "'"
    }
}
