internal import FermataProtocol
internal import ModelClients

/// Which client answers for a model's name: the clients live as long as the server.
final class ModelCatalogue: Sendable {
    private let environment: ModelEnvironment
    private let scripted = ScriptedModel()

    init(_ environment: ModelEnvironment) {
        self.environment = environment
    }

    /// - Throws: UNKNOWN_MODEL or MISSING_KEY, with what to do about it.
    func check(_ name: String) throws(Refusal) {
    }

    func start(
        _ request: ModelRequest, of name: String, onText: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) throws(ModelFailure) -> any ModelCall {
        var request = request
        request.model = String(name.dropFirst(5))
        return scripted.start(request, onText: onText, onEnd: onEnd)
    }
}
