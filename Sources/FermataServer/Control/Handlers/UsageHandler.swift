internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// What model calls have used, out of the events with which they ended.
struct UsageHandler: FrameHandler {
    let runs: RunLookUp
    let readers: ReaderPool

    /// A page looks at no more events than these, of whatever kind, and reads no more bytes of them, about.
    private static let eventsOfPage: UInt64 = 50_000
    private static let bytesOfPage = 8 << 20

    var routes: [Route] { [.read(getUsage)] }

    private func getUsage(
        _ get: FermataGetUsage, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard !get.run.isEmpty else { return try page(of: nil, get, exchange, complete) }
        try runs.find(get.run, for: complete) { run in try page(of: run, get, exchange, complete) }
    }

    private func page(
        of run: RunID?, _ get: FermataGetUsage, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws(Refusal) {
        try readers.answerPage(complete) { reader in
            // It may have waited for long behind others.
            if exchange.isGone { throw Refusal.nobodyThere }
            return try Self.page(of: run, get, reader)
        }
    }

    private static func page(
        of run: RunID?, _ get: FermataGetUsage, _ reader: any JournalReading
    ) throws -> FermataGetUsageReply {
        let last = try run.map { try reader.lastSeq(of: $0.journaled) } ?? reader.lastOffset()
        if let run, last == 0 { throw Refusal(.noSuchRun, "there is no run \(run)") }
        let end = min(last, get.after.addingReportingOverflow(eventsOfPage).partialValue)
        var sums = Sums(get)
        var (after, bytes) = (get.after, 0)
        while after < end, bytes < bytesOfPage {
            let rows = try reader.events(
                ofKinds: FermataEvent.endsOfModelCalls, of: run?.journaled, after: after, through: end,
                maxBytes: 1 << 20, maxCount: 4096)
            for row in rows {
                bytes += row.body.count
                try sums.add(row, reader)
            }
            guard let lastRow = rows.last else {
                after = end
                break
            }
            after = run == nil ? lastRow.offset : lastRow.seq
        }
        return .with {
            $0.rows = sums.rows
            $0.next = after < last ? after : 0
        }
    }

    /// A page's sums.
    private struct Sums {
        private struct Key: Hashable {
            let run: JournalRunID
            let model: String
            let day: Int64
        }

        /// What is to be known of a run.
        private struct Facts {
            let agent: String
            /// As it is now: for events that do not name theirs.
            let model: String
            /// Events up to here were copied from elsewhere.
            let copied: UInt64
        }

        private let get: FermataGetUsage
        private var order: [Key] = []
        private var sums: [Key: FermataUsage] = [:]
        private var facts: [JournalRunID: Facts] = [:]

        init(_ get: FermataGetUsage) { self.get = get }

        var rows: [FermataUsageRow] {
            order.map { key in
                .with {
                    $0.run = RunID(key.run).description
                    $0.agent = facts[key.run]?.agent ?? ""
                    $0.model = key.model
                    $0.dayAt = key.day
                    $0.usage = sums[key] ?? .init()
                }
            }
        }

        mutating func add(_ row: EventRow, _ reader: any JournalReading) throws {
            guard row.at >= get.sinceAt, get.untilAt == 0 || row.at < get.untilAt else { return }
            let facts = try facts(of: row.run, reader)
            guard row.seq > facts.copied, get.agent.isEmpty || get.agent == facts.agent else { return }
            guard let used = try FermataEvent(row).usedByModel else { return }
            let day: Int64 = 86_400_000_000
            let key = Key(
                run: row.run, model: used.model.isEmpty ? facts.model : used.model,
                day: row.at - (row.at % day + day) % day)
            if sums[key] == nil { order.append(key) }
            sums[key, default: .init()].add(used.usage)
        }

        private mutating func facts(of run: JournalRunID, _ reader: any JournalReading) throws -> Facts {
            if let known = facts[run] { return known }
            let summary = try reader.run(run).map { try FermataRunSummary(serializedBytes: $0.summary) } ?? .init()
            var copied: UInt64 = 0
            if summary.hasInherited || !summary.source.isEmpty {
                // Of a fork and of an import.
                let marks = try reader.events(
                    ofKinds: FermataEvent.endsOfCopies, of: run, after: 0, through: .max, maxBytes: .max,
                    maxCount: .max)
                copied = marks.last?.seq ?? 0
            }
            let found = Facts(agent: summary.agent, model: summary.model, copied: copied)
            facts[run] = found
            return found
        }
    }
}
