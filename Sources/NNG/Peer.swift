internal import CNNG
internal import Synchronization
internal import Threads

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
        /// It is being closed to make room.
        var isLeaving = false
        /// ns, monotonic.
        let since = MonotonicTime.now.nanoseconds
        /// Requests of it that have no answer yet.
        var inProgress = 0
        /// Requests of it in all.
        var requests = 0
        /// Counts the connections' beginnings and requests: the lowest is the one that is idle the longest.
        var lastUse: UInt64 = 0

        /// It has come after this time, and may still have to say what it came for: Hello is the first request, the
        /// second is it.
        func isNew(since time: Int64) -> Bool { requests < 2 && since >= time }
    }

    private struct State {
        var entries: [UInt32: Entry] = [:]
        var accepts: [UInt32: @Sendable (Peer) -> Bool] = [:]
        var uses: UInt64 = 0
        /// Open, and not leaving.
        var staying = 0
        /// More are open than may be, for the moment that those take which could be closed and have a request in progress.
        var isCrowded = false
        /// When a connection ended that had been dialled less than a second before. ns, monotonic.
        var turnedAwayAt: Int64?
    }

    private let state = Monitor(State())
    private let open = Atomic<Int>(0)
    private let onConnect: (@Sendable (Peer) -> Void)?
    private let onDisconnect: (@Sendable (Peer) -> Void)?
    private let limit: ConnectionLimit?

    /// - Parameter limit: of connections that are open at once.
    init(
        onConnect: (@Sendable (Peer) -> Void)? = nil,
        onDisconnect: (@Sendable (Peer) -> Void)? = nil,
        limit: ConnectionLimit? = nil
    ) {
        self.onConnect = onConnect
        self.onDisconnect = onDisconnect
        self.limit = limit
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

    /// A request of this connection begins.
    func began(_ connection: UInt32) -> Peer {
        state.withLock { state in
            guard let index = state.entries.index(forKey: connection) else { return nil }
            state.uses += 1
            state.entries.values[index].lastUse = state.uses
            state.entries.values[index].inProgress += 1
            state.entries.values[index].requests += 1
            return state.entries.values[index].peer
        } ?? Peer(connection: connection)
    }

    /// It has its answer, or will have none.
    func ended(_ connection: UInt32) {
        let leaving: Peer? = state.withLock { state in
            guard let index = state.entries.index(forKey: connection) else { return nil }
            state.entries.values[index].inProgress -= 1
            // Not this one: nng may still be writing its answer.
            return state.isCrowded ? makeRoom(in: &state, sparing: connection) : nil
        }
        close(leaving)
    }

    /// How many connections are open, by the process at the other end; 0 where the transport does not tell.
    var byProcess: [Int32: Int] {
        state.withLock { $0.entries.values.reduce(into: [:]) { $0[$1.peer.process ?? 0, default: 0] += 1 } }
    }

    func has(_ connection: UInt32) -> Bool { state.withLock { $0.entries[connection] != nil } }

    /// The dialer that the open connection belongs to.
    var openDialer: UInt32? {
        state.withLock { $0.entries.values.first { $0.isOpen && $0.dialer > 0 }?.dialer }
    }

    /// Whether the peer has turned a connection away within this time (ns): it lasted for less than a second.
    func wasTurnedAway(within time: Int64) -> Bool {
        state.withLock { state in state.turnedAwayAt.map { MonotonicTime.now.nanoseconds - $0 < time } ?? false }
    }

    func hasAny(of listener: nng_listener) -> Bool {
        state.withLock { $0.entries.values.contains { $0.listener == listener.id } }
    }

    /// Closes what is open now. nng finishes the closing on a thread of its own, so this may be called from anywhere.
    func closeAll(except kept: UInt32? = nil) {
        let pipes = state.withLock { $0.entries.keys.filter { $0 != kept } }
        for pipe in pipes { nng_pipe_close(nng_pipe(id: pipe)) }
    }

    /// A reply has come over this connection, so that it is open, also if nng has not said so yet: a thread that is held
    /// up between the connection's start and its ADD_POST had the next request end as one without a connection.
    func proved(_ connection: UInt32) { opened(connection) }

    private func opened(_ connection: UInt32) {
        // It can be gone before its own ADD_POST: then there is no entry any more, and it never was open.
        let (peer, leaving): (Peer?, Peer?) = state.withLock { state in
            guard let index = state.entries.index(forKey: connection), !state.entries.values[index].isOpen else {
                return (nil, nil)
            }
            state.uses += 1
            state.entries.values[index].isOpen = true
            state.entries.values[index].lastUse = state.uses
            state.staying += 1
            open.add(1, ordering: .acquiringAndReleasing)
            return (state.entries.values[index].peer, makeRoom(in: &state, sparing: connection))
        }
        if let peer { onConnect?(peer) }
        close(leaving)
    }

    /// nng's word about a connection, on one of its threads.
    func happened(_ event: nng_pipe_ev, _ pipe: nng_pipe) {
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
            opened(pipe.id)
        case NNG_PIPE_EV_REM_POST:
            let peer: Peer? = state.withLock { state in
                guard let entry = state.entries.removeValue(forKey: pipe.id) else { return nil }
                if entry.isOpen, !entry.isLeaving { state.staying -= 1 }
                if entry.isOpen { open.subtract(1, ordering: .acquiringAndReleasing) }
                if entry.dialer > 0, !entry.isRefused {
                    let now = MonotonicTime.now.nanoseconds
                    if now - entry.since < 1_000_000_000 { state.turnedAwayAt = now }
                }
                // What came over a connection that was taken may be here already, though it never was said to be open.
                return entry.isOpen || entry.listener > 0 ? entry.peer : nil
            }
            if let peer { onDisconnect?(peer) }
            DialWatch.shared.look()
        default:
            break
        }
    }

    /// Chooses who leaves when there are too many, see `Crowding`. If all have a request in progress, one more may be open
    /// until one of them ends; then the newcomer leaves.
    private func makeRoom(in state: inout State, sparing spared: UInt32) -> Peer? {
        guard let limit, state.staying > limit.count else {
            state.isCrowded = false
            return nil
        }
        let time = MonotonicTime.now.nanoseconds - limit.grace
        let mayStay = state.staying == limit.count + 1
        let crowding = Crowding(
            connections: state.entries.lazy.filter { $0.value.isOpen && !$0.value.isLeaving }.map { key, entry in
                Crowding.Connection(
                    key: key, process: entry.peer.process ?? 0, isBusy: entry.inProgress > 0,
                    isNew: entry.isNew(since: time), lastUse: entry.lastUse)
            }, limit: limit.count)
        guard let key = crowding.leaving(sparing: spared, mayStay: mayStay) else {
            state.isCrowded = true
            return nil
        }
        state.entries[key]!.isLeaving = true
        state.staying -= 1
        state.isCrowded = state.staying > limit.count
        return state.entries[key]!.peer
    }

    private func close(_ leaving: Peer?) {
        guard let leaving else { return }
        nng_pipe_close(nng_pipe(id: leaving.connection))
        limit?.onClose(leaving)
    }
}

