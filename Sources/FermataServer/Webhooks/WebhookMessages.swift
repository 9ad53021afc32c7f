internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// Which messages an input's events make, and for whom.
struct WebhookMessages: Sendable {
    let endpoints: [WebhookEndpoint]

    /// The messages of one input's events, to be written with them. Events that were copied from another journal make
    /// none: they happened elsewhere.
    ///
    /// - Parameters:
    ///   - change: of the run's status, from before the input to after it; nil if it stayed.
    ///   - now: µs of the steady clock: they are due at once, whatever their events are stamped with.
    func rows(of events: [FermataEvent], _ change: StatusChange?, run: Run, now: Int64) -> [OutboxRow] {
        guard !endpoints.isEmpty else { return [] }
        var rows: [OutboxRow] = []
        for endpoint in endpoints where endpoint.agents.isEmpty || endpoint.agents.contains(run.spec.agent) {
            func add(_ seq: UInt64, _ kind: OutboxKind, _ body: [UInt8]) {
                let key = OutboxKey(endpoint: endpoint.name, run: run.id.journaled, seq: seq, kind: kind.rawValue)
                rows.append(OutboxRow(key: key, at: now, body: body))
            }
            if endpoint.wantsAsks {
                let last = (events.last?.seq ?? 0).bytes
                for event in events where event.isOfAsk { add(event.seq, .ask, last) }
            }
            if endpoint.wantsStatuses, let change, let last = events.last,
                endpoint.statuses.isEmpty || endpoint.statuses.contains(change.after.status)
            {
                add(last.seq, .status, Self.body(of: change))
            }
        }
        return rows
    }

    /// The run as it was then: what its events say would have to be folded again for each attempt.
    private static func body(of change: StatusChange) -> [UInt8] {
        let message = FermataStatusChanged.with {
            $0.run = change.after.run.summary
            $0.before = change.before
            // The text belongs to the turn's end; while it goes on it would be in every message.
            if $0.run.status != .finished { $0.run.lastMessage = "" }
        }
        return try! message.serializedBytes()
    }
}

extension FermataEvent {
    fileprivate var isOfAsk: Bool {
        switch kind {
        case .askOpened, .askAnswered, .askClosed: true
        default: false
        }
    }
}
