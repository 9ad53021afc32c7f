package import FermataCore
package import FermataProtocol
package import Journal
internal import SwiftProtobuf

/// A run as the journal has it.
package struct JournaledRun: Sendable {
    /// Events after which a run gets a new snapshot: reading and folding as many takes a millisecond or two.
    package static let snapshotInterval: UInt64 = 200

    package var run: Run
    /// The last event that is in the run's snapshot; 0 if there is none that can be used.
    package var snapshotSeq: UInt64 = 0

    /// Reads a run: its snapshot and the events after that, or all its events. The snapshot is a cache: one that does
    /// not fit the journal in every respect is left alone.
    package init(id: RunID, from reader: any JournalReading) throws {
        if let recent = try Self.recent(id, reader) {
            self = recent
        } else {
            run = Run(id: id)
        }
        try run.fold(after: run.seq, through: .max, from: reader)
    }

    /// Whether reading the run takes a few milliseconds at most, as far as its snapshot can be used.
    package static func isQuicklyRead(_ id: RunID, from reader: any JournalReading) -> Bool {
        guard let last = try? reader.lastSeq(of: id.journaled) else { return true }
        let few = 2 * snapshotInterval
        if last <= few { return true }
        guard let row = try? reader.snapshot(of: id.journaled) else { return false }
        return row.format == Run.snapshotFormat && row.seq <= last && last - row.seq <= few
    }

    /// The run after its snapshot and what followed, up to its row; nil if these do not agree.
    private static func recent(_ id: RunID, _ reader: any JournalReading) throws -> JournaledRun? {
        // Damage in the table of snapshots is none of the run's.
        guard let row = try? reader.snapshot(of: id.journaled), row.format == Run.snapshotFormat,
            var run = Run(id: id, snapshot: row.body), run.seq == row.seq,
            let kept = try reader.run(id.journaled), row.seq <= kept.lastSeq
        else { return nil }
        try run.fold(after: run.seq, through: kept.lastSeq, from: reader)
        guard try run.summary.serializedBytes() == kept.summary else { return nil }
        return JournaledRun(run: run, snapshotSeq: row.seq)
    }

    private init(run: Run, snapshotSeq: UInt64) {
        self.run = run
        self.snapshotSeq = snapshotSeq
    }
}

extension Run {
    fileprivate mutating func fold(after seq: UInt64, through last: UInt64, from reader: any JournalReading) throws {
        try reader.forEachEvent(of: id.journaled, from: seq + 1, through: last) { row in
            apply(try FermataEvent(row))
        }
    }
}
