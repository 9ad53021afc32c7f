internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Foundation
internal import Models
internal import RunRows
internal import Secrets
internal import Synchronization
internal import Threads
internal import Tools

/// An effect that is going on outside.
protocol EffectInFlight: Sendable {
    /// Ends it as soon as possible; its end still comes in. Idempotent, never blocks, any thread.
    func cancel()
    /// What a model has sent so far, for whoever cuts it: the call ends as by `cancel`. What comes later is not published
    /// any more, so that what was published is always a prefix of what was taken; it is kept, in case that what took it is
    /// not written. Never blocks.
    func takeAnswer() -> AnswerSoFar
    /// What a tool has written so far; taken as a model's text is.
    func takeOutput() -> ToolReply
}

/// Starts effects and turns their ends into inputs.
///
/// Threads: `start` and `forget` are called by the loop; ends come on the threads of the model clients and the
/// toolbox, each exactly once.
final class EffectRunner: Sendable {
    private let models: ModelRunner
    let tools: ToolSources
    private let text: TextPublisher
    /// What is masked in what workers say of their tools' output.
    let secrets: SecretTable
    private let counters: Counters
    private let toolState: String
    private let places: DescriptorPlaces
    private let waiting: WaitingEffects
    private let waitingCalls = WaitingCalls()
    private let removals = WorkThread("fermata-remove")

    /// - Parameters:
    ///   - toolState: absolute path of the directory in which each run has one for its tools' state.
    ///   - descriptors: that model calls and tools may have open together.
    init(
        models: ModelRunner, tools: ToolSources, text: TextPublisher, secrets: SecretTable, counters: Counters,
        toolState: String, descriptors: Int
    ) {
        self.models = models
        self.tools = tools
        self.text = text
        self.secrets = secrets
        self.counters = counters
        self.toolState = toolState
        places = DescriptorPlaces(count: descriptors)
        waiting = WaitingEffects(places)
    }

    /// Bytes of history that are kept for model calls to come.
    var historyBytes: Int { models.histories.byteCount }

    /// Whether it is known what a model costs.
    func hasPrice(_ model: String) -> Bool { models.hasPrice(model) }

    /// Descriptors that effects have, or may have at once.
    var descriptorsTaken: Int { places.taken }
    var descriptorCeiling: Int { places.count }

    /// - Parameter wake: is called when something that waits may start: then the loop calls `startWaiting`. On any
    ///   thread; must not block.
    func whenMoreMayStart(_ wake: @escaping @Sendable () -> Void) {
        places.whenFree(wake)
        models.whenProvidersHaveRoom(wake)
    }

    /// Starts an effect, or has it wait for its provider or for descriptors; its end comes in either case.
    func start(
        _ effect: Effect, of shared: SharedRun, onEnd: @escaping @Sendable (EffectEnd) -> Void
    ) -> any EffectInFlight {
        guard case .model = effect, let gate = models.gate(of: shared.run) else {
            return startAlone(effect, of: shared, onEnd: onEnd)
        }
        let tokens = gate.mostTokens == nil ? 0 : models.tokens(of: shared.run)
        if let pass = waitingCalls.pass(gate, tokens: tokens) { return start(effect, of: shared, pass, onEnd: onEnd) }
        let handle = waitingHandle(effect, counters.callsWaiting, onEnd)
        waitingCalls.append(
            WaitingCalls.Entry(run: shared.id, tokens: tokens, handle: handle) { [self] shared, pass in
                counters.callsWaiting.add(-1)
                return start(effect, of: shared, pass, onEnd: onEnd)
            }, for: gate)
        return handle
    }

    private func start(
        _ effect: Effect, of shared: SharedRun, _ pass: ProviderGate.Pass,
        onEnd: @escaping @Sendable (EffectEnd) -> Void
    ) -> any EffectInFlight {
        startAlone(effect, of: shared) { end in
            pass.end(.init(end.input))
            onEnd(end)
        }
    }

    /// As far as others' calls are concerned, it may start.
    private func startAlone(
        _ effect: Effect, of shared: SharedRun, onEnd: @escaping @Sendable (EffectEnd) -> Void
    ) -> any EffectInFlight {
        let descriptors = descriptors(of: effect, in: shared.run)
        if let lease = waiting.take(descriptors) { return begin(effect, of: shared, lease, onEnd: onEnd) }
        let handle = waitingHandle(effect, counters.effectsWaiting, onEnd)
        waiting.append(
            WaitingEffects.Entry(effect: effect, run: shared.id, descriptors: descriptors, handle: handle) {
                [self] shared, lease in
                counters.effectsWaiting.add(-1)
                return begin(effect, of: shared, lease, onEnd: onEnd)
            })
        return handle
    }

