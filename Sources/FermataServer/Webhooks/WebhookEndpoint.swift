public import FermataProtocol
internal import Foundation
internal import OpenSSL

/// Somebody outside who is sent messages of what runs do.
public struct WebhookEndpoint: Sendable {
    /// Its messages wait under this name, whatever its URL is by then.
    public var name: String
    /// `http` or `https`. Redirects are not followed.
    public var url: String
    public var secret: WebhookSecret
    /// Whether it is told of statuses, and of asks.
    public var wantsStatuses = true
    public var wantsAsks = true
    /// The statuses that it is told of; empty: all.
    public var statuses: Set<FermataStatus> = []
    /// The agents whose runs it is told of; empty: all.
    public var agents: Set<String> = []
    /// Where the gateway is reached from outside, so that an ask can say where its answer goes; empty: it does not.
    public var gatewayURL = ""
    /// Whether the run's checkpoint goes along, as it was when the message was written.
    public var wantsCheckpoint = false
    /// How long after each failed attempt the next one comes; after the last of them a message is given up.
    public var retries: [Duration] = WebhookEndpoint.usualRetries
    /// How long one attempt may take.
    public var timeout: Duration = .seconds(30)

    public init(name: String, url: String, secret: WebhookSecret) {
        self.name = name
        self.url = url
        self.secret = secret
    }

    /// Three days in all.
    public static let usualRetries: [Duration] = {
        // Two statements: as one the compiler took four seconds for it.
        let seconds: [Int] = [5, 30, 120, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 86_400]
        return seconds.map { Duration.seconds($0) }
    }()
}

/// What an endpoint knows a message of ours by. It is shown nowhere.
public struct WebhookSecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let key: [UInt8]

    /// - Parameter text: `whsec_`, then base64 of 24 to 64 bytes, as Standard Webhooks has it; nil if it is none.
    public init?(_ text: String) {
        guard text.hasPrefix("whsec_"), let key = Data(base64Encoded: String(text.dropFirst(6))),
            (24...64).contains(key.count)
        else { return nil }
        self.key = [UInt8](key)
    }

    /// The value of `webhook-signature` for a message.
    ///
    /// - Parameter timestamp: of this attempt, seconds since 1970.
    func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        let signed = Array("\(id).\(timestamp).".utf8) + body
        return "v1," + Data(hmacSHA256(signed, key: key)).base64EncodedString()
    }

    public var description: String { "a secret" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["secret": "…"]) }
}
