/// What is known of a model that can be named.
public struct KnownModel: Sendable, Encodable {
    /// As it is written in `model`.
    public let name: String
    /// That it is asked over.
    public let api: String
    /// Tokens that a request, and an answer, may have at most.
    public let window: UInt64?
    public let outputLimit: UInt64?
    /// Dollars for a million tokens; where the longest prompts cost otherwise, of the shortest.
    public let inputPerMillion: Double?
    public let cachedInputPerMillion: Double?
    public let outputPerMillion: Double?
    /// From so many tokens of prompt on it costs otherwise.
    public let pricesChangeAbove: [UInt64]
    /// Of `images`, `pdf`, `tools`, `reasoning`.
    public let capabilities: [String]
    /// Where all this is from.
    public let source: String

    enum CodingKeys: String, CodingKey {
        case name, api, window, source, capabilities
        case outputLimit = "output_limit"
        case inputPerMillion = "input_per_million"
        case cachedInputPerMillion = "cached_input_per_million"
        case outputPerMillion = "output_per_million"
        case pricesChangeAbove = "prices_change_above"
    }

    fileprivate init(_ name: String, _ api: ModelAPI, _ info: ModelInfo, source: String) {
        self.name = name
        self.api = api.rawValue
        window = info.window
        outputLimit = info.outputLimit
        func dollars(_ price: UInt64?) -> Double? { price.map { Double($0) / 1e9 } }
        inputPerMillion = dollars(info.price?.input)
        cachedInputPerMillion = dollars(info.price?.cacheRead)
        outputPerMillion = dollars(info.price?.output)
        pricesChangeAbove = info.steps.map(\.tokens).sorted()
        capabilities = [
            info.knowsCapabilities && info.seesImages ? "images" : nil, info.readsPDF ? "pdf" : nil,
            info.callsTools ? "tools" : nil,
            info.reasons ? "reasoning" : nil,
        ].compactMap(\.self)
        self.source = source
    }
}

extension ModelEnvironment {
    /// Providers whose models can be named: those of the configuration, then those that are known.
    public var providerNames: [String] {
        let own = providers.map(\.name)
        return own + ModelProvider.all.map(\.name).filter { !own.contains($0) }
    }

    /// What is known of a provider's models, by their names. Others can be asked for all the same.
    ///
    /// - Parameter prices: of this configuration.
    public func knownModels(of provider: String, _ prices: Prices) -> [KnownModel] {
        let own = providers.first { $0.name == provider }
        let like = own?.like ?? provider
        var names: [String: String] = [:]
        if prices.hasTable {
            for name in ModelTable.names(of: like) { names[provider + name.dropFirst(like.count)] = ModelTable.source }
        }
        for name in prices.ownNames where name.hasPrefix(provider + "/") { names[name] = "the file of prices" }
        return names.sorted { $0.key < $1.key }.compactMap { name, source in
            prices.info(of: name).map { KnownModel(name, api(of: name), $0, source: source) }
        }
    }

    /// That a model is asked over, whether there is a key or not.
    private func api(of name: String) -> ModelAPI {
        if case .http(let endpoint)? = try? resolve(name) { return endpoint.profile.api }
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        let own = providers.first { $0.name == parts[0] }
        if let api = own?.api { return api }
        guard let provider = ModelProvider.named(own?.like ?? parts[0]), parts.count == 2 else { return .chat }
        return provider.profile(of: parts[1], at: provider.baseURL ?? "").api
    }
}