    /// - Parameter count: of those that wait for the same; who begins it takes it out of that.
    private func waitingHandle(
        _ effect: Effect, _ count: Counters.Count, _ onEnd: @escaping @Sendable (EffectEnd) -> Void
    ) -> WaitingEffect {
        count.add()
        return WaitingEffect {
            count.add(-1)
            onEnd(EffectEnd(effect.endBeforeItBegan))
        }
    }

    /// Starts what waits, as far as providers have room and there are descriptors.
    ///
    /// - Parameter run: a run as it is now.
    func startWaiting(_ run: (RunID) -> SharedRun?) {
        waitingCalls.start(run)
        waiting.start(run)
    }

    /// µs, monotonic: when something that waits may start though nobody wakes for it.
    var nextStart: Int64? { waitingCalls.nextStart }

    private func descriptors(of effect: Effect, in run: Run) -> Int {
        switch effect {
        case .model: models.needsConnection(run) ? DescriptorPlan.connecting : 1
        case .tool(let number, _):
            run.calls[number: number].flatMap { call in tools.source(of: call)?.descriptors(of: call.tool) } ?? 0
        case .lease: preconditionFailure("leases are the loop's")
        }
    }

    private func begin(
        _ effect: Effect, of shared: SharedRun, _ lease: DescriptorPlaces.Lease,
        onEnd: @escaping @Sendable (EffectEnd) -> Void
    ) -> any EffectInFlight {
        let count =
            switch effect {
            case .model: counters.modelCalls
            case .tool: counters.tools
            case .lease: preconditionFailure("leases are the loop's")
            }
        count.add()
        let ended: @Sendable (EffectEnd) -> Void = { end in
            count.add(-1)
            lease.giveBack()
            onEnd(end)
        }
        switch effect {
        case .model(let step, let attempt):
            return models.start(
                shared, step: step, attempt: attempt, onConnected: { lease.giveBack(keeping: 1) },
                onEnd: { ended(EffectEnd($0)) })
        case .tool(let number, let attempt):
            return startTool(number, attempt: attempt, of: shared.run, onEnd: ended)
        case .lease: preconditionFailure("leases are the loop's")
        }
    }

    /// An event of a run with something in flight is in the journal.
    func committed(_ event: FermataEvent, of run: RunID, size: Int) { models.histories.add(event, of: run, size: size) }

    /// The run leaves memory: what was kept for its next model call goes too.
    func forget(_ run: RunID) { models.histories.forget(run) }

    /// The run is stopped for good and none of its tools executes: what lasted for it ends.
    ///
    /// - Parameter mayComeHome: it was handed off. Else nothing can undo any more what its tools did, and what they kept
    ///   for that is removed. A kill right before this leaves the directory where it is, which does no harm.
    func forgetTools(of run: RunID, mayComeHome: Bool) {
        tools.forget(run)
        guard !mayComeHome else { return }
        let path = "\(toolState)/\(run)"
        removals.run { try? FileManager.default.removeItem(atPath: path) }
    }

    /// What a worker says that its tool has written goes out as a tool's output does.
    func show(_ output: String, of run: Run, call: UInt32, attempt: UInt32) {
        text.append(
            output, .output, to: TextPublisher.Stream(run: run.id, step: run.turn.step, call: call, attempt: attempt))
    }

    /// The worker's call is not executing any more.
    func endOutput(of effect: Effect, of run: Run) {
        guard case .lease(let call, let attempt) = effect else { return }
        text.end(TextPublisher.Stream(run: run.id, step: run.turn.step, call: call, attempt: attempt))
    }

