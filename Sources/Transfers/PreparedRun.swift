package import FermataCore
package import FermataProtocol
package import Journal
internal import RunRows
internal import SwiftProtobuf

/// The journal of a run that was written elsewhere, as rows, and what it folds to: all that the loop does not have to do
/// itself when it makes it a run here.
package struct PreparedRun: Sendable {
    package private(set) var run: Run
    package private(set) var events: [NewEvent] = []
    package private(set) var asks: [AskRow] = []
    /// The blobs that its events name.
    package private(set) var blobUses: [BlobUse] = []
    /// Those of them that came with it.
    package var blobs: [BlobRow] = []
    /// To be stored unless there is an agent of its name.
    package var agent: FermataAgent?
    /// The run that is here already ends with this event, and goes on with these; 0: no run of this id may be here.
    package private(set) var localSeq: UInt64 = 0

    package init(id: RunID) { run = Run(id: id) }

    /// - Parameter event: the next, and of this run.
    package mutating func append(_ event: FermataEvent) {
        run.apply(event)
        events.append(NewEvent(event, of: run.id))
        blobUses += event.blobUses(of: run.id)
        switch event.kind {
        case .askOpened(let opened): asks.append(AskRow(opened, at: event.at, of: run))
        case .askAnswered(let answer): close(answer.number)
        case .askClosed(let closed): close(closed.number)
        default: break
        }
    }

    /// Numbers of asks have no gap.
    private mutating func close(_ number: UInt32) {
        guard number > 0, number <= asks.count else { return }
        asks[Int(number) - 1].open = false
        asks[Int(number) - 1].due = nil
    }

    /// The run is here, was handed off, and comes home: only what followed is to be written.
    ///
    /// - Parameter seq: of the last event that is here.
    /// - Throws: RUN_EXISTS unless the journal that is here is the beginning of this one.
    package mutating func goOn(after seq: UInt64, in reader: any JournalReading) throws {
        guard seq <= events.count else { throw Refusal.runExists }
        var last: FermataEvent?
        try reader.forEachEvent(of: run.id.journaled, through: seq) { row in
            let event = try FermataEvent(row)
            let copy = events[Int(row.seq) - 1]
            guard row.at == copy.at, try row.body == copy.body || event.travelling == FermataEvent(copy).travelling
            else { throw Refusal.runExists }
            last = event
        }
        guard case .handedOff = last?.kind else { throw Refusal.runExists }
        events.removeFirst(Int(seq))
        blobUses.removeAll { $0.seq <= seq }
        localSeq = seq
    }

}

extension Refusal {
    package static let runExists = Refusal(
        .runExists, "a run of this id is here already, and the checkpoint is not the rest of its journal")
}
