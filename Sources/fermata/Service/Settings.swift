internal import FermataServer
internal import Foundation
internal import Logging
internal import Models

/// One thing that can be set: by an option of `serve`, in the environment, in the configuration file, in this order.
struct Setting: Sendable {
    /// The option's long name, and the key in the file.
    let key: String
    let variable: String
    /// Nil: it depends on another setting, or there is none.
    let defaultValue: String?
    /// What is wrong with a value; nil: nothing.
    let mistake: @Sendable (String) -> String?

    init(
        _ key: String, _ variable: String, default defaultValue: String? = nil,
        mistake: @escaping @Sendable (String) -> String? = { $0.isEmpty ? "it has no value" : nil }
    ) {
        self.key = key
        self.variable = variable
        self.defaultValue = defaultValue
        self.mistake = mistake
    }

    static let all: [Setting] = [
        Setting("dir", "FERMATA_DIR"),
        Setting("control", "FERMATA_CONTROL", mistake: url),
        Setting("events", "FERMATA_EVENTS", mistake: url),
        Setting("text", "FERMATA_TEXT", mistake: url),
        Setting("durability", "FERMATA_DURABILITY", default: "full", mistake: oneOf("full", "normal")),
        Setting("model", "LLM_MODEL"),
        Setting("base-url", "LLM_BASE_URL"),
        Setting("api-key-file", "LLM_API_KEY_FILE"),
        Setting("model-silence", "FERMATA_MODEL_SILENCE", default: "120") {
            Int($0).map { (1...86_400).contains($0) } == true ? nil : "not a number of seconds from 1 to 86400"
        },
        Setting("prices", "FERMATA_PRICES"),
        Setting(
            "log-level", "FERMATA_LOG_LEVEL", default: "info",
            mistake: oneOf("trace", "debug", "info", "warning", "error")),
        Setting("log-format", "FERMATA_LOG_FORMAT", default: "text", mistake: oneOf("text", "json")),
    ]

    /// Variables that a server or a client reads, besides the providers' own.
    static let variables =
        all.map(\.variable) + ["LLM_API_KEY", "FERMATA_CONFIG", "FERMATA_TOKEN", "FERMATA_TOKEN_FILE"]

    private static let url: @Sendable (String) -> String? = { value in
        ["ipc://", "tcp://", "tls+tcp://"].contains { value.hasPrefix($0) && value.count > $0.count }
            ? nil : "not a URL such as ipc:///run/fermata/control.sock"
    }

    private static func oneOf(_ values: String...) -> @Sendable (String) -> String? {
        { values.contains($0) ? nil : "it is none of \(values.joined(separator: ", "))" }
    }
}

/// The value of each setting, and where it is from.
struct Settings: Sendable {
    enum Origin: Sendable, Equatable, CustomStringConvertible {
        case option(String)
        case variable(String)
        case file(String, line: Int)
        case `default`

        var description: String {
            switch self {
            case .option(let key): "--\(key)"
            case .variable(let name): name
            case .file(let path, let line): "\(path):\(line)"
            case .default: "default"
            }
        }
    }

    struct Value: Sendable {
        let text: String
        let origin: Origin
    }

    /// A value that is not possible; the description is a line for each.
    struct Mistakes: Error, CustomStringConvertible {
        let lines: [String]
        /// All of them are the command line's.
        let areOptions: Bool
        var description: String { lines.joined(separator: "\nfermata: ") }
    }

    private(set) var values: [String: Value] = [:]
    /// The configuration file that was read, if there was one.
    let file: String?
    /// Of the configuration file: they are set nowhere else.
    let webhooks: [WebhookSettings]
    let providers: [ProviderSettings]

