extension JournalReading {
    /// The same without bounds on what one call gives but its size.
    public func events(of run: JournalRunID, after: UInt64, maxBytes: Int, maxCount: Int) throws(JournalError)
        -> [EventRow]
    {
        try events(of: run, after: after, through: .max, maxBytes: maxBytes, maxCount: maxCount)
    }

    /// Calls `body` with each event of a run, in order, from `first` up to and including `last`.
    ///
    /// Events are fetched in portions of about 256 KiB, and `body` runs between two read transactions: it may take its
    /// time, and use the reader.
    ///
    /// - Throws: a ``JournalError``, or what `body` throws.
    public func forEachEvent(
        of run: JournalRunID, from first: UInt64 = 1, through last: UInt64 = .max, _ body: (EventRow) throws -> Void
    ) throws {
        var after = first == 0 ? 0 : first - 1
        while after < last {
            let events = try events(of: run, after: after, through: last, maxBytes: 256 << 10, maxCount: 1024)
            guard let lastSeq = events.last?.seq else { return }
            for event in events { try body(event) }
            after = lastSeq
        }
    }
}
