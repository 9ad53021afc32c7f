internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Who a message is from, and the tokens that say so.
struct TokenHandler: FrameHandler {
    let entry: CommandEntry
    let tokens: AccessTokens

    var routes: [Route] {
        [.read(authenticate), .command(entry, createToken), .command(entry, revokeToken), .read(listTokens)]
    }

    /// Decides what the rest of the message may do.
    private func authenticate(
        _ auth: FermataAuth, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard exchange.isAtBeginning else {
            throw Refusal(.invalidArgument, "an Auth frame begins its message, and there is one")
        }
        guard !auth.token.isEmpty else {
            exchange.access = .nobody
            return complete(.success([]))
        }
        guard let grant = tokens.grant(auth.token) else {
            exchange.access = .refused
            throw Refusal.unauthenticated
        }
        exchange.access = .token(grant)
        complete(
            Result {
                try FermataAuthReply.with {
                    $0.scope = grant.scope
                    $0.name = grant.name
                }.serializedBytes()
            })
    }

    private func createToken(
        _ create: FermataCreateToken, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let now = Clock.now
        func refusal(_ field: String, _ problem: String) -> Refusal {
            Refusal(.invalidArgument, "\(field) \(problem)", details: ["field": field])
        }
        guard FermataAgent.isName(create.name) else {
            throw refusal("name", "must be 1 to 64 letters, digits, '-', '_' and '.'")
        }
        guard create.scope >= .read else {
            throw refusal("scope", "is READ, OPERATE or ADMIN")
        }
        guard create.expiresAt == 0 || create.expiresAt > now else {
            throw refusal("expires_at", "is not in the future")
        }
        guard create.expiresAt <= Run.latestTime else {
            throw refusal("expires_at", "is later than the year 2255; 0 is never")
        }
        let id = RunID(microseconds: now, random: UInt64.random(in: 0...UInt64.max))
        let row = TokenRow(
            id: id.description, name: create.name, scope: Int32(create.scope.rawValue),
            sha256: AccessTokens.digest(of: tokens.secret(of: id)), createdAt: now,
            expiresAt: create.expiresAt == 0 ? nil : create.expiresAt, revokedAt: nil,
            by: exchange.author(of: create))
        let identity = try entry.identity(of: create) { [tokens] result in
            complete(result.map { tokens.adding(secretTo: $0) })
        }
        entry.inbox.put(.token(TokenChange(change: .create(row), identity: identity)))
    }

    private func revokeToken(
        _ revoke: FermataRevokeToken, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        entry.inbox.put(
            .token(TokenChange(change: .revoke(id: revoke.id), identity: try entry.identity(of: revoke, complete))))
    }

    private func listTokens(
        _ list: FermataListTokens, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let limit = Page.rows(list.limit)
        guard list.after.isEmpty || RunID(list.after) != nil else { throw Refusal.badCursor }
        let page = tokens.page(after: list.after, limit: limit)
        complete(
            Result {
                try FermataListTokensReply.with {
                    $0.tokens = page.map { FermataToken($0) }
                    $0.next = page.count < limit ? "" : page.last?.id ?? ""
                }.serializedBytes()
            })
    }
}

extension AccessTokens {
    /// The reply with the secret in it. It is not remembered with it: a repeat makes it anew, unless the key is another
    /// one by then.
    fileprivate func adding(secretTo reply: [UInt8]) -> [UInt8] {
        guard let decoded = try? FermataCreateTokenReply(serializedBytes: reply), let id = RunID(decoded.token.id)
        else { return reply }
        let secret = secret(of: id)
        guard self[decoded.token.id]?.sha256 == Self.digest(of: secret),
            let addition: [UInt8] = try? FermataCreateTokenReply.with({ $0.secret = secret }).serializedBytes()
        else { return reply }
        // Encoded messages that follow each other are one message with the fields of both.
        return reply + addition
    }
}
