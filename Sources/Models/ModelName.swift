internal import FoundationEssentials

/// A model as its users write it, `provider/model` as LiteLLM has it, resolved to what answers for it.
public enum ModelTarget: Sendable, Equatable {
    /// A script in a file, played in process: `mock/FILE`.
    case scripted(file: String)
    /// A server over HTTP.
    case http(Endpoint)

    public struct Endpoint: Sendable, Hashable {
        public var baseURL: String
        /// Never shown.
        public var key: String
        /// The model's name on the wire.
        public var model: String
        /// As in the name: `openai`.
        public var provider: String
        public var profile: ModelProfile
        /// That its operator wants in each request; never shown.
        public var extraHeaders: [ModelHeader] = []

        public init(
            baseURL: String, key: String, model: String, provider: String = "", profile: ModelProfile = ModelProfile()
        ) {
            self.baseURL = baseURL
            self.key = key
            self.model = model
            self.provider = provider
            self.profile = profile
        }

        /// What each request says beside what it is about, with the key.
        public var headers: [(name: String, value: String)] {
            profile.headers(key: key) + extraHeaders.map { ($0.name, $0.value) }
        }

        /// Where the list of its models is.
        public var listURL: String { profile.api.url(at: baseURL, for: "models") }

        /// Where LiteLLM's proxy says that it is one, without a key; nil: this is a provider's own address.
        public var liteLLMURL: String? {
            guard !ModelProvider.all.contains(where: { $0.baseURL == baseURL }) else { return nil }
            var base = baseURL
            while base.hasSuffix("/") { base.removeLast() }
            if base.hasSuffix("/v1") { base.removeLast("/v1".count) }
            return base + "/health/liveliness"
        }

        /// Whoever made what it answers: the provider, or whatever server stands in its place.
        public var origin: ModelOrigin {
            let isOwn = ModelProvider.named(provider)?.baseURL == baseURL
            return ModelOrigin(
                api: profile.api.rawValue, provider: isOwn ? provider : ModelTarget.withoutCredentials(baseURL),
                model: model)
        }
    }

    /// What of a URL's user and password is secret, and both together as HTTP's Basic authentication sends them. A user
    /// without a password is a key.
    static func credentials(of url: String) -> [String] {
        guard let (text, _) = divided(url) else { return [] }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(decoded)
        let (user, password) = (parts[0], parts.count == 2 ? parts[1] : [])
        let secret = String(decoding: password.isEmpty ? user : password, as: UTF8.self)
        return [secret, Data(user + [58] + password).base64EncodedString()]
    }

    /// With its percent-encoded bytes as they are meant.
    private static func decoded(_ text: Substring) -> [UInt8] {
        let pieces = text.split(separator: "%", omittingEmptySubsequences: false)
        return Array((pieces.first ?? "").utf8)
            + pieces.dropFirst().flatMap { piece in
                guard piece.utf8.count >= 2, let byte = UInt8(piece.prefix(2), radix: 16) else {
                    return Array("%\(piece)".utf8)
                }
                return [byte] + piece.utf8.dropFirst(2)
            }
    }

    /// Whether a URL holds a user or a password.
    public static func hasCredentials(_ url: String) -> Bool { divided(url) != nil }

    static func withoutCredentials(_ url: String) -> String { divided(url)?.url ?? url }

    /// The user and password of a URL that has them, and the URL without them.
    private static func divided(_ url: String) -> (credentials: Substring, url: String)? {
        guard let scheme = url.firstRange(of: ":/") else { return nil }
        // Some that read URLs take more or fewer slashes than two.
        let rest = url[scheme.upperBound...].drop { $0 == "/" || $0 == "\\" }
        guard let at = rest.prefix(while: { $0 != "/" && $0 != "?" && $0 != "#" }).lastIndex(of: "@") else {
            return nil
        }
        return (rest[..<at], String(url[..<rest.startIndex]) + rest[rest.index(after: at)...])
    }
}

extension ModelTarget.Endpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(model) at \(address)" }
    /// Where it is, without what a URL may hold of a user and a password.
    public var address: String { ModelTarget.withoutCredentials(baseURL) }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["endpoint": description]) }
}

/// Why a model's name leads nowhere.
public struct ModelNameError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Open: a new kind is a new constant.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let unknownProvider = Kind(rawValue: "unknownProvider")
        public static let missingKey = Kind(rawValue: "missingKey")
        public static let badBaseURL = Kind(rawValue: "badBaseURL")
    }

    public let kind: Kind
    /// One line for a person: what is wrong and what would help. No values of variables.
    public let description: String
}

