internal import FermataProtocol
internal import RunRows

/// Tokens that answer one ask each, for who knows nothing else of the run: made from the run and the ask's number, and
/// good for as long as the ask is open. The ask of a fork has a token of its own, because the fork is another run; the
/// ask of a run that came from another server has another one, because the key is another. `fat_`, then 16 bytes of run
/// and 4 of number.
struct AskTokens: Sendable {
    let seal: TokenSeal
    private static let kind = TokenSeal.Kind(prefix: "fat_", domain: "fermata answer", length: 20)

    func token(run: RunID, ask: UInt32) -> String {
        seal.seal(run.bytes + (0..<4).map { UInt8(truncatingIfNeeded: ask >> (24 - 8 * $0)) }, as: Self.kind)
    }

    /// The ask that a token answers.
    ///
    /// - Throws: `Refusal` with code INVALID_TOKEN for what this server has not made.
    func ask(_ token: String) throws(Refusal) -> (run: RunID, number: UInt32) {
        guard let (bytes, isOurs) = seal.unseal(token, as: Self.kind), isOurs, let run = RunID(bytes: bytes[..<16])
        else { throw .invalidToken }
        return (run, bytes[16...].reduce(0) { $0 << 8 | UInt32($1) })
    }
}
