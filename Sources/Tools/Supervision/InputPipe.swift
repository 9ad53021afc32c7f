import Glibc
import Synchronization

/// Our end of the pipe from which a process reads its standard input: what is queued for it, in order and bounded.
///
/// Threads: any may queue, and nothing here blocks. The thread of `ToolProcesses` alone opens, writes and closes: so it
/// is that thread to which the kernel would send SIGPIPE, and no descriptor is closed under somebody who writes.
final class InputPipe: Sendable {
    private struct State {
        /// nil before the process has started, and once closed.
        var descriptor: Int32?
        var isClosed = false
        /// It is to be closed when all is written.
        var isEnding = false
        var queue: [[UInt8]] = []
        /// What of the queue, and of its first part, is written.
        var first = 0
        var offset = 0
        var bytes = 0

        mutating func close() {
            if let descriptor { Glibc.close(descriptor) }
            self = State(isClosed: true)
        }
    }

    enum Queueing { case queued, full, closed }

    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: bytes that may wait to be written.
    init(limit: Int) { self.limit = limit }

    deinit { close() }

    /// Queues all of it or nothing.
    func append(_ bytes: [UInt8]) -> Queueing {
        state.withLock { state in
            guard !state.isClosed, !state.isEnding else { return .closed }
            guard bytes.count <= limit - state.bytes else { return .full }
            guard !bytes.isEmpty else { return .queued }
            state.queue.append(bytes)
            state.bytes += bytes.count
            return .queued
        }
    }

    /// The process is told the end of its input after what is queued. Nothing more is taken.
    func end() { state.withLock { $0.isEnding = true } }

    // MARK: - The thread of ToolProcesses

    /// - Parameter descriptor: non-blocking; owned from now on.
    func open(_ descriptor: Int32) { state.withLock { $0.descriptor = descriptor } }

    /// To be polled for room; nil if there is nothing to write. Closes at the end.
    var pollable: Int32? {
        state.withLock { state in
            guard state.descriptor != nil, state.bytes == 0 else { return state.descriptor }
            if state.isEnding { state.close() }
            return nil
        }
    }

    /// Writes what there is room for, up to a limit: then it is others' turn.
    func write() {
        state.withLock { state in
            guard let descriptor = state.descriptor else { return }
            var left = InputPipe.bytesAtOnce
            while left > 0, state.first < state.queue.count {
                let part = state.queue[state.first]
                let count = part.withUnsafeBytes { part in
                    let rest = UnsafeRawBufferPointer(rebasing: part[state.offset...].prefix(left))
                    return uninterrupted { Glibc.write(descriptor, rest.baseAddress, rest.count) }
                }
                if count < 0 {
                    // EPIPE: nobody reads it any more. Nothing else is to be expected of a pipe.
                    if errno != EAGAIN { state.close() }
                    return
                }
                left -= count
                state.bytes -= count
                state.offset += count
                guard state.offset == part.count else { continue }
                state.queue[state.first] = []
                state.first += 1
                state.offset = 0
            }
            if state.first == state.queue.count || state.first > 1024 {
                state.queue.removeFirst(state.first)
                state.first = 0
            }
        }
    }

    func close() { state.withLock { $0.close() } }

    private static let bytesAtOnce = 256 << 10
}
