import Glibc
import Synchronization

/// Our end of the pipe to which a command writes its output.
///
/// What is read is handed on under the lock under which it was read: whoever reads, the bytes arrive in the order in
/// which the command wrote them. Threads: the thread of `ToolProcesses` reads and closes; `drain` is for any.
final class OutputPipe: Sendable {
    private struct Open {
        let descriptor: Int32
        let onBytes: @Sendable (UnsafeRawBufferPointer) -> Void
    }

    /// nil once closed: no process writes to it any more, or nobody wants to know.
    private let open: Mutex<Open?>

    /// - Parameters:
    ///   - descriptor: non-blocking; owned from now on.
    ///   - onBytes: takes what was read; the bytes are its own for the time of the call only. It must not block. Released
    ///     when the pipe is closed.
    init(_ descriptor: Int32, onBytes: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) {
        open = Mutex(Open(descriptor: descriptor, onBytes: onBytes))
    }

    deinit { close() }

    /// To be polled, by the thread that closes; nil once closed.
    var number: Int32? { open.withLock { $0?.descriptor } }

    /// Reads once what is there. False when there is no more: at the end, or, for now, if nothing was there.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        open.withLock { read(&$0, into: buffer, atMost: buffer.count) > 0 }
    }

    /// Reads what is in the pipe now, at most `limit` bytes of it, and nothing that is written later: a command that
    /// writes without pause does not hold up whoever asks.
    func drain(atMost limit: Int, into buffer: UnsafeMutableRawBufferPointer) {
        open.withLock { open in
            var waiting: Int32 = 0
            guard let number = open?.descriptor, ioctl(number, UInt(FIONREAD), &waiting) == 0 else { return }
            var left = min(Int(waiting), limit)
            while left > 0 {
                let count = read(&open, into: buffer, atMost: left)
                if count <= 0 { return }
                left -= count
            }
        }
    }

    func close() {
        open.withLock { open in
            if let open { Glibc.close(open.descriptor) }
            open = nil
        }
    }

    /// Bytes that were read; 0 if there were none.
    private func read(_ open: inout Open?, into buffer: UnsafeMutableRawBufferPointer, atMost limit: Int) -> Int {
        guard let pipe = open else { return 0 }
        let count = uninterrupted { Glibc.read(pipe.descriptor, buffer.baseAddress, min(limit, buffer.count)) }
        if count < 0 && errno == EAGAIN { return 0 }
        guard count > 0 else {
            Glibc.close(pipe.descriptor)
            open = nil
            return 0
        }
        pipe.onBytes(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return count
    }
}
