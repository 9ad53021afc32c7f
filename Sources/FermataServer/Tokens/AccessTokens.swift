internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import OpenSSL
internal import RunRows
internal import Synchronization

/// The tokens by which clients say who they are, all of them in memory: to check one costs a digest.
///
/// A token's secret is made from its id, so that a repeat of the command that made it gets the same secret though no
/// place holds it: the store has its SHA-256. It all hangs on the file of the seal's key: who has that and a copy of the
/// store can make every secret. Without the key, secrets that were given stay valid. `fac_`, then 16 bytes of id.
///
/// Threads: any. The loop alone changes it, after the commit.
final class AccessTokens: Sendable {
    private static let kind = TokenSeal.Kind(prefix: "fac_", domain: "fermata access", length: 16)
    private let seal: TokenSeal
    private let rows = Mutex<[String: Known]>([:])

    private struct Known {
        let row: TokenRow
        /// When it expires, µs of the steady clock: setting the clock makes it valid neither longer nor shorter. After a
        /// start it is what the clock says then, and at most the whole of its time.
        let end: Int64?

        init(_ row: TokenRow) {
            self.row = row
            // Older servers took any number for a time.
            let createdAt = min(max(0, row.createdAt), Run.latestTime)
            end = row.expiresAt.map { Clock.steady + min(max(0, $0), Run.latestTime) - max(Clock.now, createdAt) }
        }

        init(_ row: TokenRow, end: Int64?) {
            (self.row, self.end) = (row, end)
        }
    }

    init(seal: TokenSeal) { self.seal = seal }

    /// Reads all of them; before anyone can ask.
    ///
    /// - Returns: whether the newest one was made with this server's key.
    func load(from reader: any JournalReading) throws -> Bool {
        var last: TokenRow?
        while true {
            let page = try reader.tokens(after: last?.id, limit: 1000)
            note(page)
            guard let end = page.last else { break }
            last = end
        }
        guard let last, let id = RunID(last.id) else { return true }
        return Self.digest(of: secret(of: id)) == last.sha256
    }

    /// These are in the journal now.
    func note(_ rows: [TokenRow]) {
        guard !rows.isEmpty else { return }
        self.rows.withLock { known in
            for row in rows {
                // A token's time is measured from when it was first seen, also when it is revoked.
                known[row.id] = known[row.id].map { Known(row, end: $0.end) } ?? Known(row)
            }
        }
    }

    subscript(_ id: String) -> TokenRow? { rows.withLock { $0[id]?.row } }

    /// A page in the order of ids, which is that of their making.
    func page(after id: String, limit: Int) -> [TokenRow] {
        let later = rows.withLock { $0.values.map(\.row).filter { $0.id > id } }
        return Array(later.sorted { $0.id < $1.id }.prefix(limit))
    }

    func secret(of id: RunID) -> String { seal.seal(id.bytes, as: Self.kind) }

    static func digest(of secret: String) -> [UInt8] { sha256(Array(secret.utf8)) }

    /// What a secret is good for now; nil if nothing, for whatever reason, in the same time for each.
    func grant(_ secret: String) -> Access.Grant? {
        let presented = Self.digest(of: secret)
        // Not only its own: a server that has another key now still takes what it gave.
        let row = seal.unseal(secret, as: Self.kind).flatMap { RunID(bytes: $0.bytes) }.flatMap { self[$0.description] }
        let isRight = isEqualInConstantTime(presented, row?.sha256 ?? [UInt8](repeating: 0, count: 32))
        guard let row, isRight else { return nil }
        return grant(of: row.id)
    }

    /// As it was granted, if it still is.
    func renewed(_ grant: Access.Grant) -> Access.Grant? { self.grant(of: grant.id) }

    private func grant(of id: String) -> Access.Grant? {
        guard let known = rows.withLock({ $0[id] }), known.row.revokedAt == nil,
            known.end.map({ $0 > Clock.steady }) ?? true, let scope = FermataScope(rawValue: Int(known.row.scope))
        else { return nil }
        let row = known.row
        return Access.Grant(id: row.id, name: row.name, scope: scope)
    }
}

extension FermataToken {
    init(_ row: TokenRow) {
        self.init()
        id = row.id
        name = row.name
        scope = FermataScope(rawValue: Int(row.scope)) ?? .unspecified
        createdAt = row.createdAt
        expiresAt = row.expiresAt ?? 0
        revokedAt = row.revokedAt ?? 0
        by = row.by
    }
}
