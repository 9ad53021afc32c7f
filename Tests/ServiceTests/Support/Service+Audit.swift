import FermataCore
import FermataProtocol
import MockModel
import RunAudit
import SwiftProtobuf
import Testing

extension Service {
    /// Holds the journals of all runs, and what the model was shown, to the promises of DESIGN.
    func audit(_ model: MockModel, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let journal = try await everyEvent()
        #expect(journal.map(\.offset) == Array(1...UInt64(journal.count)), sourceLocation: sourceLocation)
        // What the model was to be shown with each model call.
        var promised: [[String]] = []
        for run in Set(journal.map(\.run)) {
            do {
                promised += try await audit(run)
            } catch let broken as Broken {
                let kinds = journal.filter { $0.run == run }.map(\.name)
                Issue.record("\(broken) in \(kinds)", sourceLocation: sourceLocation)
            }
        }
        // A model call that was cut early may never have reached the model. What did is what a journal says, once.
        for entry in model.log.entries() {
            let shown = try model.log.shown(entry.number)
            guard let index = promised.firstIndex(of: shown) else {
                Issue.record("the model was shown \(shown), and no journal says so", sourceLocation: sourceLocation)
                continue
            }
            promised.remove(at: index)
        }
    }

    /// - Returns: what the model was to be shown with each of the run's model calls.
    private func audit(_ run: String) async throws -> [[String]] {
        let (events, reply) = try await still(run)
        var auditor = Auditor(tools: events[0].launched.tools)
        var folded = Run(id: RunID(run)!)
        var promised: [[String]] = []
        for event in events {
            try auditor.read(event)
            folded.apply(event)
            if case .modelCalled = event.kind { promised.append(auditor.transcript.shown) }
        }
        try require(folded.summary == reply.run, "GetRun says \(reply.run), the journal \(folded.summary)")
        try require(folded.callMessages == reply.calls, "GetRun has other calls than the journal")
        try require(folded.queuedMessages == reply.queued, "GetRun has other messages than the journal")
        try require(auditor.status == reply.run.status, "the status is \(reply.run.status)")
        try require(auditor.begun == folded.begun, "begun is \(folded.begun), not \(auditor.begun)")
        if [.finished, .stopped].contains(reply.run.status) {
            try require(auditor.calls.values.allSatisfy { $0.ends == 1 }, "a call has no result")
            try require(auditor.openAsks.isEmpty, "an ask is open")
        }
        return promised
    }

    /// A run's journal and GetRun's reply at one and the same event.
    private func still(_ run: String) async throws -> ([FermataEvent], FermataGetRunReply) {
        for _ in 1...100 {
            let reply = try await client.send(
                FermataGetRun.with {
                    $0.run = run
                    $0.calls = true
                })
            let events = try await events(run)
            if events.last?.seq == reply.run.lastSeq { return (events, reply) }
        }
        throw Broken("the run never stands still")
    }

    private func require(_ isKept: Bool, _ promise: @autoclosure () -> String) throws {
        guard isKept else { throw Broken(promise()) }
    }
}

extension Transcript {
    /// As `MockModelLog.shown` has it.
    fileprivate var shown: [String] {
        items.map { item in
            switch item {
            case .user(let content): "user: \(content.text)"
            case .assistant(let answer):
                "assistant: \(answer.text)"
                    + (answer.calls.isEmpty ? "" : " [" + answer.calls.map(\.tool).joined(separator: " ") + "]")
            case .result(_, let output): "tool: \(output.text)"
            }
        }
    }
}
