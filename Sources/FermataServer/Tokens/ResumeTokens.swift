internal import FermataProtocol
internal import Journal
internal import OpenSSL
internal import RunRows

/// Tokens that lift one hold each: made from the run and the command that set the hold, so that a repeat of the command
/// gets the same token. The journal has its SHA-256. `frt_`, then 16 bytes of run and 8 that name the command.
struct ResumeTokens: Sendable {
    let seal: TokenSeal
    private static let kind = TokenSeal.Kind(prefix: "frt_", domain: "fermata resume", length: 24)

    /// The token of the hold that this command sets.
    func token(run: RunID, request: RequestID) -> String {
        seal.seal(run.bytes + sha256(request.high.bytes + request.low.bytes).prefix(8), as: Self.kind)
    }

    /// What a token says of itself.
    struct Claim {
        let run: RunID
        /// This server made it.
        let isOurs: Bool
        /// What the journal knows it by.
        let digest: [UInt8]
    }

    /// - Throws: `Refusal` with code INVALID_TOKEN for what is no token at all.
    func claim(_ token: String) throws(Refusal) -> Claim {
        guard let (bytes, isOurs) = seal.unseal(token, as: Self.kind), let run = RunID(bytes: bytes[..<16]) else {
            throw .invalidToken
        }
        return Claim(run: run, isOurs: isOurs, digest: Self.digest(of: token))
    }

    static func digest(of token: String) -> [UInt8] { sha256(Array(token.utf8)) }
}
