internal import Glibc
internal import Logging
internal import NNG
internal import Threads

/// Restarts ipc listeners that take no connections any more: because their file was removed, or because something
/// ended them, as nng before 1.6 did for peers that leave during the handshake (nng issue 1518; NNG stands before that).
final class Watchdog: Sendable {
    struct Listener: Sendable {
        let url: String
        let kind: ListenerProbe.Kind
        let restart: @Sendable () throws -> Void
    }

    /// µs between two probes. A probe costs the server about a millisecond of processor time.
    private static let calm: UInt32 = 250_000
    /// For so many probes after a restart: what has ended the listener is likely to do it again.
    private static let alert: UInt32 = 50_000
    private static let alertProbes = 40

    /// ms. A listener that is only slow, because requests keep all of nng's threads busy, must not be taken for a dead one:
    /// its restart turns away who waits.
    private static let patience = 3000

    /// Probes each ipc listener on a thread of its own, until its socket is closed.
    init(_ listeners: [Listener], counters: Counters, logger: Logger) {
        for listener in listeners where listener.url.hasPrefix("ipc://") {
            let path = String(listener.url.dropFirst("ipc://".count))
            startThread("fermata-watch") {
                Self.watch(path, listener, counters, logger.with(path: path))
            }
        }
    }

    private static func watch(_ path: String, _ listener: Listener, _ counters: Counters, _ logger: Logger) {
        var alertProbes = 0
        // µs. A shortage that comes and goes is one line a minute.
        var saidAt: Int64 = .min / 2
        while true {
            usleep(alertProbes > 0 ? alert : calm)
            alertProbes = max(0, alertProbes - 1)
            do {
                // To give up on a listener that is only slow ends it; then its restart was what it needed.
                let outcome = try ListenerProbe.probe(
                    path: path, expecting: listener.kind, timeout: .milliseconds(patience))
                // A socket whose file somebody has removed is as dead.
                guard outcome == .unresponsive || outcome == .absent else { continue }
                // Counted first: who finds the listener back finds the restart counted.
                counters.listenerRestarts.add()
                try listener.restart()
                // A storm of such peers is one line.
                if alertProbes == 0 { logger.warning("a listener took no connections and was restarted") }
                alertProbes = Self.alertProbes
            } catch {
                // The server ends.
                if (error as? NNGError) == .closed { return }
                // Without a descriptor for a moment nothing is wrong with the listener.
                let level: Logger.Level = (error as? NNGError) == .tooManyFiles ? .warning : .error
                guard Clock.monotonic - saidAt >= 60_000_000 else { continue }
                saidAt = Clock.monotonic
                logger.log(level: level, "a listener cannot be watched", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension Logger {
    fileprivate func with(path: String) -> Logger {
        var logger = self
        logger[metadataKey: "path"] = "\(path)"
        return logger
    }
}
