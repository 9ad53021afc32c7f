internal import CCurl
internal import Glibc

/// A detached thread that takes no signals.
enum Thread {
    private final class Body {
        let name: String
        let run: () -> Void

        init(name: String, run: @escaping () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// - Parameter name: at most 15 bytes; shown by the system's tools.
    static func start(named name: String, _ body: sending @escaping () -> Void) throws(CurlError) {
        // Retained here for the new thread, released by it, or below when there is none.
        let context = Unmanaged.passRetained(Body(name: name, run: body))
        // The new thread inherits the mask: signals belong to the threads that expect them, and a SIGPIPE from a
        // TLS write must not end the process (CURLOPT_NOSIGNAL leaves that to the application).
        var all = sigset_t()
        var old = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &old)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                let body = Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
                _ = ccurl_name_thread(body.name)
                body.run()
                return nil
            }, context.toOpaque())
        if failure == 0 { pthread_detach(thread) }
        pthread_sigmask(SIG_SETMASK, &old, nil)
        if failure != 0 {
            context.release()
            throw CurlError(errno: failure, doing: "pthread_create")
        }
    }
}
