/// A provider of the configuration: one that is known, under a name and with a key of its own, or a server of one's own.
public struct ConfiguredProvider: Sendable, Hashable {
    /// What stands before the slash in models' names.
    public var name: String
    /// The known provider that it is: its address, its variables' key, what its server takes and what its models cost.
    /// Empty: a server of which nothing else is known.
    public var like: String
    /// nil: as `like` has it, else chat completions.
    public var api: ModelAPI?
    /// Empty: that of `like`.
    public var baseURL = ""
    /// Empty: that of `like`'s variables, or none. Never shown.
    public var key = ""
    public var headers: [ModelHeader] = []
    public var limits = ModelLimits()

    /// - Parameter like: nil: what is known by the name itself.
    public init(name: String, like: String? = nil) {
        self.name = name
        self.like = like ?? (ModelProvider.named(name) == nil ? "" : name)
    }

    /// Names that `like` can have.
    public static var knownNames: [String] { ModelProvider.all.map(\.name) }

    /// Whether it can be reached by what is said of it alone.
    public var hasAddress: Bool { !baseURL.isEmpty || ModelProvider.named(like)?.baseURL != nil }

    var secrets: [String] {
        [key].filter { !$0.isEmpty } + headers.filter(\.isSecret).map(\.value) + ModelTarget.credentials(of: baseURL)
    }
}

extension ConfiguredProvider: CustomStringConvertible, CustomReflectable {
    public var description: String { "ConfiguredProvider(\(name))" }
    public var customMirror: Mirror { Mirror(self, children: ["name": name, "like": like]) }
}

/// A header of requests.
public struct ModelHeader: Sendable, Hashable {
    public let name: String
    public let value: String
    /// It is shown nowhere, and masked where it comes back.
    public let isSecret: Bool

    /// - Returns: nil: it is none, or one that is not its operator's to set.
    public init?(name: String, value: String, isSecret: Bool = true) {
        let isToken = { (byte: UInt8) in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
        guard !name.isEmpty, name.utf8.count <= 256, name.utf8.allSatisfy(isToken), value.utf8.count <= 8192,
            value.utf8.allSatisfy({ $0 == 9 || $0 >= 0x20 && $0 != 0x7f }),
            !Self.ours.contains(name.lowercased())
        else { return nil }
        self.name = name
        self.value = value
        self.isSecret = isSecret
    }

    /// How a request is framed and what it is answered with is not for others to say.
    private static let ours: Set = [
        "connection", "content-length", "content-type", "content-encoding", "accept", "accept-encoding", "expect",
        "host",
        "te", "transfer-encoding", "upgrade",
    ]
}

/// What a provider takes at once from all runs together.
public struct ModelLimits: Sendable, Hashable {
    /// Requests in flight; nil: as many as there are.
    public var requests: Int?
    /// Tokens of these, as far as can be told before: of what they send and of what they may be answered; nil: no limit.
    public var tokens: Int?

    public init() {}
}