/// More connections than there may be: who leaves.
///
/// Of those without a request in progress the first by `Standing`. But where one process has more than half of all, it is
/// one of its own before anybody else's, whatever it waits for: a crowd that asks and does not read its answers always has
/// requests in progress, and had those closed who wanted to interrupt, for up to 15 s at 64 descriptors. Who asked and had
/// no answer asks again, and a command that is asked again is carried out once.
struct Crowding {
    struct Connection {
        let key: UInt32
        /// At the other end; of peers of which that is not known, 0.
        let process: Int32
        /// It has a request in progress.
        let isBusy: Bool
        let isNew: Bool
        let lastUse: UInt64
    }

    let connections: [Connection]
    let limit: Int

    init(connections: some Sequence<Connection>, limit: Int) {
        self.connections = Array(connections)
        self.limit = limit
    }

    /// - Parameters:
    ///   - spared: has just come, or had its answer just now.
    ///   - mayStay: there is one too many, and it may stay while all have a request in progress.
    /// - Returns: nil: nobody, for now.
    func leaving(sparing spared: UInt32, mayStay: Bool) -> UInt32? {
        let counts = connections.reduce(into: [:]) { $0[$1.process, default: 0] += 1 }
        let idle = connections.filter { !$0.isBusy && $0.key != spared }.min { left, right in
            standing(left, counts) < standing(right, counts)
        }
        let chosen = idle ?? connections.first { $0.key == spared }
        if let largest = counts.max(by: { $0.value < $1.value }), 2 * largest.value > limit, let chosen,
            chosen.process != largest.key,
            let one = connections.filter({ $0.process == largest.key && $0.key != spared }).min(by: {
                ($0.isBusy ? 1 : 0, $0.lastUse) < ($1.isBusy ? 1 : 0, $1.lastUse)
            })
        {
            return one.key
        }
        return idle?.key ?? (mayStay ? nil : spared)
    }

    private func standing(_ connection: Connection, _ counts: [Int32: Int]) -> Standing {
        Standing(
            processCount: counts[connection.process] ?? 1, isNew: connection.isNew, lastUse: connection.lastUse)
    }
}

/// In which order connections are closed for newcomers: first those of the process that has the most, then those that have
/// not just come, then those that are idle the longest.
///
/// By the time of idleness alone a client that asks again and again is never idle for long, and newcomers close each other's
/// connections: at 64 descriptors, beside 30 such clients, an interrupt took up to 2 s. And a crowd of one process, all of
/// which comes at once after a standstill, had the one connection closed of whoever wanted to interrupt: up to 1.7 s.
struct Standing: Comparable {
    /// Connections of the peer's process; of peers of which that is not known, all together.
    var processCount: Int
    var isNew: Bool
    var lastUse: UInt64

    static func < (left: Standing, right: Standing) -> Bool {
        (-left.processCount, left.isNew ? 1 : 0, left.lastUse) < (
            -right.processCount, right.isNew ? 1 : 0, right.lastUse
        )
    }
}

/// How many connections a socket has at most, so that others can connect.
///
/// Beyond that each newcomer has one closed that does nothing: of the process that has the most connections, the one that
/// is idle the longest, and of those that have just come only if there is no other. Its client dials again when it needs it. While each of them has a
/// request in progress, one more is open.
public struct ConnectionLimit: Sendable {
    public var count: Int
    /// ns: for so long a connection is new, until its second request.
    let grace: Int64
    /// One is closed for it; on one of nng's threads, must not block.
    public var onClose: @Sendable (Peer) -> Void

    /// - Parameter grace: for so long a connection is new, until its second request.
    public init(
        count: Int, grace: Duration = .seconds(1), onClose: @escaping @Sendable (Peer) -> Void = { _ in }
    ) {
        self.count = max(1, count)
        self.grace = grace.wholeNanoseconds
        self.onClose = onClose
    }
}
