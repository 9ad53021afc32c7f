internal import Glibc
internal import Threads

/// Asks from outside whether an ipc listener takes new connections.
///
/// In nng before 1.6, an ipc listener may be dead for new connections once a peer has left during the handshake
/// ([#1518](https://github.com/nanomsg/nng/issues/1518)), while its old connections live on and the handshake itself goes
/// on to work. The cause is taken away in this module (`sendMessageToWhoeverIsThere`); a watchdog that probes and restarts
/// also helps where the socket's file was removed, and where something else ends a listener.
///
/// The probe connects, shakes hands as a peer of no protocol, and waits for what a living listener does then: it takes
/// the connection, sees that the protocol does not fit, and closes it. No message is sent, no context is used.
public enum ListenerProbe {
    /// Number of the protocol that a listener speaks, as in the handshake.
    public struct Kind: Hashable, Sendable {
        public let number: UInt16
        public init(number: UInt16) { self.number = number }
        public static let reply = Kind(number: 0x31)
        public static let publish = Kind(number: 0x20)
    }

    public enum Outcome: Hashable, Sendable {
        /// New connections are taken.
        case alive
        /// There is no file, or nobody listens at it.
        case absent
        /// Connections are not taken within the time-out, or are closed before the handshake.
        case unresponsive
        /// Something else listens there: another protocol, or not nng.
        case foreign
    }

    /// Probes until a probe says something. Blocks the calling thread for at most `timeout`, not counting a time in which
    /// the process was stopped.
    ///
    /// A probe says nothing while the queue of connections is full, as it is after a stop in which many dialed, and if the
    /// process was stopped in its midst: then it may be the probe that was too slow for the listener.
    ///
    /// A probe that gives up before the handshake is complete would itself end a listener of nng before 1.6 that is
    /// only slow: give it a second.
    ///
    /// - Throws: `addressInvalid`, `permissionDenied`, `tooManyFiles`: this process could not ask.
    public static func probe(path: String, expecting kind: Kind, timeout: Duration) throws(NNGError) -> Outcome {
        var patience = Patience(timeout)
        while true {
            let outcome = try probeOnce(path, kind, &patience)
            let isFull = outcome == nil
            guard patience.lasts(), isFull || outcome == .unresponsive && patience.takeStop() else {
                return outcome ?? .unresponsive
            }
            if isFull { poll(nil, 0, Patience.slice) }
        }
    }

    /// - Returns: nil if the queue of connections is full.
    private static func probeOnce(
        _ path: String, _ kind: Kind, _ patience: inout Patience
    ) throws(NNGError) -> Outcome? {
        let (descriptor, failure) = SocketFile.connect(path, type: SOCK_STREAM)
        defer { if descriptor >= 0 { close(descriptor) } }
        switch failure {
        case 0: break
        case ENOENT, ECONNREFUSED: return .absent
        case EAGAIN: return nil
        case EPROTOTYPE: return .foreign
        default: throw .system(failure, detail: path)
        }
        // Protocol 0 fits nobody.
        let ours: [UInt8] = [0, 0x53, 0x50, 0, 0, 0, 0, 0]
        guard send(descriptor, ours, ours.count, Int32(MSG_NOSIGNAL)) == ours.count else { return .unresponsive }
        var theirs: [UInt8] = []
        while theirs.count < ours.count {
            switch read(descriptor, atMost: ours.count - theirs.count, with: &patience) {
            case .bytes(let bytes): theirs += bytes
            case .end, .nothing: return .unresponsive
            }
        }
        let expected = [0, 0x53, 0x50, 0, UInt8(kind.number >> 8), UInt8(kind.number & 0xff), 0, 0]
        guard theirs == expected else { return .foreign }
        while true {
            switch read(descriptor, atMost: 256, with: &patience) {
            case .end: return .alive
            case .nothing: return .unresponsive
            case .bytes: return .foreign
            }
        }
    }

    /// For how long an answer is waited for, in slices: of a slice that took longer than it was to take, because the
    /// process was stopped, only so much counts. Its own listener was stopped with it, and is not dead for that.
    private struct Patience {
        /// ms.
        static let slice: Int32 = 50

        /// ns.
        private var left: Int64
        private var known = MonotonicTime.now.nanoseconds
        private var wasStopped = false

        init(_ timeout: Duration) { left = Deadline(after: timeout).remainingNanoseconds }

        mutating func lasts() -> Bool {
            let now = MonotonicTime.now.nanoseconds
            let most = 2 * Int64(Patience.slice) * 1_000_000
            if now - known > most { wasStopped = true }
            left -= min(now - known, most)
            known = now
            return left > 0
        }

        /// Whether the process was stopped since this was asked last.
        mutating func takeStop() -> Bool {
            defer { wasStopped = false }
            return wasStopped
        }
    }

    private enum Read {
        case bytes([UInt8])
        case end
        case nothing
    }

    private static func read(_ descriptor: Int32, atMost count: Int, with patience: inout Patience) -> Read {
        var buffer = [UInt8](repeating: 0, count: count)
        while true {
            let length = recv(descriptor, &buffer, count, 0)
            if length > 0 { return .bytes(Array(buffer[..<length])) }
            if length == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                guard patience.lasts() else { return .nothing }
                var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&wanted, 1, Patience.slice)
            default: return .end
            }
        }
    }
}
