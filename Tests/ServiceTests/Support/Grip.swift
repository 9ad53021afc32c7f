import Foundation

/// Keeps a process that is killed from being gone. The kernel tells a tracer of a process's death before it tells the
/// parent; as long as the tracer does not listen, the parent's wait goes on. So a test decides how long a tool is
/// being killed, which nothing inside the tool can.
///
/// Threads: any. The process is let go when `release` is called or nothing refers to this any more.
final class Grip: Sendable {
    private let letGo = DispatchSemaphore(value: 0)

    /// Takes hold of a process; it goes on as if nothing were.
    init(_ process: pid_t) async throws {
        let letGo = letGo
        let error = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
            // The tracer is this thread: the kernel lets go of the process when the thread ends.
            Thread.detachNewThread {
                // ptrace(2) is variadic in C, and all its arguments are words.
                typealias Trace = @convention(c) (Int, Int, Int, Int) -> Int
                let trace = unsafeBitCast(dlsym(nil, "ptrace"), to: Trace.self)
                let isHeld = trace(0x4206 /* PTRACE_SEIZE */, Int(process), 0, 0) == 0
                continuation.resume(returning: isHeld ? 0 : errno)
                if isHeld { letGo.wait() }
            }
        }
        guard error == 0 else { throw POSIXError(POSIXErrorCode(rawValue: error) ?? .EPERM) }
    }

    func release() { letGo.signal() }

    deinit { letGo.signal() }
}
