internal import FermataProtocol
internal import Synchronization

/// Prints a run as a person reads it: text while it streams, completed from the event that ends the stream.
final class TranscriptPrinter: Sendable {
    /// What text belongs to: a model call's attempt, or a tool call's.
    private enum Stream: Hashable {
        case model(step: UInt32, attempt: UInt32)
        case tool(call: UInt32, attempt: UInt32)

        init(_ delta: FermataTextDelta) {
            self =
                delta.call == 0
                ? .model(step: delta.step, attempt: delta.attempt) : .tool(call: delta.call, attempt: delta.attempt)
        }
    }

    private struct State {
        /// Streams whose beginning was printed and whose end was not, with what of them is on the screen.
        var open: [Stream: Screen] = [:]
        /// Pieces of streams whose beginning has not been printed yet.
        var early: [Stream: [FermataTextDelta]] = [:]
        /// Streams whose end was printed: late pieces of them are dropped.
        var ended: Set<Stream> = []
        var isAtLineStart = true
        var seq: UInt64 = 0
        var waiting: [(seq: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private struct Screen {
        var text = ""
        var writer = AnswerText()
        var lastNumber: UInt64 = 0
        /// A piece is missing: the rest comes with the event.
        var isBroken = false
    }

    private let state = Mutex(State())
    private let withReasoning: Bool

    init(withReasoning: Bool) { self.withReasoning = withReasoning }

    func print(_ delta: FermataTextDelta) {
        state.withLock { show(delta, &$0) }
    }

    /// Pieces that come before their stream's beginning are kept until it is printed, those after its end are dropped.
    private func show(_ delta: FermataTextDelta, _ state: inout State) {
        let stream = Stream(delta)
        guard var screen = state.open[stream] else {
            if !state.ended.contains(stream) { state.early[stream, default: []].append(delta) }
            return
        }
        if screen.isBroken || delta.number != screen.lastNumber + 1 {
            screen.isBroken = true
        } else {
            screen.lastNumber = delta.number
            let isReasoning = delta.content == .reasoning
            if isReasoning, !withReasoning {
                state.open[stream] = screen
                return
            }
            let shown = screen.writer.add(delta.text, isReasoning: isReasoning)
            screen.text += shown
            put(shown, &state, isDim: isReasoning)
        }
        state.open[stream] = screen
    }

    func print(_ event: FermataEvent) {
        state.withLock { state in
            switch event.kind {
            case .modelAnswered(let answer):
                complete(
                    AnswerText.of(answer.text, answer.blocks, withReasoning: withReasoning),
                    of: .model(step: answer.step, attempt: answer.attempt),
                    &state)
                line(event, withText: false, &state)
            case .modelCut(let cut):
                complete(
                    AnswerText.of(cut.text, cut.blocks, withReasoning: withReasoning),
                    of: .model(step: cut.step, attempt: cut.attempt), &state)
                line(event, withText: false, &state)
            case .modelFailed(let failed):
                complete(
                    AnswerText.of(failed.text, failed.blocks, withReasoning: withReasoning),
                    of: .model(step: failed.step, attempt: failed.attempt),
                    &state)
                line(event, withText: false, &state)
            case .callEnded(let ended) where ended.attempt > 0:
                complete(
                    AnswerText.of(ended.output, ended.blocks), of: .tool(call: ended.number, attempt: ended.attempt),
                    &state)
                line(event, withText: false, &state)
            case .modelCalled(let call):
                line(event, withText: true, &state)
                begin(.model(step: call.step, attempt: call.attempt), &state)
            case .callStarted(let call):
                line(event, withText: true, &state)
                begin(.tool(call: call.number, attempt: call.attempt), &state)
            default: line(event, withText: true, &state)
            }
        }
    }

    private func begin(_ stream: Stream, _ state: inout State) {
        state.open[stream] = Screen()
        for delta in state.early.removeValue(forKey: stream) ?? [] { show(delta, &state) }
    }

    /// Prints what of a stream's whole text is not on the screen yet.
    private func complete(_ text: String, of stream: Stream, _ state: inout State) {
        let printed = state.open.removeValue(forKey: stream)?.text ?? ""
        state.early[stream] = nil
        state.ended.insert(stream)
        // By bytes: a piece may end inside what is one character together with the next.
        if text.utf8.starts(with: printed.utf8) {
            put(String(decoding: text.utf8.dropFirst(printed.utf8.count), as: UTF8.self), &state)
        } else {
            startLine(&state)
            put(text, &state)
        }
        startLine(&state)
    }

    private func line(_ event: FermataEvent, withText: Bool, _ state: inout State) {
        startLine(&state)
        put(EventLine(event, withText: withText).text + "\n", &state)
    }

    private func startLine(_ state: inout State) {
        if !state.isAtLineStart { put("\n", &state) }
    }

    private func put(_ text: String, _ state: inout State, isDim: Bool = false) {
        guard !text.isEmpty else { return }
        fermata.print(isDim ? fermata.Screen.output.paint(text, .grey) : text, terminator: "")
        state.isAtLineStart = text.hasSuffix("\n")
    }

    /// Everything up to this event has been printed.
    func reached(_ seq: UInt64) {
        let ready = state.withLock { state in
            state.seq = max(state.seq, seq)
            let ready = state.waiting.filter { $0.seq <= state.seq }
            state.waiting.removeAll { $0.seq <= state.seq }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    func waitUntil(_ seq: UInt64) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.seq >= seq { return true }
                state.waiting.append((seq, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
