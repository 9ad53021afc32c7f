internal import FermataProtocol
internal import Journal
internal import RunRows

/// Reads stored agents.
struct AgentLookUp: Sendable {
    let readers: ReaderPool

    /// - Parameter body: is given NO_SUCH_AGENT for a name of none, and nil for no name. Called here and now for that,
    ///   else on the thread that looks things up.
    func read(
        _ name: String, _ body: @escaping @Sendable (Result<FermataStoredAgent?, Refusal>) -> Void
    ) {
        guard !name.isEmpty else { return body(.success(nil)) }
        readers.lookUp { reader in
            body(
                Result {
                    guard FermataAgent.isName(name), let row = try reader.agent(name) else { throw Refusal.noSuchAgent }
                    return try FermataStoredAgent(row)
                })
        }
    }
}

extension Refusal {
    static let noSuchAgent = Refusal(.noSuchAgent, "no agent is stored under this name")
}