    private func startTool(
        _ number: UInt32, attempt: UInt32, of run: Run, onEnd: @escaping @Sendable (EffectEnd) -> Void
    ) -> any EffectInFlight {
        guard let call = run.calls[number: number], let source = tools.source(of: call) else {
            onEnd(
                EffectEnd(
                    .toolEnded(
                        call: number, attempt: attempt,
                        ToolReply(outcome: .callFailed, output: "This server does not have the tool."))))
            return NothingInFlight()
        }
        let stream = TextPublisher.Stream(run: run.id, step: run.turn.step, call: number, attempt: attempt)
        let mayGoOn = source.callsMayGoOn
        let execution = source.start(
            ToolCall(
                tool: call.tool, run: run.id.description, argumentsJSON: call.arguments, workspace: run.spec.workspace,
                state: "\(toolState)/\(run.id)"),
            onOutput: { [text] in text.append($0, .output, to: stream) },
            onEnd: { [text] result in
                text.end(stream)
                var reply = ToolReply(result)
                reply.mayGoOn = mayGoOn
                var end = EffectEnd(.toolEnded(call: number, attempt: attempt, reply))
                if !result.parts.isEmpty {
                    let parts = ToolParts(result.parts)
                    (reply.output, reply.blocks) = (parts.content.text, parts.content.blocks)
                    end = EffectEnd(.toolEnded(call: number, attempt: attempt, reply), blobs: parts.blobs)
                }
                onEnd(end)
            })
        return ToolInFlight(execution: execution, mayGoOn: mayGoOn)
    }
}

/// How an effect has ended.
struct EffectEnd: Sendable {
    let input: Input
    /// What the events may name that come of it.
    var blobs: [BlobRow] = []

    init(_ input: Input, blobs: [BlobRow] = []) {
        self.input = input
        self.blobs = blobs
    }

    /// Bytes that it brings.
    var byteCount: Int { blobs.reduce(input.textBytes) { $0 + $1.data.count } }
}

extension Effect {
    /// How an effect ends that was cancelled while it waited.
    fileprivate var endBeforeItBegan: Input {
        switch self {
        case .tool(let number, let attempt):
            .toolEnded(call: number, attempt: attempt, ToolReply(outcome: .callInterrupted, output: ""))
        case .model, .lease: .lost(self)
        }
    }
}

private struct NothingInFlight: EffectInFlight {
    func cancel() {}
    func takeAnswer() -> AnswerSoFar { "" }
    func takeOutput() -> ToolReply { ToolReply(outcome: .callInterrupted, output: "") }
}

/// An effect whose end is not in the journal yet, because the store is full.
struct EndedEffect: EffectInFlight {
    let input: Input

    func cancel() {}

    func takeAnswer() -> AnswerSoFar {
        switch input {
        case .modelAnswered(_, _, let reply):
            AnswerSoFar(reply.text, blocks: reply.blocks.filter { if case .call = $0.kind { false } else { true } })
        case .modelFailed(_, _, _, let soFar), .lost(_, let soFar): soFar
        default: ""
        }
    }

    func takeOutput() -> ToolReply {
        switch input {
        // Its blobs are with the end that is kept.
        case .toolEnded(_, _, let reply): reply.withoutBlocks
        case .leaseEnded(_, _, let output): ToolReply(outcome: .callInterrupted, output: output)
        default: ToolReply(outcome: .callInterrupted, output: "")
        }
    }
}

private struct ToolInFlight: EffectInFlight {
    let execution: any ToolExecution
    /// As its source says of its calls.
    let mayGoOn: Bool

    func cancel() { execution.cancel() }
    func takeAnswer() -> AnswerSoFar { "" }
    func takeOutput() -> ToolReply {
        var reply = ToolReply(execution.takeOutput(), outcome: .callInterrupted)
        reply.mayGoOn = mayGoOn
        return reply
    }
}

extension ToolReply {
    fileprivate var withoutBlocks: ToolReply {
        var reply = self
        reply.blocks = []
        return reply
    }

    init(_ output: ToolOutput, outcome: FermataCallOutcome, exitCode: Int32? = nil) {
        self.init(
            outcome: outcome, output: output.text, exitCode: exitCode, omittedBytes: output.omittedBytes,
            repaired: output.repaired)
    }

    init(_ result: ToolResult) {
        let outcome: FermataCallOutcome =
            switch result.outcome {
            case .finished: .callFinished
            case .failed: .callFailed
            case .timedOut: .callTimedOut
            case .cancelled: .callInterrupted
            case .unknown: .callUnknown
            }
        self.init(result.output, outcome: outcome, exitCode: result.exitCode)
    }
}

extension Input {
    /// Bytes of the texts that an end of an effect brings.
    var textBytes: Int {
        switch self {
        case .modelAnswered(_, _, let reply):
            reply.calls.reduce(AnswerSoFar(reply.text, blocks: reply.blocks).byteCount) { $0 + $1.arguments.utf8.count }
        case .modelFailed(_, _, _, let soFar), .lost(_, let soFar): soFar.byteCount
        case .toolEnded(_, _, let reply): reply.output.utf8.count
        default: 0
        }
    }
}