    /// - Parameters:
    ///   - options: by their keys, those that were given.
    ///   - file: the configuration file's path as it was given; nil: the user's own, if there is one.
    ///   - keys: those that matter; mistakes in others are none of the caller's business. Nil: all.
    /// - Throws: `Mistakes`, all at once.
    init(options: [String: String], environment: [String: String], file: String?, keys: Set<String>? = nil) throws {
        let given = file ?? environment["FERMATA_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        var inFile = SettingsFile()
        if let given {
            inFile = try SettingsFile(path: given)
        } else if case let path = Self.ownFile(environment), access(path, F_OK) == 0 {
            inFile = try SettingsFile(path: path)
        }
        self.file = inFile.path.isEmpty ? nil : inFile.path
        webhooks = inFile.webhooks
        providers = inFile.providers
        var mistakes = keys == nil ? inFile.mistakes : []
        let areOptions = mistakes.isEmpty
        var hasOthers = false
        for setting in Setting.all where keys?.contains(setting.key) ?? true {
            let value: Value
            if let text = options[setting.key] {
                value = Value(text: text, origin: .option(setting.key))
            } else if let text = environment[setting.variable], !text.isEmpty {
                value = Value(text: text, origin: .variable(setting.variable))
            } else if let entry = inFile.entries[setting.key] {
                value = Value(text: entry.text, origin: .file(inFile.path, line: entry.line))
            } else if let text = setting.defaultValue {
                value = Value(text: text, origin: .default)
            } else {
                continue
            }
            values[setting.key] = value
            guard let mistake = setting.mistake(value.text) else { continue }
            switch value.origin {
            case .option: mistakes.append("--\(setting.key): \(mistake)")
            case .file: mistakes.append("\(value.origin): \(setting.key): \(mistake)")
            case .variable, .default: mistakes.append("\(value.origin): \(mistake)")
            }
            if case .option = value.origin {} else { hasOthers = true }
        }
        guard mistakes.isEmpty else { throw Mistakes(lines: mistakes, areOptions: areOptions && !hasOthers) }
        let directory = Self.absolute(values["dir"]?.text ?? Self.defaultDirectory(environment))
        values["dir"] = Value(text: directory, origin: values["dir"]?.origin ?? .default)
        for name in ["control", "events", "text"] where values[name] == nil {
            values[name] = Value(text: "ipc://\(directory)/\(name).sock", origin: .default)
        }
    }

    /// Variables that look like settings and are none: all that begin with `FERMATA_`, and of those that begin with
    /// `LLM_`, which others have as well, those that are nearly one.
    func unknownVariables(_ environment: [String: String]) -> [String] {
        let secrets =
            webhooks.compactMap { if case .variable(let name) = $0.secret { name } else { nil } }
            + providers.flatMap(\.variables)
        return environment.keys.sorted().filter { name in
            guard !Setting.variables.contains(name), !secrets.contains(name) else { return false }
            return name.hasPrefix("FERMATA_")
                || name.hasPrefix("LLM_") && Setting.variables.contains { SettingsFile.areNear($0, name) }
        }
    }

    subscript(_ key: String) -> String { values[key]?.text ?? "" }

    /// An absolute path without `.`, `..` and doubled slashes; symbolic links stay.
    static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

    private static func ownFile(_ environment: [String: String]) -> String {
        let home = environment["XDG_CONFIG_HOME"] ?? (environment["HOME"] ?? ".") + "/.config"
        return home + "/fermata/fermata.yaml"
    }

    private static func defaultDirectory(_ environment: [String: String]) -> String {
        (environment["XDG_STATE_HOME"] ?? (environment["HOME"] ?? ".") + "/.local/state") + "/fermata"
    }

    /// What models are asked with: the model, its address and its key from wherever they are, and the providers.
    ///
    /// A key in the environment comes before a file that the environment or the configuration file names, and after one
    /// that an option names.
    ///
    /// - Parameter needsKeys: false: a provider whose key cannot be had is without it, for who only looks.
    func models(
        _ environment: [String: String], needsKeys: Bool = true
    ) throws -> (models: ModelEnvironment, keyFile: KeyFile?) {
        var variables = environment
        variables["LLM_MODEL"] = self["model"]
        variables["LLM_BASE_URL"] = self["base-url"]
        let providers = try self.providers.map {
            needsKeys ? try $0.provider(environment) : $0.providerForLooking(environment)
        }
        var file: KeyFile?
        if let named = values["api-key-file"] {
            var isOption: Bool { if case .option = named.origin { true } else { false } }
            if isOption || (environment["LLM_API_KEY"] ?? "").isEmpty {
                let read = try KeyFile(named.text)
                variables["LLM_API_KEY"] = read.key
                file = read
            }
        }
        return (ModelEnvironment(variables, providers: providers), file)
    }

    /// What models cost, also under the names of these.
    func prices(_ models: ModelEnvironment) throws -> Prices {
        let file = self["prices"]
        return (file.isEmpty ? Prices.builtIn : try Prices(contentsOf: file)).knowing(models.providers)
    }

    /// Each setting as a line of a configuration file, with where it is from as its comment.
    var asFile: String {
        let lines = Setting.all.map { setting in
            guard let value = values[setting.key] else { return ("# \(setting.key):", "not set") }
            return ("\(setting.key): \(Self.shown(value.text))", "\(value.origin)")
        }
        let width = lines.map(\.0.displayWidth).max() ?? 0
        let lists =
            (providers.isEmpty ? [] : ["providers:"] + providers.map(\.asFile))
            + (webhooks.isEmpty ? [] : ["webhooks:"] + webhooks.map(\.asFile))
        return (lines.map { "\($0.0.padding(to: width))  # \($0.1)" } + lists).joined(separator: "\n")
    }

    /// As YAML, without what a URL may hold of a user and a password.
    static func shown(_ text: String) -> String {
        let open = text.replacing(/:\/\/[^\/?#]*@/, with: "://***@")
        let isPlain =
            open.wholeMatch(of: /[A-Za-z0-9\/][A-Za-z0-9 _.,:\/@+*-]*/) != nil && !open.contains(": ")
            && !open.hasSuffix(" ")
        return isPlain ? open : "\"" + open.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
