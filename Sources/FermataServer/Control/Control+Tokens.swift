internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Who a message is from, and the tokens that say so.
extension Control {
    /// Decides what the rest of the message may do.
    func authenticate(
        _ auth: FermataAuth, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard exchange.isAtBeginning else {
            throw Refusal(.invalidArgument, "an Auth frame begins its message, and there is one")
        }
        guard !auth.token.isEmpty else {
            exchange.access = .nobody
            return complete(.success([]))
        }
        guard let grant = accessTokens.grant(auth.token) else {
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

    /// What the message may do now: its token may have been revoked by one of its own frames.
    func access(of exchange: Exchange) -> Access {
        guard case .token(let grant) = exchange.access else { return exchange.access }
        return accessTokens.renewed(grant).map { .token($0) } ?? .refused
    }

    func createToken(
        _ create: FermataCreateToken, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let now = Clock.now
        func refusal(_ field: String, _ problem: String) -> Refusal {
            Refusal(.invalidArgument, "\(field) \(problem)", details: ["field": field])
        }
        guard FermataAgent.isName(create.name) else {
            return refuse(create, refusal("name", "must be 1 to 64 letters, digits, '-', '_' and '.'"), complete)
        }
        guard create.scope >= .read else {
            return refuse(create, refusal("scope", "is READ, OPERATE or ADMIN"), complete)
        }
        guard create.expiresAt == 0 || create.expiresAt > now else {
            return refuse(create, refusal("expires_at", "is not in the future"), complete)
        }
        guard create.expiresAt <= Run.latestTime else {
            return refuse(create, refusal("expires_at", "is later than the year 2255; 0 is never"), complete)
        }
        let id = RunID(microseconds: now, random: UInt64.random(in: 0...UInt64.max))
        let row = TokenRow(
            id: id.description, name: create.name, scope: Int32(create.scope.rawValue),
            sha256: AccessTokens.digest(of: accessTokens.secret(of: id)), createdAt: now,
            expiresAt: create.expiresAt == 0 ? nil : create.expiresAt, revokedAt: nil,
            by: create.by.isEmpty ? exchange.sender : create.by)
        let identity = try identity(of: create) { [accessTokens] result in
            complete(result.map { accessTokens.adding(secretTo: $0) })
        }
        loop.inbox.put(.token(TokenCommand(change: .create(row), identity: identity)))
    }

    func revokeToken(
        _ revoke: FermataRevokeToken, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        loop.inbox.put(
            .token(TokenCommand(change: .revoke(id: revoke.id), identity: try identity(of: revoke, complete))))
    }

    func listTokens(_ list: FermataListTokens, _ complete: @escaping Exchange.Completion) throws {
        let limit = Control.rows(list.limit)
        guard list.after.isEmpty || RunID(list.after) != nil else { throw Refusal.badCursor }
        let page = accessTokens.page(after: list.after, limit: limit)
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
