import FermataProtocol
import Foundation
import GoldenStores
import Testing

/// Has a run go on from wherever it is, with whatever it needs from people and workers, until its turn has ended.
struct GoldenDriver {
    let service: Service
    let store: GoldenStore

    /// - Returns: the status that it comes to; `finished`, unless it does not come to an end.
    func finish(_ run: String) async throws -> FermataStatus {
        if try await service.summary(run).status == .finished { try await service.send(run, "Go on.") }
        var status = FermataStatus.unspecified
        for _ in 0..<100 {
            let reply = try await service.client.send(
                FermataGetRun.with {
                    $0.run = run
                    $0.calls = true
                })
            status = reply.run.status
            switch status {
            case .finished: return .finished
            case .idle: try await service.send(run, "Begin.")
            case .paused:
                // What an ancestor holds is resumed with that; an ancestor of another is held by fewer.
                let held = reply.run.holds.isEmpty ? [reply.run.hold] : reply.run.holds
                for owner in held.map(\.owner).reversed() where !owner.isEmpty { try await resume(owner) }
                if held[0].owner.isEmpty { try await resume(run) }
            // Its model may have been at an address where nobody is any more.
            case .failed: try await resume(run) { $0.model = "openai/mock" }
            case .waiting: try await give(reply)
            case .running, .pausing: try await wait(for: reply)
            default: return status
            }
        }
        return status
    }

    private func resume(_ run: String, _ change: (inout FermataResume) -> Void = { _ in }) async throws {
        var resume = FermataResume.with {
            $0.run = run
            $0.holdAt = .none
        }
        change(&resume)
        _ = try await service.client.send(resume)
    }

    /// What is in flight comes to its end by itself, but for what a worker has.
    private func wait(for reply: FermataGetRunReply) async throws {
        let run = reply.run.id
        // Nobody waits until the model wants to be asked again.
        if reply.run.nextAttemptAt > 0 { try await service.send(run, "Now.", .now) }
        for call in reply.calls where call.state == .started && !call.worker.isEmpty {
            try await complete(call.number, call.attempt, call.worker, of: run)
        }
        // Nobody waits for a command that takes ten minutes either.
        let isLong = reply.calls.contains { $0.state == .started && $0.arguments.contains("sleep 600") }
        if reply.run.status == .running, isLong { try await service.interrupt(run) }
        _ = try await service.client.wait(
            for: FermataStatus.allCases.filter { ![.unspecified, .running, .pausing].contains($0) }, run: run)
    }

    /// Answers what is asked, and executes what a worker is to execute.
    private func give(_ reply: FermataGetRunReply) async throws {
        let run = reply.run.id
        let asks = try await service.client.send(FermataListAsks.with { $0.run = run }).asks
        #expect(asks.map(\.number) == reply.run.openAsks)
        for ask in asks { try await answer(ask) }
        let ready = reply.calls.filter { $0.state == .selected && reply.run.waitsForTools.contains($0.tool) }
        for call in ready where asks.isEmpty {
            _ = try await service.client.send(
                FermataStartCall.with {
                    $0.run = run
                    $0.call = call.number
                    $0.attempt = call.attempt + 1
                    $0.worker = "desk-2"
                })
            try await complete(call.number, call.attempt + 1, "desk-2", of: run)
        }
    }

    private func complete(_ call: UInt32, _ attempt: UInt32, _ worker: String, of run: String) async throws {
        _ = try await service.client.send(
            FermataCompleteCall.with {
                $0.run = run
                $0.call = call
                $0.attempt = attempt
                $0.worker = worker
                $0.result = "As ordered."
            })
    }

    private func answer(_ ask: FermataAsk) async throws {
        var answer = FermataAnswer.with {
            $0.run = ask.run
            $0.ask = ask.number
        }
        switch ask.kind {
        case .approval:
            answer.verdict = .approve
            answer.argumentsSha256 = ask.argumentsSha256
        case .outcome:
            answer.verdict = .takeResult
            answer.text = "It happened."
        case .budget: answer.verdict = .raise
        case .stuck: answer.verdict = .goOn
        // Nobody waits until the model wants to be asked again.
        case .limit: return _ = try await service.send(ask.run, "Now.", .now)
        default:
            answer.text =
                switch ask.format.form {
                case .yesNo: "yes"
                case .choice: ask.format.choices[0]
                case .json: ask.format.schema.isEmpty ? "null" : #"{"n": 1}"#
                default: "As you like."
                }
        }
        _ = try await service.client.send(answer)
    }
}
