internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import Secrets
internal import SwiftProtobuf
internal import Synchronization
internal import Tools

/// Calls that workers execute: which of them are ready, who has one and until when.
extension RunLoop {
    /// An ExtendCall, addressed. It changes no run and is not journaled.
    struct Extension: Sendable {
        let run: RunID
        let call: UInt32
        let attempt: UInt32
        let worker: String
        /// µs.
        let lease: Int64
        /// What the tool has written since the last time.
        let output: String
        /// Called once, on the loop's thread, with the encoded reply; must not block.
        let reply: @Sendable (Result<[UInt8], Refusal>) -> Void
    }

    /// What is in flight here of a call that a worker has: its lease, which the loop keeps, and what the worker has
    /// said of the tool's output.
    private final class Lease: EffectInFlight {
        private struct State {
            var mask: SecretMask
            var kept = HeadAndTail(limit: Configuration.workerOutputBytes)
        }

        private let state: Mutex<State>

        init(_ secrets: SecretTable) { state = Mutex(State(mask: SecretMask(secrets))) }

        // It ends when a commit has made it needless, not before: there is nothing outside to stop early.
        func cancel() {}
        func takeAnswer() -> AnswerSoFar { "" }
        // Nothing is shown after it: the loop itself takes it, and refuses what is said of a call that has ended.
        func takeOutput() -> ToolReply {
            var copy = state.withLock { $0 }
            copy.kept.append(copy.mask.finish())
            return ToolReply(copy.kept.output(repaired: false), outcome: .callInterrupted)
        }

        /// - Returns: what is to be shown: without secrets, and without what may be the beginning of one.
        func append(_ text: String) -> String {
            state.withLock { state in
                let text: String = state.mask.mask(text)
                state.kept.append(Array(text.utf8))
                return text
            }
        }
    }

    func handle(_ request: Extension) {
        guard ending == nil else { return request.reply(.failure(Refusal(.shuttingDown, "the server is ending"))) }
        guard let resident = residents[request.run] else { return load(request.run, then: .extendCall(request)) }
        let effect = Effect.lease(call: request.call, attempt: request.attempt)
        let refusal: Refusal?
        if let call = resident.run.calls[number: request.call], call.state == .started, call.attempt == request.attempt,
            call.worker == request.worker
        {
            // Its end has come already, and waits for room in the store.
            refusal = leases.isKept(effect, of: request.run) ? nil : .notWritten
        } else {
            refusal =
                request.call > 0 && request.call <= resident.run.calls.last
                ? Refusal(.callEnded, "this attempt of the call is not the one that counts, or it has ended")
                : Refusal(.noSuchCall, "the run has no such call")
        }
        guard refusal == nil else {
            // It may rest on what this turn of the loop writes.
            return batch.replies.append { request.reply(.failure($0 ? refusal! : .notWritten)) }
        }
        leases.give(effect, of: request.run, for: request.lease, now: turn.monotonic)
        if !request.output.isEmpty {
            let output = (resident.inFlight[effect] as? Lease)?.append(request.output) ?? ""
            if !output.isEmpty { effects.show(output, of: resident.run, call: request.call, attempt: request.attempt) }
        }
        let reply = FermataExtendCallReply.with { $0.leaseUntil = Clock.now + request.lease }
        batch.replies.append { request.reply($0 ? .success(try! reply.serializedBytes()) : .failure(.notWritten)) }
    }

    /// A worker takes a call: what it has to know to execute it.
    func describe(_ call: UInt32, attempt: UInt32, lease: Int64, of run: Run, in reply: inout FermataCommandReply) {
        leases.give(.lease(call: call, attempt: attempt), of: run.id, for: lease, now: turn.monotonic)
        counters.leases.set(leases.count)
        reply.leaseUntil = Clock.now + lease
        reply.workspace = run.spec.workspace
        if let message = run.callMessages.first(where: { $0.number == call }) { reply.call = message }
    }

    /// Has the leases be those that the run wants, as it is in the journal: what became needless ends, and what is
    /// wanted and unknown begins anew, after a restart above all.
    func keepLeases(of resident: Resident, wanted: Set<Effect>) {
        let id = resident.current.id
        for effect in leases.effects(of: id) where !wanted.contains(effect) {
            leases.end(effect, of: id)
            resident.inFlight[effect] = nil
            effects.endOutput(of: effect, of: resident.run)
        }
        for effect in wanted {
            guard case .lease = effect, resident.inFlight[effect] == nil else { continue }
            if !leases.isKept(effect, of: id) {
                leases.give(effect, of: id, for: Configuration.defaultLease, now: turn.monotonic)
            }
            resident.inFlight[effect] = Lease(effects.secrets)
        }
        counters.leases.set(leases.count)
    }

    /// Workers that were not heard of in time have lost their calls.
    func endLeases(now: Int64) {
        for (run, effect) in leases.endPassed(now: now) {
            guard case .lease(let call, let attempt) = effect else { continue }
            let output = residents[run]?.inFlight[effect]?.takeOutput().output ?? ""
            handle(.effectEnded(run, effect, EffectEnd(.leaseEnded(call: call, attempt: attempt, output: output))))
        }
    }

    /// The server ends, and no lease with it: each begins anew when it is back.
    func forgetLeases() {
        leases.endAll()
        for resident in residents.values {
            for (effect, work) in resident.inFlight where work is Lease { resident.inFlight[effect] = nil }
        }
    }

    /// What the runs of a batch have ready now and had not, as the journal has it, and the other way round.
    func readyCallChanges(_ done: Batch) -> [ReadyCallChange] {
        var changes: [ReadyCallChange] = []
        for id in done.touched.keys {
            guard let resident = residents[id] else { continue }
            changes += ReadyCallChange.between(resident.durable, resident.current)
        }
        return changes
    }
}

extension ReadyCallChange {
    /// - Parameters:
    ///   - before: the run whose ready calls have their rows; for a run that is new, one without any.
    ///   - after: the run that they are to be those of.
    static func between(_ before: SharedRun, _ after: SharedRun) -> [ReadyCallChange] {
        let (old, new) = (before.ready, after.ready)
        guard !(old.isEmpty && new.isEmpty), old != new else { return [] }
        var changes: [ReadyCallChange] = []
        for call in old where !new.contains(where: { $0.number == call.number }) {
            changes.append(.notReady(run: after.id.journaled, number: call.number))
        }
        for call in new where !old.contains(call) {
            let offer = FermataCallOffer(call, of: after.run)
            let key = ReadyCallKey(
                readyAt: after.updatedAt, run: after.id.journaled, number: offer.call, attempt: offer.attempt)
            changes.append(.ready(ReadyCallRow(key: key, tool: offer.tool, body: try! offer.serializedBytes())))
        }
        return changes
    }

    /// The tool whose calls a worker may have waited for.
    var readyTool: String? { if case .ready(let row) = self { row.tool } else { nil } }
}
