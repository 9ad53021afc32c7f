internal import Journal
internal import SQLite

extension SQLiteJournalWriter {
    /// Writes the rows of a batch inside the transaction.
    ///
    /// - Returns: `requestNumbers` and `chain` as they are when that is committed.
    func write(_ batch: JournalBatch, _ plan: BatchPlan) throws -> (requests: Range<Int64>, chain: UInt64) {
        var chain = chain
        for (_, part) in plan.runs {
            if let row = part.row { try write(batch.runs[row], part) }
        }
        for (index, event) in batch.events.enumerated() {
            chain = try statements.events.insert(event, at: lastOffset + 1 + UInt64(index), after: chain)
        }
        for ask in batch.asks { try write(ask) }
        for agent in batch.agents { try statements.upsert(agent) }
        for outcome in batch.outcomes { try statements.outbox.write(outcome) }
        for message in batch.outbox { try statements.outbox.write(message) }
        for tool in batch.tools { try statements.upsert(tool) }
        for change in batch.readyCalls { try statements.change(change) }
        for token in batch.tokens { try statements.upsert(token) }
        for blob in batch.blobs {
            guard blob.sha256.count == 32 else { throw InvalidBatch(cause: "a blob's digest is not 32 bytes") }
            try statements.insert(blob)
        }
        for use in batch.blobUses {
            guard plan.runs[use.run] != nil, use.sha256.count == 32 else {
                throw InvalidBatch(cause: "run \(use.run) names a blob, and is not in the batch")
            }
            try statements.insert(use)
        }
        return (try write(batch.requests), chain)
    }

    private func write(_ row: RunRow, _ part: BatchPlan.RunPart) throws {
        let first = part.last == 0 ? row.lastSeq &+ 1 : part.first
        if first > 1 {
            try statements.updateProgress(row, after: first - 1)
            if database.changes == 1 { return }
        }
        guard let known = try statements.find(row.run) else {
            guard part.last > 0, part.first == 1 else {
                throw InvalidBatch(
                    cause: part.last == 0
                        ? "a new run \(row.run) without events" : "event \(part.first) of new run \(row.run)")
            }
            try statements.insert(row)
            return
        }
        guard first == known.lastSeq + 1 else {
            throw InvalidBatch(
                cause: part.last == 0
                    ? "the row of run \(row.run) ends at \(row.lastSeq), its events at \(known.lastSeq)"
                    : "event \(part.first) of run \(row.run) after \(known.lastSeq)")
        }
        guard row.createdAt == known.createdAt else {
            throw InvalidBatch(cause: "run \(row.run) changes its time of creation")
        }
        try statements.update(row)
    }

    private func write(_ ask: AskRow) throws {
        if !ask.open, try statements.close(ask) { return }
        try statements.upsert(ask)
    }

    private func write(_ requests: [RequestRow]) throws -> Range<Int64> {
        guard !requests.isEmpty else { return requestNumbers }
        var numbers = requestNumbers
        for request in requests {
            try statements.insert(request, number: numbers.upperBound)
            numbers = numbers.lowerBound..<numbers.upperBound + 1
        }
        let excess = Int64(numbers.count) - journal.options.requestLimit
        guard excess > 0 else { return numbers }
        // At most twice what came, so that a lower limit than before does not become one long commit.
        let end = numbers.lowerBound + min(excess, 2 * Int64(requests.count))
        try statements.deleteRequests(before: end)
        return end..<numbers.upperBound
    }
}
