internal import FermataProtocol
internal import Journal
internal import SwiftProtobuf

/// A request id is a UUID like a run's, of the client's choice.
typealias RequestID = JournalRequestID

extension RunID {
    var journaled: JournalRunID { JournalRunID(high: high, low: low) }

    init(_ journaled: JournalRunID) { self.init(high: journaled.high, low: journaled.low) }
}

extension JournalRequestID {
    /// Reads a UUID's text form.
    init?(_ text: String) {
        guard let id = RunID(text) else { return nil }
        self.init(high: id.high, low: id.low)
    }
}

extension FermataEvent {
    /// An event as it was journaled: what the columns hold is not in the body.
    init(_ row: EventRow) throws {
        try self.init(NewEvent(row))
        offset = row.offset
    }

    /// The same without an offset.
    init(_ event: NewEvent) throws {
        try self.init(serializedBytes: event.body)
        run = RunID(event.run).description
        seq = event.seq
        at = event.at
    }
}

extension Repeat {
    init(_ row: RequestRow) { self.init(digest: UInt64(bytes: row.digest), reply: row.reply) }
}
