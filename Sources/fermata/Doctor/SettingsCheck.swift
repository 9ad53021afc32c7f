internal import Foundation
internal import Models

/// The settings as `serve` would have them here.
struct SettingsCheck {
    let finding: Finding
    /// Nil: there are mistakes in them.
    let settings: Settings?

    init(options: [String: String], file: String?) {
        do {
            let settings = try Settings(options: options, environment: ProcessInfo.processInfo.environment, file: file)
            self.settings = settings
            finding = .ok(
                "settings", settings.file ?? "from options, the environment and defaults; no configuration file")
        } catch {
            settings = nil
            finding = .problem(
                "settings", "\(error)", do: "correct it; fermata serve --help and --print-config show more")
        }
    }

    /// Whether the secrets are where the configuration says; nil: there are no webhooks.
    var webhookFinding: Finding? {
        guard let webhooks = settings?.webhooks, !webhooks.isEmpty else { return nil }
        do {
            for webhook in webhooks {
                _ = try webhook.endpoint(secret: webhook.secretText(ProcessInfo.processInfo.environment))
            }
        } catch {
            return .problem(
                "webhooks", "\(error)", do: "the server does not start without; fermata serve --help says more")
        }
        return .ok("webhooks", webhooks.map(\.name).joined(separator: ", ") + ": their secrets can be read")
    }

    /// Of the default model, and of each provider of the configuration.
    func modelFindings(default serverDefault: String?) async -> [Finding] {
        let environment = ProcessInfo.processInfo.environment
        var findings: [Finding] = []
        let models: ModelEnvironment
        do {
            models = try settings?.models(environment, needsKeys: false).models ?? ModelEnvironment(environment)
        } catch {
            return [.problem("model", "\(error)", do: "write the key into it, or set LLM_API_KEY")]
        }
        findings.append(await ModelCheck(models, check: "model").finding(default: serverDefault))
        for provider in settings?.providers ?? [] {
            do {
                _ = try provider.provider(environment)
                findings.append(await ModelCheck(models, check: "provider").finding(provider: provider.name))
            } catch {
                findings.append(
                    .problem("provider", "\(error)", do: "the server does not start without; put the key there"))
            }
        }
        return findings
    }
}
