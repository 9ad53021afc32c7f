internal import FermataProtocol
internal import Logging
internal import Models
internal import Secrets
internal import Synchronization

/// Which client answers for a model's name: clients live as long as the server.
final class ModelCatalogue: Sendable {
    private let environment: ModelEnvironment
    private let silence: Duration
    private let secrets: SecretTable
    private let prices: Prices
    private let scripted: ScriptedModel
    private let clients = Mutex<[ModelTarget.Endpoint: HTTPModel]>([:])
    /// What names come to: a model call asks for it several times, on the loop's thread as well.
    private let resolved = Mutex<[Name: Resolved]>([:])
    /// Of each provider at each of its addresses.
    private let gates = Mutex<[Place: ProviderGate]>([:])
    private let wake = Mutex<@Sendable () -> Void>({})
    /// Servers that were found to be LiteLLM's proxy and are not configured as one.
    private let proxies = Mutex<Set<String>>([])
    private let logger: Logger

    /// Names are what users say: so many are kept.
    private static let mostResolved = 256

    private struct Name: Hashable {
        let model: String
        let baseURL: String
    }

    private struct Resolved: Sendable {
        let target: ModelTarget
        let info: ModelInfo?
        let form: ModelHistory.Form
        let gate: ProviderGate?
    }

    private struct Place: Hashable {
        let provider: String
        let address: String
    }

    init(
        _ environment: ModelEnvironment, silence: Duration, secrets: SecretTable, prices: Prices, logger: Logger
    ) {
        self.logger = logger
        self.environment = environment
        self.silence = silence
        self.secrets = secrets
        self.prices = prices
        scripted = ScriptedModel(silenceLimit: silence)
    }

    /// What stays the same for as long as the server runs.
    private func resolve(_ name: String, at baseURL: String) throws(ModelNameError) -> Resolved {
        let key = Name(model: name, baseURL: baseURL)
        if let known = resolved.withLock({ $0[key] }) { return known }
        let target = try environment.resolve(name, at: baseURL)
        let found: Resolved
        switch target {
        case .scripted(let file):
            let origin = ModelOrigin(api: "script", provider: "mock", model: file)
            found = Resolved(target: target, info: nil, form: .plain(origin), gate: nil)
        case .http(let endpoint):
            let info = prices.info(of: name)
            var profile = endpoint.profile
            profile.seesImages = info?.seesImages ?? true
            found = Resolved(
                target: target, info: info, form: .json(profile, endpoint.origin), gate: gate(of: endpoint))
        }
        resolved.withLock { resolved in
            if resolved.count >= Self.mostResolved { resolved = [:] }
            resolved[key] = found
        }
        return found
    }

    /// - Throws: UNKNOWN_MODEL or MISSING_KEY, with what to do about it.
    ///
    /// - Parameters:
    ///   - baseURL: of the model's server; empty: as the environment says.
    ///   - field: that has the name.
    func check(_ name: String, at baseURL: String = "", field: String = "model") throws(Refusal) {
        do {
            _ = try resolve(name, at: baseURL)
        } catch {
            let code: ErrorCode =
                switch error.kind {
                case .missingKey: .missingKey
                case .badBaseURL where !baseURL.isEmpty: .invalidArgument
                default: .unknownModel
                }
            throw Refusal(code, error.description, details: ["field": field])
        }
    }

    /// What calls of a model have to pass; nil: nothing, as it is asked in this process, or nobody knows where.
    func gate(of name: String, at baseURL: String) -> ProviderGate? { (try? resolve(name, at: baseURL))?.gate }

    private func gate(of endpoint: ModelTarget.Endpoint) -> ProviderGate {
        gates.withLock { gates in
            let place = Place(provider: endpoint.provider, address: endpoint.baseURL)
            if let gate = gates[place] { return gate }
            let limits = environment.providers.first { $0.name == endpoint.provider }?.limits
            let gate = ProviderGate(
                "\(endpoint.provider) at \(endpoint.address)", limits ?? ModelLimits(), logger: logger,
                wake: { [self] in wake.withLock { $0 }() })
            gates[place] = gate
            return gate
        }
    }

    func whenProvidersHaveRoom(_ wake: @escaping @Sendable () -> Void) { self.wake.withLock { $0 = wake } }

    /// Whether a model is asked over a connection, and not in this process.
    func needsConnection(_ name: String, at baseURL: String) -> Bool {
        if case .scripted? = (try? resolve(name, at: baseURL))?.target { false } else { true }
    }

    /// How a model's history is to be kept.
    ///
    /// - Parameter showsImages: false: its server has refused some, or a file, so it is told of them in words.
    func historyForm(of name: String, at baseURL: String, showsImages: Bool = true) -> ModelHistory.Form {
        // One that is not known is asked all the same, and says what is wrong.
        let form =
            (try? resolve(name, at: baseURL))?.form
            ?? .json(ModelProfile(), ModelOrigin(api: "chat", provider: "", model: name))
        guard !showsImages, case .json(var profile, let origin) = form else { return form }
        profile.seesImages = false
        profile.takesFiles = false
        return .json(profile, origin)
    }

    /// Starts a call; `request.model` is filled in. May throw at once what `onEnd` would say.
    func start(
        _ request: ModelRequest, of name: String, at baseURL: String, onPiece: @escaping @Sendable (ModelPiece) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) throws(ModelFailure) -> any ModelCall {
        var request = request
        let found: Resolved
        do {
            found = try resolve(name, at: baseURL)
        } catch {
            // The server was restarted without what the run was launched with.
            throw ModelFailure(kind: .authentication, message: error.description, retryable: false)
        }
        switch found.target {
        case .scripted(let file):
            request.model = file
            return scripted.start(request, onPiece: onPiece, onEnd: onEnd)
        case .http(let endpoint):
            request.model = endpoint.model
            request.info = found.info
            return try client(of: endpoint).start(request, onPiece: onPiece, onEnd: onEnd)
        }
    }

    private func client(of endpoint: ModelTarget.Endpoint) throws(ModelFailure) -> HTTPModel {
        try clients.withLock { (clients) throws(ModelFailure) in
            if let client = clients[endpoint] { return client }
            let client = try HTTPModel(
                baseURL: endpoint.baseURL, key: endpoint.key, profile: endpoint.profile,
                headers: endpoint.extraHeaders, silence: silence, secrets: secrets,
                onLiteLLM: { [weak self] in self?.noteLiteLLM(endpoint) })
            clients[endpoint] = client
            return client
        }
    }

    /// Once for each server. What models are sent stays as it is: that is for its operator to say.
    private func noteLiteLLM(_ endpoint: ModelTarget.Endpoint) {
        guard !endpoint.profile.isLiteLLM, proxies.withLock({ $0.insert(endpoint.address).inserted }) else { return }
        logger.warning(
            "a model's server is a LiteLLM proxy: with 'like: litellm_proxy' in providers, reasoning goes back through it",
            metadata: ["provider": "\(endpoint.provider)", "address": "\(endpoint.address)"])
    }
}
