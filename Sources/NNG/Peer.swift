internal import CNNG
internal import Synchronization

/// Who is at the other end of a connection.
public struct Peer: Hashable, Sendable {
    /// Number of the connection in this process; it is not used again soon.
    public let connection: UInt32
    /// The peer's user, group and process as the kernel noted them when it connected; nil unless the transport is ipc.
    public let user: UInt32?
    public let group: UInt32?
    public let process: Int32?

    init(pipe: nng_pipe) {
        connection = pipe.id
        user = Self.number(pipe, NNG_OPT_IPC_PEER_UID).map { UInt32(truncatingIfNeeded: $0) }
        group = Self.number(pipe, NNG_OPT_IPC_PEER_GID).map { UInt32(truncatingIfNeeded: $0) }
        process = Self.number(pipe, NNG_OPT_IPC_PEER_PID).map { Int32(truncatingIfNeeded: $0) }
    }

    /// A peer that left before anything was known of it.
    init(connection: UInt32) {
        self.connection = connection
        user = nil
        group = nil
        process = nil
    }

    private static func number(_ pipe: nng_pipe, _ option: String) -> UInt64? {
        var value: UInt64 = 0
        return nng_pipe_get_uint64(pipe, option, &value) == 0 ? value : nil
    }
}

/// The connections of one socket, kept by nng's pipe events.
///
/// nng holds an unretained pointer to it: its owner keeps it until `nng_close` of the socket has returned (which waits
/// for the last event), or for ever.
final class Connections: Sendable {
    private struct Entry {
        let peer: Peer
        let listener: UInt32
        let dialer: UInt32
        var isOpen = false
        var isRefused = false
    }

    private struct State {
        var entries: [UInt32: Entry] = [:]
        var accepts: [UInt32: @Sendable (Peer) -> Bool] = [:]
    }

    private let state = Monitor(State())
    private let open = Atomic<Int>(0)
    private let onConnect: (@Sendable (Peer) -> Void)?
    private let onDisconnect: (@Sendable (Peer) -> Void)?

    init(
        onConnect: (@Sendable (Peer) -> Void)? = nil,
        onDisconnect: (@Sendable (Peer) -> Void)? = nil
    ) {
        self.onConnect = onConnect
        self.onDisconnect = onDisconnect
    }

    /// Connections that are open now.
    var count: Int { open.load(ordering: .acquiring) }

    func watch(_ socket: nng_socket) throws(NNGError) {
        let pointer = Unmanaged.passUnretained(self).toOpaque()
        for event in [NNG_PIPE_EV_ADD_PRE, NNG_PIPE_EV_ADD_POST, NNG_PIPE_EV_REM_POST] {
            let result = nng_pipe_notify(
                socket, event,
                { pipe, event, pointer in
                    Unmanaged<Connections>.fromOpaque(pointer!).takeUnretainedValue().happened(event, pipe)
                }, pointer)
            try NNGError.check(result)
        }
    }

    /// Asks `accept` about each connection that this listener takes. Set before the listener starts.
    func setAccept(_ accept: (@Sendable (Peer) -> Bool)?, listener: nng_listener) {
        state.withLock { $0.accepts[listener.id] = accept }
    }

    func removeAccept(listener: nng_listener) {
        state.withLock { _ = $0.accepts.removeValue(forKey: listener.id) }
    }

    func peer(_ connection: UInt32) -> Peer {
        state.withLock { $0.entries[connection]?.peer } ?? Peer(connection: connection)
    }

    /// The dialer that the open connection belongs to.
    var openDialer: UInt32? {
        state.withLock { $0.entries.values.first { $0.isOpen && $0.dialer > 0 }?.dialer }
    }

    func hasAny(of listener: nng_listener) -> Bool {
        state.withLock { $0.entries.values.contains { $0.listener == listener.id } }
    }

    /// Closes what is open now. nng finishes the closing on a thread of its own, so this may be called from anywhere.
    func closeAll(except kept: UInt32? = nil) {
        let pipes = state.withLock { $0.entries.keys.filter { $0 != kept } }
        for pipe in pipes { nng_pipe_close(nng_pipe(id: pipe)) }
    }

    private func happened(_ event: nng_pipe_ev, _ pipe: nng_pipe) {
        switch event {
        case NNG_PIPE_EV_ADD_PRE:
            let peer = Peer(pipe: pipe)
            let listener = nng_pipe_listener(pipe)
            let dialer = nng_pipe_dialer(pipe)
            let (accept, isSecond) = state.withLock { state in
                // Two dialers of a socket may both get through: see `Dialing`.
                let isSecond = dialer.id > 0 && state.entries.values.contains { $0.dialer > 0 && !$0.isRefused }
                state.entries[pipe.id] = Entry(
                    peer: peer, listener: listener.id, dialer: dialer.id, isRefused: isSecond)
                return (state.accepts[listener.id], isSecond)
            }
            // Here, before the protocol sees the connection, closing it is a refusal.
            if isSecond || accept?(peer) == false { nng_pipe_close(pipe) }
        case NNG_PIPE_EV_ADD_POST:
            // A connection can be gone before its own ADD_POST: then there is no entry any more, and it never was open.
            let peer: Peer? = state.withLock { state in
                guard state.entries[pipe.id] != nil else { return nil }
                state.entries[pipe.id]!.isOpen = true
                open.add(1, ordering: .acquiringAndReleasing)
                return state.entries[pipe.id]!.peer
            }
            if let peer { onConnect?(peer) }
        case NNG_PIPE_EV_REM_POST:
            let peer: Peer? = state.withLock { state in
                guard let entry = state.entries.removeValue(forKey: pipe.id) else { return nil }
                if entry.isOpen { open.subtract(1, ordering: .acquiringAndReleasing) }
                // What came over a connection that was taken may be here already, though it never was said to be open.
                return entry.isOpen || entry.listener > 0 ? entry.peer : nil
            }
            if let peer {
                onDisconnect?(peer)
                DialWatch.shared.look()
            }
        default:
            break
        }
    }
}
