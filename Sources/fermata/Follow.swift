internal import Dispatch
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf
internal import Synchronization

/// Streams a run's transcript to a terminal until the run is at rest. Ctrl-C interrupts the run; then the operator
/// says how it goes on.
struct Follow {
    let client: Client
    let run: String
    /// Streaming text of all runs, listened to since before the run was launched.
    let text: AsyncStream<FermataTextDelta>
    /// Since before the run was launched, too: a press in between is not lost.
    let interrupts: InterruptKey
    let withReasoning: Bool

    func run() async throws -> FermataStatus {
        guard let id = RunID(run) else { throw ClientError.badReply("\(run) is no run's id") }
        print("run \(run)")
        let printer = TranscriptPrinter(withReasoning: withReasoning)
        defer { interrupts.end() }
        let tail = try await client.tail(run: id)
        let live = Task { for await delta in text where delta.run == run { printer.print(delta) } }
        defer { live.cancel() }
        let events = Task {
            do {
                for try await event in tail {
                    printer.print(event)
                    printer.reached(event.seq)
                }
            } catch {
                Failure.end(error)
            }
        }
        defer { events.cancel() }

        while true {
            let rest = Task { try await restingStatus(after: printer) }
            let key = Task { await interrupts.next() }
            let pressed = try await first(rest, key)
            if pressed {
                rest.cancel()
                // From here on the key ends the command, as it does everywhere; the run stays on hold.
                interrupts.end()
                guard try await interrupt(printer) else { return try await status() }
                interrupts.begin()
                continue
            }
            key.cancel()
            return try await rest.value
        }
    }

    /// True if the key came first.
    private func first(_ rest: Task<FermataStatus, any Error>, _ key: Task<Bool, Never>) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await withTaskCancellationHandler {
                    await key.value
                } onCancel: {
                    key.cancel()
                }
            }
            group.addTask {
                _ = try await withTaskCancellationHandler {
                    try await rest.value
                } onCancel: {
                    rest.cancel()
                }
                return false
            }
            let pressed = try await group.next() ?? false
            group.cancelAll()
            return pressed
        }
    }

    /// Waits until the run is at rest and everything up to there has been printed.
    private func restingStatus(after printer: TranscriptPrinter) async throws -> FermataStatus {
        while true {
            let summary = try await client.waitUntilAtRest(run: run)
            await printer.waitUntil(summary.lastSeq)
            let now = try await client.send(FermataGetRun.with { $0.run = run }).run
            guard now.lastSeq == summary.lastSeq, FermataStatus.atRest.contains(now.status) else { continue }
            print("-- \(now.why)  \(now.usage.text)")
            return now.status
        }
    }

    /// With one decimal.
    static func milliseconds(_ duration: Duration) -> Double { (duration / .milliseconds(1) * 10).rounded() / 10 }

    private func status() async throws -> FermataStatus {
        try await client.send(FermataGetRun.with { $0.run = run }).run.status
    }

    /// Interrupts, says how long it took, and asks how to go on.
    ///
    /// - Returns: false if the operator leaves.
    private func interrupt(_ printer: TranscriptPrinter) async throws -> Bool {
        let clock = ContinuousClock()
        let start = clock.now
        let reply: FermataCommandReply
        do {
            reply = try await client.send(
                FermataInterrupt.with {
                    $0.run = run
                    $0.by = operatorName
                    $0.reason = "Ctrl-C"
                })
        } catch {
            guard case .refused(let error) = error else { throw error }
            print("\n-- \(error.message)")
            return false
        }
        let elapsed = clock.now - start
        await printer.waitUntil(reply.run.lastSeq)
        print("-- \(reply.run.status.protocolName) in \(Follow.milliseconds(elapsed)) ms")
        while true {
            guard let line = await ask("[m]essage, [r]esume, [s]top or [l]eave? ") else { return false }
            switch line.first {
            case "m":
                guard let text = await ask("message: "), !text.isEmpty else { continue }
                try await resume(text)
                return true
            case "r":
                try await resume()
                return true
            case "s":
                _ = try await client.send(
                    FermataStop.with {
                        $0.run = run
                        $0.by = operatorName
                    })
                return true
            case "l":
                print("-- left; go on with: fermata resume \(run)")
                return false
            default: continue
            }
        }
    }

    private func resume(_ text: String = "") async throws {
        _ = try await client.send(
            FermataResume.with {
                $0.run = run
                $0.text = text
                $0.by = operatorName
            })
    }

    /// Reads a line on a thread of its own; nil at the end of the input.
    private func ask(_ prompt: String) async -> String? {
        print(prompt, terminator: "")
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: readLine()) }
        }
    }
}

/// The interrupt key, as something to wait for.
final class InterruptKey: Sendable {
    private let presses: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private nonisolated(unsafe) let source: any DispatchSourceSignal  // used through its thread-safe methods only

    init() {
        (presses, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [continuation] in continuation.yield() }
        source.resume()
    }

    /// True when it was pressed; false when the waiting was cancelled.
    func next() async -> Bool {
        for await _ in presses { return true }
        return false
    }

    /// The key is noticed and does nothing else.
    func begin() { signal(SIGINT, SIG_IGN) }

    /// The key ends the process, until `begin`.
    func end() { signal(SIGINT, SIG_DFL) }
}

extension FermataUsage {
    /// How much of the input came from the provider's cache: `87 %`; nil: nothing did, or nobody said so.
    var cachedShare: String? {
        guard cachedInputTokens > 0, inputTokens > 0 else { return nil }
        return "\(Int((Double(cachedInputTokens) / Double(inputTokens) * 100).rounded())) %"
    }

    /// `3 calls, 120+45 tokens, $0.0012`
    var text: String {
        var text = "\(modelCalls) model calls, \(inputTokens)+\(outputTokens) tokens"
        if let share = cachedShare { text += " (\(share) of the input cached)" }
        text += ", cost "
        let dollars = String(format: "$%.6f", Double(costNanoUsd) / 1e9)
        if callsOfUnknownCost == 0 {
            text += dollars
        } else if callsOfUnknownCost == modelCalls {
            text += "unknown"
        } else {
            text += "\(dollars) and \(callsOfUnknownCost) calls of unknown cost"
        }
        if callsOfEstimatedCost > 0 { text += " (that of \(callsOfEstimatedCost) calls is estimated)" }
        return text
    }
}
