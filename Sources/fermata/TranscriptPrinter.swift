internal import FermataProtocol
internal import Synchronization

/// Prints a run as a person reads it: text while it streams, completed from the event that ends the stream.
final class TranscriptPrinter: Sendable {
    private struct State {
        /// What has been printed of the stream that is on the screen.
        var stream = ""
        var printed = ""
        var lastNumber: UInt64 = 0
        var isBroken = false
        var seq: UInt64 = 0
        /// Streams whose event was printed: late pieces of them are not.
        var ended: Set<String> = []
        var waiting: [(seq: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func print(_ delta: FermataTextDelta) {
        let stream = "\(delta.step).\(delta.call).\(delta.attempt)"
        state.withLock { state in
            guard !state.ended.contains(stream) else { return }
            if state.stream != stream {
                state.stream = stream
                state.printed = ""
                state.lastNumber = 0
                state.isBroken = false
            }
            // After a gap the rest comes with the event.
            guard !state.isBroken, delta.number == state.lastNumber + 1 else {
                state.isBroken = true
                return
            }
            state.lastNumber = delta.number
            state.printed += delta.text
            put(delta.text)
        }
    }

    func print(_ event: FermataEvent) {
        state.withLock { state in
            let stream: String
            let text: String
            switch event.kind {
            case .modelAnswered(let answer):
                stream = "\(answer.step).0.\(answer.attempt)"
                text = answer.text
            case .modelCut(let cut):
                stream = "\(cut.step).0.\(cut.attempt)"
                text = cut.text
            case .callEnded(let ended):
                stream = ".\(ended.number).\(ended.attempt)"
                text = ended.output
            default:
                put(EventLine(event).text + "\n")
                return
            }
            complete(text, of: stream, &state)
            put(EventLine(event, withText: false).text + "\n")
        }
    }

    /// Prints what of a stream's whole text is not on the screen yet.
    private func complete(_ text: String, of stream: String, _ state: inout State) {
        let isOnScreen = state.stream == stream || (stream.hasPrefix(".") && state.stream.hasSuffix(stream))
        if isOnScreen { state.ended.insert(state.stream) } else { state.ended.insert(stream) }
        let printed = isOnScreen ? state.printed : ""
        if text.hasPrefix(printed) {
            put(String(text.dropFirst(printed.count)))
        } else {
            put("\n" + text)
        }
        if !text.isEmpty, !text.hasSuffix("\n") { put("\n") }
        state.stream = ""
        state.printed = ""
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

    private func put(_ text: String) {
        fermata.print(text, terminator: "")
    }
}