/// Where models are and which keys open them: variables by name, as the environment has them.
public struct ModelEnvironment: Sendable {
    private static let baseVariable = "LLM_BASE_URL"

    private let variables: [String: String]
    /// By their names.
    private let configured: [String: ConfiguredProvider]

    /// - Parameters:
    ///   - variables: LLM_MODEL, LLM_BASE_URL, LLM_API, LLM_API_KEY and the providers' own; others are not kept.
    ///   - providers: of the configuration; they go before those of the same name that are known.
    public init(_ variables: [String: String], providers: [ConfiguredProvider] = []) {
        configured = Dictionary(providers.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        let known = ModelProvider.all.flatMap { $0.keyVariables + $0.baseVariables }
        let names = Set(["LLM_MODEL", "LLM_BASE_URL", "LLM_API", "LLM_API_KEY"] + known)
        // A key out of a file often ends with a line break. Empty is as good as not set.
        self.variables = variables.filter { names.contains($0.key) }.mapValues(\.trimmed).filter { !$0.value.isEmpty }
    }

    /// Everything in it that nobody outside may be shown: keys, and what addresses have of passwords, also as it is sent.
    public var secrets: [String] {
        let keys = Set(["LLM_API_KEY"] + ModelProvider.all.flatMap(\.keyVariables))
        return variables.flatMap { name, value in keys.contains(name) ? [value] : ModelTarget.credentials(of: value) }
            + configured.values.flatMap(\.secrets)
    }

    /// Of the configuration, in the order of their names.
    public var providers: [ConfiguredProvider] { configured.values.sorted { $0.name < $1.name } }

    /// LLM_MODEL; empty if there is none.
    public var defaultModel: String { variables["LLM_MODEL"] ?? "" }

    /// Finds what answers for a name: `provider/model`, or a model of OpenAI's without `openai/`.
    ///
    /// A provider of the configuration has its own address and key, and the variables of the one that it is like.
    ///
    /// LLM_BASE_URL is for all others, then a key is not required; a prefix that is no provider known here is taken
    /// for a part of the model's name, as the server at LLM_BASE_URL has it. LLM_API is of that server alone. Without
    /// LLM_BASE_URL the provider's own address is used, and LLM_API_KEY or a variable of the provider's has to be there.
    ///
    /// - Parameter baseURL: in place of LLM_BASE_URL; empty: none.
    public func resolve(_ name: String, at baseURL: String = "") throws(ModelNameError) -> ModelTarget {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let (prefix, model) = parts.count == 2 ? (parts[0], parts[1]) : ("openai", name)
        guard !prefix.isEmpty, !model.isEmpty else {
            throw ModelNameError(kind: .unknownProvider, description: "a model is named provider/model")
        }
        if prefix == "mock" { return .scripted(file: model) }
        if let own = configured[prefix] { return .http(try endpoint(of: own, model: model, at: baseURL)) }
        let provider = ModelProvider.named(prefix)
        let named =
            baseURL.isEmpty ? variables[Self.baseVariable].map { ($0, Self.baseVariable) } : (baseURL, "base_url")
        if let (base, origin) = named {
            let base = try checked(base, from: origin)
            if origin == Self.baseVariable, let profile = try profileOfTheirOwn() {
                return .http(
                    .init(
                        baseURL: base, key: key(for: provider) ?? "", model: provider == nil ? name : model,
                        provider: prefix, profile: profile))
            }
            // Servers of many makes have models that they call `anthropic/…`, over chat completions: what is asked over
            // Anthropic's own API is at Anthropic's address, or at one that is given for it.
            let isAsked = provider?.profile.api != .messages || base.contains("://api.anthropic.com")
            let known = isAsked ? provider : nil
            return .http(
                .init(
                    baseURL: base, key: key(for: provider) ?? "", model: known == nil ? name : model, provider: prefix,
                    profile: known?.profile(of: model, at: base) ?? ModelProfile()))
        }
        guard let provider else {
            let known = (providers.map(\.name) + ModelProvider.all.map(\.name)).joined(separator: ", ")
            throw ModelNameError(
                kind: .unknownProvider,
                description: "no provider '\(prefix.prefix(100))'; known are mock, \(known), any with LLM_BASE_URL")
        }
        let base = try base(of: provider)
        return .http(
            .init(
                baseURL: base, key: try key(of: provider), model: model, provider: prefix,
                profile: provider.profile(of: model, at: base)))
    }

    private func endpoint(
        of own: ConfiguredProvider, model: String, at baseURL: String
    ) throws(ModelNameError) -> ModelTarget.Endpoint {
        let like = ModelProvider.named(own.like)
        let base =
            if !baseURL.isEmpty { try checked(baseURL, from: "base_url") } else if !own.baseURL.isEmpty {
                try checked(own.baseURL, from: "providers: \(own.name): base-url")
            } else if let like { try self.base(of: like) } else {
                throw ModelNameError(
                    kind: .badBaseURL, description: "\(own.name) has no address: give it a base-url in providers")
            }
        var key = own.key
        // A server of one's own is sent no key that was given for another.
        if key.isEmpty, own.baseURL.isEmpty, baseURL.isEmpty, let like {
            key = like.keyVariables.lazy.compactMap { variables[$0] }.first ?? ""
            guard !key.isEmpty || !like.needsKey else {
                throw ModelNameError(
                    kind: .missingKey,
                    description:
                        "\(own.name) needs a key: give it one in providers, or start the server with "
                        + like.keyVariables.joined(separator: " or "))
            }
        }
        // At another address than the provider's it is one that passes on to it.
        var profile =
            like.map { base == $0.baseURL ? $0.profile(of: model, at: base) : $0.profile } ?? ModelProfile()
        // What is said of an API is said of all its models, whatever is known of the provider that it is like.
        if let api = own.api, api != profile.api {
            profile = like.flatMap { $0.profile.api == api ? $0.profile : nil } ?? ModelProfile(api)
            profile.isLiteLLM = like?.profile.isLiteLLM ?? false
        }
        var endpoint = ModelTarget.Endpoint(
            baseURL: base, key: key, model: model, provider: own.name, profile: profile)
        endpoint.extraHeaders = own.headers
        return endpoint
    }

    /// What LLM_API says of the server at LLM_BASE_URL; nil: nothing.
    private func profileOfTheirOwn() throws(ModelNameError) -> ModelProfile? {
        guard let name = variables["LLM_API"] else { return nil }
        guard let api = ModelAPI(rawValue: name) else {
            let known = ModelAPI.allCases.map(\.rawValue).joined(separator: ", ")
            throw ModelNameError(kind: .badBaseURL, description: "LLM_API is none of \(known)")
        }
        return ModelProfile(api)
    }

    private func base(of provider: ModelProvider) throws(ModelNameError) -> String {
        for variable in provider.baseVariables {
            if let base = variables[variable] { return provider.complete(try checked(base, from: variable)) }
        }
        guard let base = provider.baseURL else {
            let names = (["LLM_BASE_URL"] + provider.baseVariables).joined(separator: " or ")
            throw ModelNameError(
                kind: .badBaseURL,
                description: "\(provider.name) has no address of its own: start the server with \(names)")
        }
        return base
    }

    private func key(for provider: ModelProvider?) -> String? {
        (["LLM_API_KEY"] + (provider?.keyVariables ?? [])).lazy.compactMap { variables[$0] }.first
    }

    private func key(of provider: ModelProvider) throws(ModelNameError) -> String {
        if let key = key(for: provider) { return key }
        guard provider.needsKey else { return "" }
        let names = ["LLM_API_KEY"] + provider.keyVariables
        throw ModelNameError(
            kind: .missingKey,
            description: "\(provider.name) needs a key: start the server with \(names.joined(separator: " or "))")
    }

    private func checked(_ url: String, from variable: String) throws(ModelNameError) -> String {
        let scheme = ["http://", "https://"].first { url.lowercased().hasPrefix($0) }
        // Whatever else is wrong with it, curl says when it is used.
        guard let scheme, url.count > scheme.count, url.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
            throw ModelNameError(kind: .badBaseURL, description: "\(variable) is no http or https URL")
        }
        return url
    }
}

extension ModelEnvironment: CustomStringConvertible, CustomReflectable {
    /// Names only: the values are keys.
    public var description: String {
        "ModelEnvironment(\((variables.keys.sorted() + configured.keys.sorted()).joined(separator: ", ")))"
    }

    public var customMirror: Mirror {
        Mirror(self, children: ["variables": variables.keys.sorted(), "providers": configured.keys.sorted()])
    }
}

extension String {
    fileprivate var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start[..<(start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex)])
    }
}
