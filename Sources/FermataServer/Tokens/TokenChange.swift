internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import OpenSSL
internal import SwiftProtobuf

/// A CreateToken or a RevokeToken, decoded and checked.
struct TokenChange: Sendable {
    enum Change: Sendable {
        case create(TokenRow)
        case revoke(id: String)
    }

    let change: Change
    let identity: RunLoop.CommandIdentity
}

/// Tokens change through the loop as runs do, so that a request id stands for one change whatever happens.
extension RunLoop {
    func handle(_ command: TokenChange) {
        switch command.change {
        case .create(let row):
            batch.tokens[row.id] = row
            let reply = FermataCreateTokenReply.with { $0.token = FermataToken(row) }
            remember(command.identity, try! reply.serializedBytes())
        case .revoke(let id):
            guard var row = batch.tokens[id] ?? accessTokens[id] else {
                let refusal = Refusal(.noSuchToken, "there is no token of this id")
                batch.replies.append { command.identity.reply(.failure($0 ? refusal : .notWritten)) }
                return
            }
            let isChanged = row.revokedAt == nil
            if isChanged {
                row.revokedAt = Clock.now
                batch.tokens[id] = row
            }
            let reply = FermataRevokeTokenReply.with {
                $0.token = FermataToken(row)
                $0.changed = isChanged
            }
            remember(command.identity, try! reply.serializedBytes())
        }
    }
}
