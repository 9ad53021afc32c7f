import RunRows

/// Pages of lists.
enum Page {
    /// How many rows one has at most.
    static func rows(_ asked: UInt32) -> Int { asked == 0 ? 100 : min(Int(asked), 1000) }

    /// Reads the rows of a page by a few at a time: what they have together may be many times what a page may have.
    ///
    /// - Parameter each: takes a row into the page; its bytes and the cursor after it.
    /// - Returns: where the next page begins, if there may be one.
    static func read<Row, Cursor>(
        after: Cursor?, limit: Int, atOnce: Int, read: (Cursor?, Int) throws -> [Row],
        each take: (Row) throws -> (bytes: Int, cursor: Cursor)
    ) throws -> Cursor? {
        var (cursor, count, bytes) = (after, 0, 0)
        while count < limit {
            let wanted = min(limit - count, atOnce)
            let rows = try read(cursor, wanted)
            for row in rows {
                let taken = try take(row)
                bytes += taken.bytes
                count += 1
                cursor = taken.cursor
                if bytes > Configuration.pageBytes { return cursor }
            }
            if rows.count < wanted { return nil }
        }
        return cursor
    }
}
