import Glibc
import Synchronization

/// Does the work of tools that blocks on files: one job after the other, on a thread of its own that lasts for as long
/// as there are jobs.
///
/// Threads: callable from any; never blocks.
final class FileWork: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var hasThread = false
    }

    private let state = Mutex(State())

    /// - Throws: if the system has no thread left; then the job is not done.
    func run(_ job: @escaping @Sendable () -> Void) throws(ToolProcessError) {
        let code = state.withLock { state -> Int32 in
            // Under the lock, so that no job is left to a thread that did not come to be.
            if !state.hasThread {
                let code = startThread()
                if code != 0 { return code }
                state.hasThread = true
            }
            state.jobs.append(job)
            return 0
        }
        if code != 0 { throw ToolProcessError(code: code, what: "The thread that works on files cannot be started") }
    }

    private func startThread() -> Int32 {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        // The thread owns one reference, released when it ends.
        let context = Unmanaged.passRetained(self)
        let code = pthread_create(&thread, &attributes, { context in
            Unmanaged<FileWork>.fromOpaque(context!).takeRetainedValue().work()
            return nil
        }, context.toOpaque())
        if code != 0 { context.release() }
        return code
    }

    private func work() {
        while true {
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                if state.jobs.isEmpty { state.hasThread = false }
                return state.jobs
            }
            if jobs.isEmpty { return }
            for job in jobs { job() }
        }
    }
}
