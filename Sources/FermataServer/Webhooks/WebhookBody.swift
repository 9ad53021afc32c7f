internal import FermataCore
internal import FermataProtocol
internal import Glibc
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Transfers

/// A message as it is sent: made anew for each attempt, from what is in the journal.
///
///     {"type": "run.status", "timestamp": "2026-11-21T13:33:37.768012Z", "data": …}
///
/// `data` is a message of the schema in protobuf's JSON mapping: for `run.status` StatusChanged, for `ask.opened` Ask,
/// for `ask.answered` and `ask.closed` the Event. It may have one more member, `checkpoint`: the run as it was when the
/// message was written. Where that is too large `checkpointOmitted` is true.
struct WebhookBody {
    private static let largestCheckpoint = 1 << 20

    /// The same at every attempt: whoever has it has had the message.
    let id: String
    let bytes: [UInt8]

    /// Why there is no such message any more.
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameters:
    ///   - withCheckpoint: whether the checkpoint goes along.
    ///   - answerURL: where an ask is answered; nil where nothing takes answers.
    init(
        _ row: OutboxRow, from reader: any JournalReading, withCheckpoint: Bool,
        answerURL: (_ run: RunID, _ ask: UInt32) -> String?
    ) throws {
        let run = RunID(row.key.run)
        guard let kind = OutboxKind(rawValue: row.key.kind) else {
            throw Missing(description: "a message of kind \(row.key.kind)")
        }
        var (type, data): (String, [UInt8])
        /// When it happened, µs since 1970; the row's own time is the steady clock's.
        let at: Int64
        // A checkpoint ends where the input's events end: between them a run is nothing that could go on.
        var last = row.key.seq
        switch kind {
        case .status:
            let change = try FermataStatusChanged(serializedBytes: row.body)
            (type, data, at) = ("run.status", try change.jsonUTF8Bytes(), change.run.updatedAt)
            id = "\(run)/\(row.key.seq)/status"
        case .ask:
            let events = try reader.events(
                of: row.key.run, after: row.key.seq - 1, through: row.key.seq, maxBytes: .max, maxCount: 1)
            guard let event = try events.first.map(FermataEvent.init) else {
                throw Missing(description: "event \(row.key.seq) of run \(run) is not there")
            }
            (type, data) = try Self.ask(event, of: run, reader, answerURL)
            at = event.at
            id = "\(run)/\(row.key.seq)"
            if row.body.count == 8 { last = UInt64(bytes: row.body) }
        }
        if withCheckpoint {
            data.removeLast()
            data += try Self.checkpoint(of: run, through: last, at: at, reader) + Array("}".utf8)
        }
        bytes = Array(#"{"type":"\#(type)","timestamp":"\#(Self.text(at))","data":"#.utf8) + data + Array("}".utf8)
    }

    private static func ask(
        _ event: FermataEvent, of run: RunID, _ reader: any JournalReading,
        _ answerURL: (_ run: RunID, _ ask: UInt32) -> String?
    ) throws -> (String, [UInt8]) {
        switch event.kind {
        case .askOpened(let opened):
            guard let row = try reader.ask(opened.number, of: run.journaled) else {
                throw Missing(description: "ask \(opened.number) of run \(run) is not there")
            }
            var ask = try FermataAsk(serializedBytes: row.body)
            ask.answerURL = answerURL(run, opened.number) ?? ""
            return ("ask.opened", try ask.jsonUTF8Bytes())
        case .askAnswered: return ("ask.answered", try event.jsonUTF8Bytes())
        case .askClosed: return ("ask.closed", try event.jsonUTF8Bytes())
        default: throw Missing(description: "event \(event.seq) of run \(event.run) is none of an ask")
        }
    }

    /// The member that goes after the others of `data`, which always has some. The message's own time is the export's,
    /// so that the message is the same at every attempt.
    private static func checkpoint(
        of run: RunID, through last: UInt64, at time: Int64, _ reader: any JournalReading
    ) throws -> [UInt8] {
        let export = CheckpointExport(run: run, reader: reader)
        guard let document = try export.document(through: last, exportedAt: time, atMost: largestCheckpoint) else {
            return Array(#","checkpointOmitted":true"#.utf8)
        }
        return Array(#","checkpoint":"#.utf8) + document
    }

    /// A time in UTC as RFC 3339 has it.
    private static func text(_ microseconds: Int64) -> String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let fraction = String(microseconds % 1_000_000)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            + "." + String(repeating: "0", count: 6 - fraction.count) + fraction + "Z"
    }
}
