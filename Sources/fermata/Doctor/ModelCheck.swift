internal import Curl
internal import FermataProtocol
internal import Foundation
internal import Models

/// Whether the model's server can be reached, and takes the key.
struct ModelCheck {
    private let model: String
    private let environment: ModelEnvironment

    /// - Parameter serverDefault: what the running server uses, where nothing here names a model.
    init(_ variables: [String: String], default serverDefault: String?) {
        environment = ModelEnvironment(variables)
        model = environment.defaultModel.isEmpty ? serverDefault ?? "" : environment.defaultModel
    }

    func finding() async -> Finding {
        guard !model.isEmpty else {
            return .warning(
                "model", "no default model is set",
                do: "set LLM_MODEL=provider/model for the server, or name one at launch")
        }
        do {
            switch try environment.resolve(model) {
            case .scripted(let file):
                return access(file, R_OK) == 0
                    ? .ok("model", "\(model), a script")
                    : .problem("model", "\(model): the script cannot be read", do: "check the file's path")
            case .http(let endpoint): return await ask(endpoint)
            }
        } catch {
            return error.kind == .missingKey
                ? .warning("model", "\(model): \(error)", do: "set it here as well, to have the model looked at")
                : .problem("model", "\(model): \(error)", do: "name it provider/model, or set LLM_BASE_URL")
        }
    }

    /// Asks for the list of models: it needs the key and costs nothing.
    private func ask(_ endpoint: ModelTarget.Endpoint) async -> Finding {
        let request = CurlRequest(
            url: endpoint.listURL, headers: endpoint.headers,
            timeouts: CurlTimeouts(
                connect: .seconds(10), firstByte: .seconds(10), silence: .seconds(10), total: .seconds(20)),
            maximumBodyBytes: 16 << 20)
        let clock = ContinuousClock()
        let start = clock.now
        let result: Result<CurlCompletion, CurlError>
        do {
            let session = try CurlSession()
            result = await withCheckedContinuation { continuation in
                session.start(request) { continuation.resume(returning: $0) }
            }
            await onThread { session.close() }
        } catch { result = .failure(error) }
        let took = Follow.milliseconds(clock.now - start)
        // Its description leaves out what a URL may hold of a user and a password.
        let text = "\(model): \(endpoint)"
        switch result {
        case .success(let completion):
            return judge(completion.response.status, "\(text), \(took) ms", hasKey: !endpoint.key.isEmpty)
        case .failure(let error): return judge(error, text)
        }
    }

    private func judge(_ status: Int, _ text: String, hasKey: Bool) -> Finding {
        switch status {
        case 200..<300: .ok("model", "\(text), HTTP \(status)\(hasKey ? " with the key" : "")")
        case 401, 403:
            .problem(
                "model", "\(text), HTTP \(status): \(hasKey ? "the key is refused" : "it wants a key")",
                do: "set LLM_API_KEY, or the provider's own variable, to a key that is valid")
        // Not every server has a list of models; it was reached all the same.
        case 404, 405: .ok("model", "\(text), reached; it has no list of models (HTTP \(status))")
        case 429: .warning("model", "\(text), HTTP 429: it limits the rate", do: "wait, or raise the account's limits")
        default: .warning("model", "\(text), HTTP \(status)", do: "see what the model's server says; runs may fail")
        }
    }

    private func judge(_ error: CurlError, _ text: String) -> Finding {
        let what =
            switch error.code {
            case 5, 6: "its name is not found (DNS)"
            case 7: "nobody takes the connection"
            case 35, 51, 53, 54, 58, 59, 60, 77, 80, 82, 83, 90, 91: "TLS fails"
            default: "it does not answer"
            }
        let remedy =
            switch error.code {
            case 5, 6: "check LLM_BASE_URL, the proxy's variables and /etc/resolv.conf"
            case 60, 77: "install ca-certificates; is the server's certificate valid?"
            default: "check LLM_BASE_URL, and whether a proxy or a firewall is between"
            }
        return .problem("model", "\(text): \(what): \(error)", do: remedy)
    }
}
