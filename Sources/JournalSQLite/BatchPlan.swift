internal import Journal

/// Why a batch contradicts the journal or itself.
struct InvalidBatch: Error {
    let cause: String
}

/// What a batch does to each of its runs, checked as far as it can be without the store: seqs without gaps, and each
/// run's row after its last event.
struct BatchPlan {
    struct RunPart {
        /// The events of the run: none if `first` is greater than `last`.
        var first: UInt64 = 1
        var last: UInt64 = 0
        /// Index of the row that counts.
        var row: Int?
    }

    private(set) var runs: [JournalRunID: RunPart] = [:]

    init(_ batch: JournalBatch, lastOffset: UInt64) throws(InvalidBatch) {
        guard UInt64(batch.events.count) <= UInt64(Int64.max) - lastOffset else {
            throw InvalidBatch(cause: "\(batch.events.count) events after offset \(lastOffset)")
        }
        for event in batch.events {
            var part = runs[event.run] ?? RunPart()
            if part.last == 0 {
                part.first = event.seq
            } else if event.seq != part.last &+ 1 {
                throw InvalidBatch(cause: "event \(event.seq) of run \(event.run) after \(part.last)")
            }
            guard event.seq > 0, event.seq <= UInt64(Int64.max) else {
                throw InvalidBatch(cause: "event \(event.seq) of run \(event.run)")
            }
            part.last = event.seq
            runs[event.run] = part
        }
        for (index, row) in batch.runs.enumerated() { runs[row.run, default: RunPart()].row = index }
        for (run, part) in runs {
            guard let row = part.row else { throw InvalidBatch(cause: "events of run \(run) without its row") }
            guard part.last == 0 || batch.runs[row].lastSeq == part.last else {
                throw InvalidBatch(
                    cause: "the row of run \(run) ends at \(batch.runs[row].lastSeq), its events at \(part.last)")
            }
        }
    }
}
