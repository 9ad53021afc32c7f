internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Transfers

/// Checkpoints on their way out, with a hand-off or without.
struct ExportHandler: FrameHandler {
    let entry: CommandEntry
    let runs: RunLookUp
    let readers: ReaderPool

    /// A read: that a hand-off happens once is seen to where it is handed to the run.
    var routes: [Route] { [.read(export)] }

    private func export(
        _ export: FermataExport, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        // A later page finds the run handed off already.
        guard export.handoff, export.after.isEmpty else {
            return try runs.find(export.run, for: complete) { run in try answer(run, export, complete) }
        }
        try entry.onRun(export, .handOff, exchange) { result in
            do {
                let reply = try FermataCommandReply(serializedBytes: try result.get())
                guard let run = RunID(reply.run.id) else { throw Refusal(.internalError, "a reply without a run") }
                try answer(run, export, complete)
            } catch {
                complete(.failure(Refusal(thrown: error)))
            }
        }
    }

    private func answer(
        _ run: RunID, _ export: FermataExport, _ complete: @escaping Exchange.Completion
    ) throws(Refusal) {
        try readers.answerPage(complete) { reader in try Self.page(of: run, export, reader) }
    }

    private static func page(
        of run: RunID, _ export: FermataExport, _ reader: any JournalReading
    ) throws -> FermataExportReply {
        let checkpoint = CheckpointExport(run: run, reader: reader)
        do {
            guard export.after.isEmpty else { return try checkpoint.page(after: export.after) }
            // With a hand-off the condition was for that, and the run has moved on by it.
            return try checkpoint.firstPage(ifSeq: export.hasIfSeq && !export.handoff ? export.ifSeq : nil)
        } catch let error as JournalError where error.code == .corrupt {
            throw Refusal.unreadable(run)
        }
    }
}
