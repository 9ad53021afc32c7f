/// When a transaction takes its locks. See <https://sqlite.org/lang_transaction.html>.
public enum TransactionKind: Sendable, Hashable {
    /// At its first statement, for reading or writing as that one needs.
    case deferred
    /// For writing, at once.
    case immediate
}

enum TransactionVerb: Int, CaseIterable {
    case begin
    case beginImmediate
    case commit
    case rollback

    var sql: String {
        switch self {
        case .begin: "BEGIN"
        case .beginImmediate: "BEGIN IMMEDIATE"
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        }
    }
}

extension Database {
    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// - Throws: what `body` throws, or a ``SQLiteError`` of the beginning or the commit. After a commit that failed
    ///   the transaction is rolled back. Not to be nested.
    public func transaction<Result>(
        _ kind: TransactionKind = .immediate, _ body: () throws -> Result
    ) throws -> Result {
        try begin(kind)
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            rollback()
            throw error
        }
    }

    /// Begins a transaction by hand: for those who must tell an error of the work from one of the commit.
    public func begin(_ kind: TransactionKind) throws(SQLiteError) {
        try run(kind == .deferred ? .begin : .beginImmediate)
    }

    /// Commits. After an error the transaction may be open still: call ``rollback()``.
    public func commit() throws(SQLiteError) {
        try run(.commit)
    }

    /// Ends the transaction, if one is open, and undoes it.
    public func rollback() {
        guard !isInAutocommit else { return }
        // A rollback that fails has ended the transaction all the same, by SQLite's documentation.
        try? run(.rollback)
    }
}
