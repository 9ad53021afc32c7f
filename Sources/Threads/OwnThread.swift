internal import CProcess
internal import Glibc

/// Detached threads with names, for work that blocks.
package enum OwnThread {
    /// The system has no thread left, or no memory for one.
    package struct Failure: Error {
        /// An `errno`.
        package let code: Int32
    }

    private final class Body {
        let name: String
        let run: () -> Void

        init(_ name: String, _ run: @escaping () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread. It ends when the body returns, and takes no signal but those that it causes itself: signals belong
    /// to the thread that expects them, and where curl writes to a closed connection a SIGPIPE must not end the process.
    ///
    /// - Parameter name: at most 15 bytes; the system's tools show it.
    package static func start(_ name: String, _ body: sending @escaping () -> Void) throws(Failure) {
        precondition(name.utf8.count <= 15, "the system cuts the name of thread \(name)")
        // Retained here for the new thread, released by it, or below when there is none.
        let context = Unmanaged.passRetained(Body(name, body))
        // The new thread inherits the mask.
        var (mask, before) = (sigset_t(), sigset_t())
        sigfillset(&mask)
        for own in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS] { sigdelset(&mask, own) }
        pthread_sigmask(SIG_SETMASK, &mask, &before)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                let body = Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
                cprocess_name_thread(body.name)
                body.run()
                return nil
            }, context.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            context.release()
            throw Failure(code: code)
        }
        pthread_detach(thread)
    }
}
