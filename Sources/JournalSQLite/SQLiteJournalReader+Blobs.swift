public import Journal
internal import SQLite

/// Blobs, and which run names which.
extension SQLiteJournalReader {
    public func blob(_ sha256: [UInt8]) throws(JournalError) -> [UInt8]? {
        try rows("SELECT data FROM blobs WHERE sha256 = ?1", { try $0.bind(sha256, at: 1) }) { $0.blob(at: 0) }.first
    }

    public func blobHead(
        _ sha256: [UInt8], atMost count: Int
    ) throws(JournalError) -> (byteCount: Int, head: [UInt8])? {
        let sql = "SELECT length(data), substr(data, 1, ?2) FROM blobs WHERE sha256 = ?1"
        return try rows(
            sql,
            { statement in
                try statement.bind(sha256, at: 1)
                try statement.bind(Int64(max(0, count)), at: 2)
            }
        ) { (Int($0.int64(at: 0)), $0.blob(at: 1)) }.first
    }

    public func blobUses(of run: JournalRunID, through last: UInt64) throws(JournalError) -> [BlobUse] {
        let sql = "SELECT run, seq, sha256 FROM blob_uses WHERE run = ?1 AND seq <= ?2 ORDER BY seq, sha256"
        return try rows(
            sql,
            { statement in
                try statement.bind(run, at: 1)
                try statement.bind(Int64(clamping: last), at: 2)
            }
        ) { try $0.blobUse() }
    }
}
