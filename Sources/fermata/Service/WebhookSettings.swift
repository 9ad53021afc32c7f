internal import FermataProtocol
internal import FermataServer
internal import Foundation

/// An entry of `webhooks` in the configuration file.
struct WebhookSettings: ListedSettings, Sendable {
    /// Where the secret is; it is never in the file itself.
    enum SecretPlace: Sendable {
        case file(String)
        case variable(String)
    }

    var name = ""
    var url = ""
    var secret = SecretPlace.file("")
    /// What it is told of: `status`, `ask`.
    var events: [String] = []
    var statuses: [FermataStatus] = []
    var agents: [String] = []
    /// Without a slash at its end.
    var gatewayURL = ""
    var checkpoint: Bool?
    /// Seconds.
    var retry: [Double] = []
    var timeout: Double?
    var line = 0

    struct Unusable: Error, CustomStringConvertible { let description: String }

    /// The secret as it is written in its place.
    ///
    /// - Throws: `Unusable`, which names the place and shows nothing of what is there.
    func secretText(_ environment: [String: String]) throws -> String {
        switch secret {
        case .variable(let variable):
            guard let text = environment[variable], !text.isEmpty else {
                throw Unusable(description: "webhook \(name): \(variable) is not set")
            }
            return text
        case .file(let path):
            guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: 16 << 10) else {
                let reason = String(cString: strerror(errno))
                throw Unusable(description: "webhook \(name): \(path): the secret cannot be read: \(reason)")
            }
            return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// - Throws: `Unusable`.
    func endpoint(secret text: String) throws -> WebhookEndpoint {
        guard let secret = WebhookSecret(text) else {
            let place =
                switch secret {
                case .file(let path): path
                case .variable(let variable): variable
                }
            throw Unusable(
                description: "webhook \(name): \(place): it has no secret: whsec_ and base64 of 24 to 64 bytes")
        }
        var endpoint = WebhookEndpoint(name: name, url: url, secret: secret)
        if !events.isEmpty {
            endpoint.wantsStatuses = events.contains("status")
            endpoint.wantsAsks = events.contains("ask")
        }
        endpoint.statuses = Set(statuses)
        endpoint.agents = Set(agents)
        endpoint.gatewayURL = gatewayURL
        endpoint.wantsCheckpoint = checkpoint ?? false
        if !retry.isEmpty { endpoint.retries = retry.map { .milliseconds(Int64($0 * 1000)) } }
        if let timeout { endpoint.timeout = .milliseconds(Int64(timeout * 1000)) }
        return endpoint
    }

    /// As a list's item of a configuration file.
    var asFile: String {
        var lines = ["- name: \(name)", "  url: \(Settings.shown(url))"]
        switch secret {
        case .file(let path): lines.append("  secret-file: \(Settings.shown(path))")
        case .variable(let variable): lines.append("  secret-env: \(variable)")
        }
        func list(_ key: String, _ values: [String]) {
            if !values.isEmpty { lines.append("  \(key): [\(values.joined(separator: ", "))]") }
        }
        list("events", events)
        list("statuses", statuses.map(\.protocolName))
        list("agent", agents)
        if !gatewayURL.isEmpty { lines.append("  gateway-url: \(Settings.shown(gatewayURL))") }
        if let checkpoint { lines.append("  checkpoint: \(checkpoint)") }
        list("retry", retry.map(Self.text))
        if let timeout { lines.append("  timeout: \(Self.text(timeout))") }
        return lines.joined(separator: "\n")
    }

    private static func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)
    }
}
