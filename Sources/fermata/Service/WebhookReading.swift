internal import FermataProtocol
internal import Foundation
internal import Yams

/// Reads `webhooks` of the configuration file, and notes everything that is wrong with it.
struct WebhookReading: ListReading {
    static let list = (key: "webhooks", what: "webhooks, each with name, url and secret-file")
    let path: String
    var entries: [WebhookSettings] = []
    var mistakes: [String] = []

    private static let keys = [
        "name", "url", "secret-file", "secret-env", "events", "statuses", "agent", "gateway-url", "checkpoint",
        "retry", "timeout",
    ]

    init(path: String) { self.path = path }

    mutating func entry(_ node: Node, _ place: String, _ line: Int) -> WebhookSettings {
        var webhook = WebhookSettings()
        webhook.line = line
        guard let mapping = node.mapping else {
            wrong(line, place, "it is a mapping with name, url and secret-file")
            return webhook
        }
        var secrets: [WebhookSettings.SecretPlace] = []
        var given: Set<String> = []
        for (keyNode, value) in mapping {
            let line = keyNode.mark?.line ?? line
            guard let name = keyNode.scalar?.string else {
                wrong(line, place, "a key is a word")
                continue
            }
            let key = "\(place).\(name.oneLine(60))"
            given.insert(name)
            switch name {
            case "name":
                webhook.name = text(value, key, line)
                if !webhook.name.isEmpty, !FermataAgent.isName(webhook.name) {
                    wrong(line, key, "1 to 64 letters, digits, '-', '_' and '.'")
                }
            case "url":
                webhook.url = text(value, key, line)
                if !webhook.url.isEmpty, !Self.isURL(webhook.url) { wrong(line, key, "not an http:// or https:// URL") }
            case "secret-file": secrets.append(.file(Settings.absolute(text(value, key, line))))
            case "secret-env":
                let variable = text(value, key, line)
                secrets.append(.variable(variable))
                // What has such a name is kept from tools.
                if !variable.isEmpty, variable.wholeMatch(of: /[A-Z][A-Z0-9_]*_SECRET/) == nil {
                    wrong(line, key, "the name of a variable that ends in _SECRET")
                }
            case "events":
                webhook.events = texts(value, key, line)
                if !webhook.events.allSatisfy(["status", "ask"].contains) {
                    wrong(line, key, "status, ask, or both as a list")
                }
            case "statuses":
                let names = texts(value, key, line)
                let known = FermataStatus.allCases.filter { $0 != .unspecified }
                webhook.statuses = names.compactMap { name in known.first { $0.protocolName == name } }
                if webhook.statuses.count != names.count {
                    wrong(line, key, "some of \(known.map(\.protocolName).joined(separator: ", "))")
                }
            case "agent":
                webhook.agents = texts(value, key, line)
                if !webhook.agents.allSatisfy(FermataAgent.isName) { wrong(line, key, "names of agents") }
            case "gateway-url":
                webhook.gatewayURL = text(value, key, line)
                if !webhook.gatewayURL.isEmpty, !Self.isURL(webhook.gatewayURL) {
                    wrong(line, key, "not an http:// or https:// URL")
                }
                if webhook.gatewayURL.hasSuffix("/") { webhook.gatewayURL.removeLast() }
            case "checkpoint":
                webhook.checkpoint = ["true": true, "false": false][text(value, key, line)]
                if webhook.checkpoint == nil { wrong(line, key, "true or false") }
            case "retry":
                let numbers = texts(value, key, line).map { Double($0) }
                webhook.retry = numbers.compactMap(\.self).filter { (0.01...604_800).contains($0) }
                if webhook.retry.count != numbers.count || numbers.count > 100 {
                    wrong(line, key, "a list of at most 100 numbers of seconds, each from 0.01 to 604800")
                }
            case "timeout":
                webhook.timeout = Double(text(value, key, line)) ?? 0
                if !(0.1...600).contains(webhook.timeout!) { wrong(line, key, "a number of seconds from 0.1 to 600") }
            default:
                if name.lowercased() == "secret" {
                    wrong(line, key, "secrets are not written here: name a file that has it with secret-file")
                } else {
                    unknown(name, among: Self.keys, key, line)
                }
            }
        }
        for key in ["name", "url"] where !given.contains(key) { wrong(line, "\(place).\(key)", "it is missing") }
        if !webhook.statuses.isEmpty, webhook.events == ["ask"] {
            wrong(line, "\(place).statuses", "they choose among status events, and events has ask only")
        }
        if secrets.count != 1 { wrong(line, place, "it has one of secret-file and secret-env") }
        webhook.secret = secrets.first ?? .file("")
        return webhook
    }
}
