internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf
internal import Synchronization

/// A line on standard error that tells how a run is while a command waits for it: only on a terminal that can redraw.
final class Progress: Sendable {
    private let terminal = Screen.errors
    private let task: Mutex<Task<Void, Never>?>
    private let isDrawn = Mutex(false)

    /// - Parameter waitsFor: in words.
    init(_ client: Client, run: String, waitsFor: String) {
        task = Mutex(nil)
        guard terminal.canRedraw else { return }
        let start = ContinuousClock.now
        let task = Task { [self] in
            while !Task.isCancelled {
                let run = try? await client.send(FermataGetRun.with { $0.run = run }).run
                let seconds = Int64((ContinuousClock.now - start) / .seconds(1))
                draw(run.map { Self.line($0, seconds, waitsFor) } ?? "the server does not answer  \(seconds)s")
                try? await Task.sleep(for: .seconds(1))
            }
        }
        self.task.withLock { $0 = task }
    }

    private static func line(_ run: FermataRunSummary, _ seconds: Int64, _ waitsFor: String) -> String {
        let cost = run.usage.costNanoUsd > 0 ? "  $\(Dollars(nano: run.usage.costNanoUsd))" : ""
        return "\(run.statusText)  step \(run.step)\(cost)  \(TimeArgument.text(period: seconds * 1_000_000))"
            + "  waiting for \(waitsFor)"
    }

    private func draw(_ line: String) {
        isDrawn.withLock { isDrawn in
            guard !Task.isCancelled else { return }
            isDrawn = true
            terminal.write("\r\u{1b}[K" + terminal.paint(line.harmless.oneLine(terminal.size.columns - 1), .grey))
        }
    }

    /// Takes the line away. Idempotent.
    func end() {
        task.withLock { $0 }?.cancel()
        isDrawn.withLock { isDrawn in
            if isDrawn { terminal.write("\r\u{1b}[K") }
            isDrawn = false
        }
    }
}
