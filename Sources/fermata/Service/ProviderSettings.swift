internal import FermataProtocol
internal import Foundation
internal import Models
internal import Yams

/// An entry of `providers` in the configuration file.
struct ProviderSettings: ListedSettings, Sendable {
    /// Where a key is; it is never in the file itself.
    enum Place: Sendable, Equatable {
        case file(String)
        case variable(String)
        /// Of a header that is no secret.
        case here(String)

        /// As the value of a header in the file.
        var asFile: String {
            switch self {
            case .file(let path): "{file: \(Settings.shown(path))}"
            case .variable(let name): "{env: \(name)}"
            case .here(let text): Settings.shown(text)
            }
        }

        /// - Throws: `KeyFile.Unusable`, which names the place and shows nothing of what is there.
        func text(_ environment: [String: String], for what: String) throws -> String {
            switch self {
            case .here(let text): return text
            case .file(let path): return try KeyFile(path).key
            case .variable(let name):
                guard let text = environment[name], !text.isEmpty else {
                    throw KeyFile.Unusable(description: "\(what): \(name) is not set")
                }
                return text
            }
        }
    }

    var name = ""
    var like: String?
    var api: ModelAPI?
    var baseURL = ""
    var key: Place?
    var headers: [(name: String, value: Place)] = []
    var limits = ModelLimits()
    var line = 0

    /// Variables that it reads, besides those of the provider that it is like.
    var variables: [String] {
        ([key].compactMap(\.self) + headers.map(\.value)).compactMap {
            if case .variable(let name) = $0 { name } else { nil }
        }
    }

    /// What is known of it without its key and its headers, whether they can be had or not.
    private var known: ConfiguredProvider {
        var provider = ConfiguredProvider(name: name, like: like)
        provider.api = api
        provider.baseURL = baseURL
        provider.limits = limits
        return provider
    }

    /// With its key, if that can be had.
    func providerForLooking(_ environment: [String: String]) -> ConfiguredProvider {
        (try? provider(environment)) ?? known
    }

    /// - Throws: `KeyFile.Unusable`: a key that it names cannot be had.
    func provider(_ environment: [String: String]) throws -> ConfiguredProvider {
        var provider = known
        provider.key = try key?.text(environment, for: "provider \(name)") ?? ""
        provider.headers = try headers.map { header in
            let value = try header.value.text(environment, for: "provider \(name): \(header.name)")
            // What stands in the file itself is no secret: masked, it would spoil every text that has the same words.
            let isSecret = if case .here = header.value { false } else { true }
            guard let header = ModelHeader(name: header.name, value: value, isSecret: isSecret) else {
                throw KeyFile.Unusable(
                    description: "provider \(name): \(header.name): what is there is no header's value")
            }
            return header
        }
        return provider
    }

    /// As a list's item of a configuration file.
    var asFile: String {
        var lines = ["- name: \(name)"]
        if let like { lines.append("  like: \(like)") }
        if let api { lines.append("  api: \(api.rawValue)") }
        if !baseURL.isEmpty { lines.append("  base-url: \(Settings.shown(baseURL))") }
        switch key {
        case .file(let path)?: lines.append("  api-key-file: \(Settings.shown(path))")
        case .variable(let name)?: lines.append("  api-key-env: \(name)")
        case .here?, nil: break
        }
        if !headers.isEmpty {
            lines.append("  headers:")
            lines += headers.map { "    \($0.name): \($0.value.asFile)" }
        }
        if let requests = limits.requests { lines.append("  max-requests: \(requests)") }
        if let tokens = limits.tokens { lines.append("  max-tokens: \(tokens)") }
        return lines.joined(separator: "\n")
    }
}

/// Reads `providers` of the configuration file.
struct ProviderReading: ListReading {
    static let list = (key: "providers", what: "providers, each with a name")
    let path: String
    var entries: [ProviderSettings] = []
    var mistakes: [String] = []

    private static let keys = [
        "name", "like", "api", "base-url", "api-key-file", "api-key-env", "headers", "max-requests", "max-tokens",
    ]

    init(path: String) { self.path = path }

