internal import Curl
internal import FermataProtocol
internal import Foundation
internal import Models
internal import Synchronization

/// Whether models' servers can be reached, and take their keys.
struct ModelCheck {
    private let environment: ModelEnvironment
    private let check: String

    /// - Parameter check: what findings are called.
    init(_ environment: ModelEnvironment, check: String) {
        self.environment = environment
        self.check = check
    }

    /// Of the default model.
    ///
    /// - Parameter serverDefault: what the running server uses, where nothing here names a model.
    func finding(default serverDefault: String?) async -> Finding {
        let model = environment.defaultModel.isEmpty ? serverDefault ?? "" : environment.defaultModel
        guard !model.isEmpty else {
            return .warning(
                check, "no default model is set",
                do: "set LLM_MODEL=provider/model for the server, or name one at launch")
        }
        do {
            switch try environment.resolve(model) {
            case .scripted(let file):
                return access(file, R_OK) == 0
                    ? .ok(check, "\(model), a script")
                    : .problem(check, "\(model): the script cannot be read", do: "check the file's path")
            case .http(let endpoint): return await ask(endpoint, "\(model): \(endpoint)")
            }
        } catch {
            return error.kind == .missingKey
                ? .warning(check, "\(model): \(error)", do: "set it here as well, to have the model looked at")
                : .problem(check, "\(model): \(error)", do: "name it provider/model, or set LLM_BASE_URL")
        }
    }

    /// Of a provider of the configuration.
    func finding(provider name: String) async -> Finding {
        do {
            guard case .http(let endpoint) = try environment.resolve("\(name)/-") else {
                return .ok(check, name)
            }
            return await ask(endpoint, "\(name) at \(endpoint.address)")
        } catch {
            return .problem(check, "\(name): \(error)", do: "correct its entry in providers")
        }
    }

    /// Asks for the list of models: it needs the key and costs nothing.
    ///
    /// - Parameter text: what is asked; it shows nothing of what a URL may hold of a user and a password.
    private func ask(_ endpoint: ModelTarget.Endpoint, _ text: String) async -> Finding {
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
        switch result {
        case .success(let completion):
            let isLiteLLM = await isLiteLLM(endpoint, completion.response)
            let finding = judge(
                completion.response.status, "\(text), \(took) ms" + (isLiteLLM ? ", a LiteLLM proxy" : ""),
                hasKey: !endpoint.key.isEmpty)
            guard isLiteLLM, !endpoint.profile.isLiteLLM, finding.level == .ok else { return finding }
            return .warning(
                check, finding.text,
                do: "give it 'like: litellm_proxy' in providers: then reasoning goes back to the models behind it")
        case .failure(let error): return judge(error, text)
        }
    }

    /// Whether the server is LiteLLM's proxy. Its list of models does not say so: it is asked whether it lives, which needs no
    /// key. A provider at its own address is not asked.
    private func isLiteLLM(_ endpoint: ModelTarget.Endpoint, _ response: CurlResponse) async -> Bool {
        if LiteLLM.isSender(of: response.headers) { return true }
        guard let url = endpoint.liteLLMURL, let session = try? CurlSession() else { return false }
        let request = CurlRequest(
            url: url,
            timeouts: CurlTimeouts(
                connect: .seconds(5), firstByte: .seconds(5), silence: .seconds(5), total: .seconds(10)),
            maximumBodyBytes: 64 << 10)
        let body = Mutex([UInt8]())
        let result = await withCheckedContinuation { continuation in
            session.start(
                request, onData: { bytes, _ in body.withLock { $0 += bytes } },
                onEnd: { continuation.resume(returning: $0) })
        }
        await onThread { session.close() }
        guard let answer = try? result.get().response else { return false }
        if LiteLLM.isSender(of: answer.headers) { return true }
        let text = String(decoding: body.withLock { $0 }, as: UTF8.self)
        return answer.status == 200 && text.trimmingCharacters(in: .whitespacesAndNewlines) == #""I'm alive!""#
    }

    private func judge(_ status: Int, _ text: String, hasKey: Bool) -> Finding {
        switch status {
        case 200..<300: .ok(check, "\(text), HTTP \(status)\(hasKey ? " with the key" : "")")
        case 401, 403:
            .problem(
                check, "\(text), HTTP \(status): \(hasKey ? "the key is refused" : "it wants a key")",
                do: "set LLM_API_KEY, the provider's own variable or its key in providers to one that is valid")
        // Not every server has a list of models; it was reached all the same.
        case 404, 405: .ok(check, "\(text), reached; it has no list of models (HTTP \(status))")
        case 429: .warning(check, "\(text), HTTP 429: it limits the rate", do: "wait, or raise the account's limits")
        default: .warning(check, "\(text), HTTP \(status)", do: "see what the model's server says; runs may fail")
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
            case 5, 6: "check its base URL, the proxy's variables and /etc/resolv.conf"
            case 60, 77: "install ca-certificates; is the server's certificate valid?"
            default: "check its base URL, and whether a proxy or a firewall is between"
            }
        return .problem(check, "\(text): \(what): \(error)", do: remedy)
    }
}
