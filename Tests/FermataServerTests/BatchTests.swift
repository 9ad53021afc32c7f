import FermataCore
import FermataProtocol
import Journal
import SwiftProtobuf
import Testing

@testable import FermataServer
import RunRows

@Suite struct BatchTests {
    private static let run = Run(id: RunID(microseconds: 1, random: 1))

    private func append(_ seq: UInt64, to batch: inout Batch) {
        var event = FermataEvent.with {
            $0.run = Self.run.id.description
            $0.seq = seq
            $0.at = 5
            $0.retried = .init()
        }
        batch.append(&event, of: Self.run)
    }

    /// Copied events, of which nobody is told, have offsets as well: those that are told of have the ones of their rows.
    @Test func eventsGetTheOffsetsOfTheirRows() throws {
        var batch = Batch()
        append(1, to: &batch)
        let copied = NewEvent(run: Self.run.id.journaled, seq: 7, at: 1, kind: 1, body: [])
        batch.rows += [copied, copied]
        append(2, to: &batch)
        append(3, to: &batch)
        #expect(batch.events.map(\.event.offset) == [0, 0, 0])
        batch.isCommitted(from: 41)
        #expect(batch.events.map(\.event.offset) == [41, 44, 45])
        #expect(batch.events.map(\.event.seq) == [1, 2, 3])
        // What is journaled of an event is the same whatever offset it gets, and says neither that nor what columns say.
        #expect(try FermataEvent(serializedBytes: batch.rows[0].body) == .with { $0.retried = .init() })
    }
}
