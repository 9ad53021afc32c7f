import Journal

/// Rows that fit a journal, one after the other.
struct Samples {
    /// The offset that the last event is to get.
    var offset: UInt64 = 0
    /// All events as the journal is to have them.
    private(set) var events: [EventRow] = []
    var seqs: [JournalRunID: UInt64] = [:]
    var rows: [JournalRunID: RunRow] = [:]

    static func run(_ number: UInt64) -> JournalRunID {
        JournalRunID(high: 0x0190_0000_0000_7000 + number << 16, low: 0x8000_0000_0000_0000 | number)
    }

    static func request(_ number: UInt64, at: Int64 = 0) -> RequestRow {
        RequestRow(
            id: JournalRequestID(high: number &* 0x9E37_79B9_7F4A_7C15, low: number),
            digest: [1, 2, UInt8(number & 255)],
            reply: [UInt8](repeating: UInt8(number & 255), count: 40), at: at)
    }

    mutating func event(_ run: JournalRunID, body: [UInt8] = [1, 2, 3]) -> NewEvent {
        offset += 1
        seqs[run, default: 0] += 1
        let event = NewEvent(
            run: run, seq: seqs[run]!, at: Int64(offset) * 1000, kind: Int32(offset % 7), body: body)
        events.append(EventRow(event, offset: offset))
        return event
    }

    /// The run's row after its last event.
    mutating func row(_ run: JournalRunID, _ change: (inout RunRow) -> Void = { _ in }) -> RunRow {
        var row =
            rows[run]
            ?? RunRow(
                run: run, summary: [], status: 1, active: false, due: nil, parent: nil, agent: "default",
                createdAt: Int64(run.high >> 16), updatedAt: 0, lastSeq: 0)
        row.lastSeq = seqs[run] ?? 0
        row.updatedAt = Int64(offset) * 1000
        row.summary = Array("summary \(row.lastSeq)".utf8)
        change(&row)
        rows[run] = row
        return row
    }

    /// A batch with so many events of one run, and its row.
    mutating func batch(_ run: JournalRunID, events count: Int = 2, _ change: (inout RunRow) -> Void = { _ in })
        -> JournalBatch
    {
        let events = (0..<count).map { _ in event(run) }
        return JournalBatch(events: events, runs: [row(run, change)])
    }
}
