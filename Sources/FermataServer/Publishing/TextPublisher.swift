internal import FermataProtocol
internal import Glibc
internal import NNG
internal import Synchronization
internal import SwiftProtobuf
internal import Threads

/// The `text` socket: text as it streams, at most one message per stream in 20 ms.
///
/// Filled from the threads on which text arrives, sent by a thread of its own: a fast stream makes fewer, longer
/// messages, and no stream waits for another.
final class TextPublisher: Sendable {
    /// What text belongs to.
    struct Stream: Hashable, Sendable {
        let run: RunID
        let step: UInt32
        /// 0: the model.
        let call: UInt32
        let attempt: UInt32
    }

    private struct State {
        var pending: [(stream: Stream, content: FermataTextDelta.Content, text: String, isCut: Bool)] = []
        /// Of the last message of each stream, or of the gap after it.
        var numbers: [Stream: UInt64] = [:]
        /// Streams whose number is forgotten once what waits of them is out.
        var ended: Set<Stream> = []
    }

    private let state = Mutex(State())
    private let wakeUps = Mailbox<Bool>()
    private let socket: PublishSocket
    /// µs.
    private static let interval: UInt32 = 20_000
    /// Text that waits beyond this many bytes is not published: the journal will have it, and the numbers show a gap.
    private static let pendingLimit = 1 << 20

    init(socket: PublishSocket) {
        self.socket = socket
        startThread("fermata-text") { [self] in
            while true {
                _ = wakeUps.take(until: .max / 2, atMost: .max)
                flush()
                // The first piece goes out at once; what follows gathers for an interval.
                usleep(TextPublisher.interval)
            }
        }
    }

    func append(_ text: String, _ content: FermataTextDelta.Content, to stream: Stream) {
        let isFirst = state.withLock { state in
            // What is of another kind comes after it.
            if let last = state.pending.indices.last(where: { state.pending[$0].stream == stream }),
                state.pending[last].content == content
            {
                if state.pending[last].text.utf8.count < TextPublisher.pendingLimit {
                    state.pending[last].text += text
                } else {
                    state.pending[last].isCut = true
                }
                return false
            }
            state.pending.append((stream, content, text, false))
            return state.pending.count == 1
        }
        if isFirst { wakeUps.wake() }
    }

    /// The stream is over: its number is forgotten, what waits of it still goes out.
    func end(_ stream: Stream) {
        state.withLock { state in
            if state.pending.contains(where: { $0.stream == stream }) {
                state.ended.insert(stream)
            } else {
                state.numbers[stream] = nil
            }
        }
    }

    private func flush() {
        let messages = state.withLock { state in
            let messages = state.pending.map { pending in
                let number = state.numbers[pending.stream, default: 0] + 1
                state.numbers[pending.stream] = pending.isCut ? number + 1 : number
                return (pending.stream, pending.content, pending.text, number)
            }
            state.pending = []
            for stream in state.ended { state.numbers[stream] = nil }
            state.ended = []
            return messages
        }
        for (stream, content, text, number) in messages {
            let delta = FermataTextDelta.with {
                $0.run = stream.run.description
                $0.step = stream.step
                $0.call = stream.call
                $0.attempt = stream.attempt
                $0.number = number
                $0.text = text
                $0.content = content
            }
            socket.publish(Topic.text, stream.run, .textDelta, delta)
        }
    }
}
