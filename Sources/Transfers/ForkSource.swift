internal import FermataCore
package import FermataProtocol
package import Journal
internal import RunRows
internal import SwiftProtobuf

/// The beginning of a journal, as a fork takes it.
package struct ForkSource: Sendable {
    package let prepared: PreparedRun
    /// The last event of the source that is in it.
    package let at: UInt64

    /// - Parameters:
    ///   - source: the run to take the beginning of.
    ///   - id: what the fork is to be called.
    /// - Throws: `Refusal` with code NO_SUCH_RUN, STALE, INVALID_CUT, NO_SUCH_MESSAGE or NO_SUCH_CALL.
    package init(_ fork: FermataFork, of source: RunID, as id: RunID, from reader: any JournalReading) throws {
        let last = try reader.lastSeq(of: source.journaled)
        guard last > 0 else { throw Refusal(.noSuchRun, "there is no run \(source)") }
        if fork.hasIfSeq, fork.ifSeq != last {
            throw Refusal(
                .stale, "the run is at seq \(last), the command was made for seq \(fork.ifSeq)",
                details: ["seq": String(last)])
        }
        var points = CutPoints(source)
        try reader.forEachEvent(of: source.journaled, through: last) { points.read(try FermataEvent($0), fork) }
        let at = try points.cut(for: fork)
        var prepared = PreparedRun(id: id)
        try reader.forEachEvent(of: source.journaled, through: at) { row in
            var event = try FermataEvent(row).travelling
            event.run = id.description
            prepared.append(event)
        }
        self.prepared = prepared
        self.at = at
    }
}

/// Where a journal can be cut: after an event that leaves nothing in flight.
private struct CutPoints {
    private var run: Run
    private var points: [UInt64] = []
    /// The event that queued the fork's message, and the one that chose its call.
    private var messageSeq: UInt64?
    private var callSeq: UInt64?
    /// The first event of what ended the run, if something did.
    private var ended: UInt64?
    /// The first of the events before this one that say what was cut or closed, all at one time.
    private var ending: (first: UInt64, at: Int64)?

    init(_ source: RunID) { run = Run(id: source) }

    mutating func read(_ event: FermataEvent, _ fork: FermataFork) {
        run.apply(event)
        if run.isCut { points.append(event.seq) }
        var isEnding = false
        switch event.kind {
        case .messageQueued(let message) where message.number == fork.message: messageSeq = event.seq
        case .modelAnswered(let answer) where answer.calls.contains { $0.number == fork.call }: callSeq = event.seq
        case .modelCut, .callEnded, .askClosed: isEnding = true
        // What a stop cuts and closes comes right before it, at the same time.
        case .stopped: ended = ending?.at == event.at ? ending?.first : event.seq
        case .handedOff: ended = event.seq
        case .imported: ended = nil
        default: break
        }
        if !isEnding {
            ending = nil
        } else if ending?.at != event.at {
            ending = (event.seq, event.at)
        }
    }

    func cut(for fork: FermataFork) throws(Refusal) -> UInt64 {
        if fork.at > 0 { return try exact(fork.at) }
        if fork.message > 0 {
            guard let messageSeq else {
                throw Refusal(.noSuchMessage, "the run has no message \(fork.message)")
            }
            return try last(before: messageSeq)
        }
        if fork.call > 0 {
            guard let callSeq else { throw Refusal(.noSuchCall, "the run has no call \(fork.call)") }
            return try exact(callSeq)
        }
        return try last(before: ended ?? run.seq + 1)
    }

    private func last(before seq: UInt64) throws(Refusal) -> UInt64 {
        guard let point = points.last(where: { $0 < seq }) else { throw invalid(seq) }
        return point
    }

    private func exact(_ seq: UInt64) throws(Refusal) -> UInt64 {
        guard points.contains(seq) else { throw invalid(seq) }
        return seq
    }

    private func invalid(_ seq: UInt64) -> Refusal {
        let near = [
            ("before", points.last { $0 < seq }), ("after", points.first { $0 > seq }),
        ].compactMap { name, point in point.map { (name, String($0)) } }
        let names = near.map { "\($0.1) \($0.0) it" }.joined(separator: " and ")
        return Refusal(
            .invalidCut, "the run cannot be cut at seq \(seq)" + (names.isEmpty ? "" : "; it can be at \(names)"),
            details: Dictionary(uniqueKeysWithValues: near))
    }
}