    mutating func entry(_ node: Node, _ place: String, _ line: Int) -> ProviderSettings {
        var provider = ProviderSettings()
        provider.line = line
        guard let mapping = node.mapping else {
            wrong(line, place, "it is a mapping with a name")
            return provider
        }
        var keys: [ProviderSettings.Place] = []
        for (keyNode, value) in mapping {
            let line = keyNode.mark?.line ?? line
            guard let name = keyNode.scalar?.string else {
                wrong(line, place, "a key is a word")
                continue
            }
            let key = "\(place).\(name.oneLine(60))"
            switch name {
            case "name":
                provider.name = text(value, key, line)
                if !provider.name.isEmpty, !FermataAgent.isName(provider.name) || provider.name == "mock" {
                    wrong(line, key, "1 to 64 letters, digits, '-', '_' and '.', and not mock")
                }
            case "like":
                let like = text(value, key, line)
                provider.like = like
                if !like.isEmpty, !ConfiguredProvider.knownNames.contains(like) {
                    wrong(line, key, "it is none of \(ConfiguredProvider.knownNames.joined(separator: ", "))")
                }
            case "api":
                provider.api = ModelAPI(rawValue: text(value, key, line))
                if provider.api == nil {
                    wrong(line, key, "one of \(ModelAPI.allCases.map(\.rawValue).joined(separator: ", "))")
                }
            case "base-url":
                provider.baseURL = text(value, key, line)
                if !provider.baseURL.isEmpty, !Self.isURL(provider.baseURL) {
                    wrong(line, key, "not an http:// or https:// URL")
                }
            case "api-key-file": keys.append(.file(Settings.absolute(text(value, key, line))))
            case "api-key-env": keys.append(.variable(variable(value, key, line)))
            case "headers": provider.headers = headers(value, key, line)
            case "max-requests":
                provider.limits.requests = Int(text(value, key, line)).flatMap { (1...100_000).contains($0) ? $0 : nil }
                if provider.limits.requests == nil { wrong(line, key, "a number from 1 to 100000") }
            case "max-tokens":
                provider.limits.tokens = Int(text(value, key, line)).flatMap {
                    (1...1_000_000_000).contains($0) ? $0 : nil
                }
                if provider.limits.tokens == nil { wrong(line, key, "a number from 1 to 1000000000") }
            default:
                if ["key", "api-key", "token"].contains(name.lowercased().replacing("_", with: "-")) {
                    wrong(line, key, "keys are not written here: name a file that has it with api-key-file")
                } else {
                    unknown(name, among: Self.keys, key, line)
                }
            }
        }
        if mapping["name"] == nil { wrong(line, "\(place).name", "it is missing") }
        if keys.count > 1 { wrong(line, place, "it has one of api-key-file and api-key-env") }
        provider.key = keys.first
        let known = ConfiguredProvider(name: provider.name, like: provider.like)
        if provider.baseURL.isEmpty, known.like.isEmpty, !provider.name.isEmpty {
            wrong(line, place, "it has a base-url, or is like a provider that is known")
        }
        return provider
    }

    private mutating func headers(
        _ node: Node, _ key: String, _ line: Int
    ) -> [(name: String, value: ProviderSettings.Place)] {
        guard let mapping = node.mapping else {
            wrong(line, key, "it is a mapping of headers' names to their values")
            return []
        }
        return mapping.compactMap { nameNode, value in
            let line = nameNode.mark?.line ?? line
            guard let name = nameNode.scalar?.string else {
                wrong(line, key, "a header's name is a word")
                return nil
            }
            let key = "\(key).\(name.oneLine(60))"
            guard let mapping = value.mapping else {
                let text = text(value, key, line)
                if !text.isEmpty, ModelHeader(name: name, value: text) == nil {
                    wrong(line, key, "it is no header, or one that is not set here")
                }
                return (name, .here(text))
            }
            guard mapping.count == 1, let (place, value) = mapping.first, let word = place.scalar?.string,
                ["file", "env"].contains(word)
            else {
                wrong(line, key, "it is a text, {file: PATH} or {env: NAME}")
                return nil
            }
            if ModelHeader(name: name, value: "x") == nil {
                wrong(line, key, "it is no header, or one that is not set here")
            }
            return word == "file"
                ? (name, .file(Settings.absolute(text(value, key, line))))
                : (name, .variable(variable(value, key, line)))
        }
    }

    /// What has such a name is kept from tools.
    private mutating func variable(_ node: Node, _ key: String, _ line: Int) -> String {
        let name = text(node, key, line)
        if !name.isEmpty, name.wholeMatch(of: /[A-Z][A-Z0-9_]*_(KEY|TOKEN|SECRET)/) == nil {
            wrong(line, key, "the name of a variable that ends in _KEY, _TOKEN or _SECRET")
        }
        return name
    }
}
