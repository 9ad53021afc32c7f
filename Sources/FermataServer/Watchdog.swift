internal import Glibc
internal import Logging
internal import NNG

/// Restarts ipc listeners that no longer take connections, which happens in nng before 1.6 when a peer connects and
/// leaves before the handshake (nng issue 1518). Newer versions never need it.
final class Watchdog: Sendable {
    struct Listener: Sendable {
        let url: String
        let kind: ListenerProbe.Kind
        let restart: @Sendable () throws -> Void
    }

    /// Probes each ipc listener once a second on a thread of its own, until the process ends.
    init(_ listeners: [Listener], counters: Counters, logger: Logger) {
        let watched = listeners.compactMap { listener -> (path: String, listener: Listener)? in
            guard listener.url.hasPrefix("ipc://") else { return nil }
            return (String(listener.url.dropFirst("ipc://".count)), listener)
        }
        startThread("fermata-watch") {
            while true {
                sleep(1)
                for (path, listener) in watched {
                    do {
                        let outcome = try ListenerProbe.probe(path: path, expecting: listener.kind, timeout: .seconds(1))
                        guard outcome == .unresponsive else { continue }
                        logger.warning("a listener takes no connections and is restarted", metadata: ["path": "\(path)"])
                        try listener.restart()
                        counters.listenerRestarts.add()
                    } catch {
                        logger.error("a listener cannot be watched", metadata: ["path": "\(path)", "error": "\(error)"])
                    }
                }
            }
        }
    }
}
