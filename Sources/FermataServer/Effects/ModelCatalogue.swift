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
    /// Of each provider at each of its addresses.
    private let gates = Mutex<[Place: ProviderGate]>([:])
    private let wake = Mutex<@Sendable () -> Void>({})
    private let logger: Logger

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

    /// - Throws: UNKNOWN_MODEL or MISSING_KEY, with what to do about it.
    ///
    /// - Parameter baseURL: of the model's server; empty: as the environment says.
    func check(_ name: String, at baseURL: String = "") throws(Refusal) {
        do {
            _ = try environment.resolve(name, at: baseURL)
        } catch {
            let code: ErrorCode =
                switch error.kind {
                case .missingKey: .missingKey
                case .badBaseURL where !baseURL.isEmpty: .invalidArgument
                default: .unknownModel
                }
            throw Refusal(code, error.description, details: ["field": "model"])
        }
    }

    /// What calls of a model have to pass; nil: nothing, as it is asked in this process, or nobody knows where.
    func gate(of name: String, at baseURL: String) -> ProviderGate? {
        guard case .http(let endpoint)? = try? environment.resolve(name, at: baseURL) else { return nil }
        let place = Place(provider: endpoint.provider, address: endpoint.baseURL)
        return gates.withLock { gates in
            if let gate = gates[place] { return gate }
            let limits = environment.providers.first { $0.name == endpoint.provider }?.limits
            let gate = ProviderGate(
                "\(endpoint.provider) at \(endpoint.address)", limits ?? ModelLimits(), logger: logger
            ) {
                [self] in wake.withLock { $0 }()
            }
            gates[place] = gate
            return gate
        }
    }

    func whenProvidersHaveRoom(_ wake: @escaping @Sendable () -> Void) { self.wake.withLock { $0 = wake } }

    /// Whether a model is asked over a connection, and not in this process.
    func needsConnection(_ name: String) -> Bool {
        if case .scripted = try? environment.resolve(name) { false } else { true }
    }

    /// How a model's history is to be kept.
    func historyForm(of name: String, at baseURL: String) -> ModelHistory.Form {
        switch try? environment.resolve(name, at: baseURL) {
        case .scripted(let file)?: .plain(ModelOrigin(api: "script", provider: "mock", model: file))
        case .http(let endpoint)?: .json(profile(of: name, endpoint), endpoint.origin)
        // It is asked all the same, and says what is wrong.
        case nil: .json(ModelProfile(), ModelOrigin(api: "chat", provider: "", model: name))
        }
    }

    private func profile(of name: String, _ endpoint: ModelTarget.Endpoint) -> ModelProfile {
        var profile = endpoint.profile
        profile.seesImages = prices.info(of: name)?.seesImages ?? true
        return profile
    }

    /// Starts a call; `request.model` is filled in. May throw at once what `onEnd` would say.
    func start(
        _ request: ModelRequest, of name: String, at baseURL: String, onPiece: @escaping @Sendable (ModelPiece) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) throws(ModelFailure) -> any ModelCall {
        var request = request
        let target: ModelTarget
        do {
            target = try environment.resolve(name, at: baseURL)
        } catch {
            // The server was restarted without what the run was launched with.
            throw ModelFailure(kind: .authentication, message: error.description, retryable: false)
        }
        switch target {
        case .scripted(let file):
            request.model = file
            return scripted.start(request, onPiece: onPiece, onEnd: onEnd)
        case .http(let endpoint):
            request.model = endpoint.model
            request.info = prices.info(of: name)
            return try client(of: endpoint).start(request, onPiece: onPiece, onEnd: onEnd)
        }
    }

    private func client(of endpoint: ModelTarget.Endpoint) throws(ModelFailure) -> HTTPModel {
        try clients.withLock { (clients) throws(ModelFailure) in
            if let client = clients[endpoint] { return client }
            let client = try HTTPModel(
                baseURL: endpoint.baseURL, key: endpoint.key, profile: endpoint.profile,
                headers: endpoint.extraHeaders, silence: silence, secrets: secrets)
            clients[endpoint] = client
            return client
        }
    }
}
