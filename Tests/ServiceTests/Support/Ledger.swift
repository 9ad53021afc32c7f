import FermataClient
import FermataProtocol
import Foundation
import Synchronization

/// Commands to a service that is killed meanwhile: each is sent until it has been answered, always with the same
/// request id, and noted with what the answer promises to find in the journal.
final class Ledger: Sendable {
    struct Entry: Sendable {
        /// The command's reason: the events that it caused carry it.
        let mark: String
        let command: String
        let events: Int
    }

    private struct State {
        var entries: [Entry] = []
        var isEnding = false
        var isUp = true
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let client: Client
    /// One for each command that was answered; those that nobody waited for are dropped.
    let acknowledgements: AsyncStream<Void>
    private let acknowledged: AsyncStream<Void>.Continuation
    private let state = Mutex(State())

    init(_ client: Client) {
        self.client = client
        (acknowledgements, acknowledged) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var entries: [Entry] { state.withLock { $0.entries } }
    /// No new run is to be launched.
    var isEnding: Bool { state.withLock { $0.isEnding } }
    func end() { state.withLock { $0.isEnding = true } }

    func serviceGoesDown() { state.withLock { $0.isUp = false } }

    func serviceIsUp() {
        let waiting = state.withLock { state in
            state.isUp = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func untilServiceIsUp() async {
        await withCheckedContinuation { continuation in
            let isUp = state.withLock { state in
                if !state.isUp { state.waiting.append(continuation) }
                return state.isUp
            }
            if isUp { continuation.resume() }
        }
    }

    /// Asks until there is an answer.
    func ask<R: ControlRequest>(_ request: R) async throws -> R.Reply {
        while true {
            do {
                return try await client.send(request)
            } catch ClientError.refused(let error) where !error.retryable {
                throw ClientError.refused(error)
            } catch {
                // The test's time is up: else every request would be refused at once, for ever.
                try Task.checkCancellation()
                await untilServiceIsUp()
            }
        }
    }

    /// Sends a command until there is an answer.
    ///
    /// - Parameter events: how many events it causes if it changes something.
    /// - Returns: nil if it was refused.
    @discardableResult
    func command<C: Command>(
        _ command: C, events: Int = 1
    ) async throws -> FermataCommandReply? where C.Reply == FermataCommandReply {
        var command = command
        command.requestID = UUID().uuidString.lowercased()
        command.reason = "because of \(command.requestID)"
        var reply: FermataCommandReply?
        do { reply = try await ask(command) } catch ClientError.refused {}
        let entry = Entry(
            mark: command.reason, command: C.protoMessageName, events: reply?.changed == true ? events : 0)
        state.withLock { $0.entries.append(entry) }
        acknowledged.yield()
        return reply
    }
}

/// Who launches a run and sees it through: answers its question, and sometimes sends a message, pauses or interrupts.
struct Operator {
    let ledger: Ledger

    func playRun() async throws {
        guard let launched = try await ledger.command(FermataLaunch.with { $0.task = "Begin." }, events: 2) else {
            return
        }
        let run = launched.run.id
        var disturbances = Int.random(in: 0...4)
        var seq: UInt64 = 0
        while true {
            let read = try await ledger.ask(
                FermataReadEvents.with {
                    $0.run = run
                    $0.after = seq
                    $0.limit = 1
                    $0.waitMs = 10_000
                })
            guard let event = read.events.first else { continue }
            seq = event.seq
            switch event.kind {
            case .askOpened(let ask):
                try await ledger.command(
                    FermataAnswer.with {
                        $0.run = run
                        $0.ask = ask.number
                        $0.text = "Yes."
                    })
            case .held:
                if Bool.random() { _ = try await wait(run, for: [.paused, .waiting, .finished, .failed]) }
                try await ledger.command(FermataResume.with { $0.run = run })
            default:
                guard disturbances > 0, Int.random(in: 0..<3) == 0 else { break }
                disturbances -= 1
                try await disturb(run)
            }
            let now = try await ledger.ask(FermataGetRun.with { $0.run = run }).run
            if now.lastSeq == seq, [.finished, .failed, .stopped].contains(now.status) { return }
        }
    }

    private func disturb(_ run: String) async throws {
        switch Int.random(in: 0..<3) {
        case 0:
            try await ledger.command(
                FermataSend.with {
                    $0.run = run
                    $0.text = "Hurry."
                })
        case 1: try await ledger.command(FermataPause.with { $0.run = run })
        default: try await ledger.command(FermataInterrupt.with { $0.run = run })
        }
    }

    private func wait(_ run: String, for statuses: [FermataStatus]) async throws -> FermataRunSummary {
        while true {
            let reply = try await ledger.ask(
                FermataGetRun.with {
                    $0.run = run
                    $0.until = statuses
                    $0.waitMs = 10_000
                })
            if reply.matched { return reply.run }
        }
    }
}
