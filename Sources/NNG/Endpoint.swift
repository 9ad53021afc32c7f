internal import CNNG
internal import Glibc
internal import Synchronization

/// How a listener listens.
public struct ListenOptions: Sendable {
    /// Permissions of an ipc socket's file, set before anyone can connect. Default: its owner only.
    public var filePermissions: UInt16 = 0o600

    /// Decides, before a message is read, whether a peer may stay. On one of nng's threads: must not block.
    ///
    /// It is asked about every connection, that of `ListenerProbe` too.
    public var accept: (@Sendable (Peer) -> Bool)?

    /// So many of the process's last descriptors are left to other listeners: without them it takes no connection, and
    /// who wants one waits. Of ipc only.
    public var leavesDescriptors: Int

    public init(
        filePermissions: UInt16 = 0o600, leavesDescriptors: Int = 0, accept: (@Sendable (Peer) -> Bool)? = nil
    ) {
        self.filePermissions = filePermissions
        self.leavesDescriptors = leavesDescriptors
        self.accept = accept
    }
}

/// An nng socket with its connections, listeners and dialer.
///
/// In nng, creating and closing of endpoints race with each other, so all of it in the process is done by turns.
final class Endpoint: Sendable {
    private struct Listening {
        let address: Address
        let options: ListenOptions
        var listener: nng_listener?
        /// Listeners before it that nobody can find any more, kept for the connections that they still have.
        var retired: [nng_listener] = []
    }

    private static let isTaken = Monitor(false)

    let socket: nng_socket
    let connections: Connections
    private let receiveLimit: Int
    private let listening = Monitor<[Listening]>([])
    private let dialing = Monitor<Dialing?>(nil)
    private let isLast = Atomic(false)

    init(
        maximumMessageSize: Int,
        headerSize: Int,
        connections: Connections,
        open: (UnsafeMutablePointer<nng_socket>) -> Int32
    ) throws(NNGError) {
        // nng counts its own header; 0 is nng's word for "unlimited", and the length that a peer claims is allocated.
        guard maximumMessageSize > 0, maximumMessageSize <= Int(Int32.max) else {
            throw .invalidArgument.with(detail: "a message size is 1 byte to 2 GiB")
        }
        receiveLimit = maximumMessageSize + headerSize
        self.connections = connections
        var socket = nng_socket()
        try Self.byTurns { () throws(NNGError) in try NNGError.check(open(&socket)) }
        self.socket = socket
        do throws(NNGError) {
            try connections.watch(socket)
        } catch {
            close()
            throw error
        }
    }

    /// Runs `body` when no other thread is in here. A turn takes microseconds, or nng hangs in it: then the others go
    /// on after a while, since a race that may be lost is better than a process that stands still.
    private static func byTurns<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let turn: Bool? = isTaken.wait(until: Deadline(after: .seconds(2))) { isTaken in
            if isTaken { return nil }
            isTaken = true
            return true
        }
        defer { if turn != nil { isTaken.signal { $0 = false } } }
        return try body()
    }

    /// Listens at an address, in addition to those before.
    func listen(_ address: Address, _ options: ListenOptions) throws(NNGError) {
        let listener = try start(address, options)
        listening.withLock { $0.append(Listening(address: address, options: options, listener: listener)) }
    }

    /// Replaces the listener at this address, which takes no connections any more, by a new one.
    ///
    /// The old one is closed only if it has no connections: to close those in the midst of traffic is a danger in
    /// itself (see `Connections.closeAll`), and they work. In any case nng 1.5.2 keeps the descriptors of the peers that
    /// the old one had shaken hands with and not taken, for ever: the sooner it is replaced, the fewer they are.
    func restart(_ address: Address) throws(NNGError) {
        try listening.withLock { listening throws(NNGError) in
            guard let index = listening.firstIndex(where: { $0.address == address }) else {
                throw .notFound.with(detail: "there is no listener at \(address)")
            }
            if let old = listening[index].listener {
                listening[index].retired.append(old)
                listening[index].listener = nil
            }
            // Before the new one starts: closing a listener removes the file of its path, whosever that is.
            listening[index].retired.removeAll { old in
                if address.path != nil, connections.hasAny(of: old) { return false }
                _ = Self.byTurns { nng_listener_close(old) }
                connections.removeAccept(listener: old)
                return true
            }
            if let path = address.path, !listening[index].retired.isEmpty { unlink(path) }
            listening[index].listener = try start(address, listening[index].options)
        }
    }

    private func start(_ address: Address, _ options: ListenOptions) throws(NNGError) -> nng_listener {
        try Self.byTurns { () throws(NNGError) in
            try address.requireFree()
            var listener = nng_listener()
            try NNGError.check(nng_listener_create(&listener, socket, address.url), address.url)
            do throws(NNGError) {
                try setReceiveLimit { nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, $0) }
                if address.path != nil {
                    let permissions = Int32(options.filePermissions)
                    try NNGError.check(nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, permissions))
                }
                connections.setAccept(options.accept, listener: listener)
                if let path = address.path { YieldingListeners.shared.set(options.leavesDescriptors, path: path) }
                try NNGError.check(nng_listener_start(listener, 0), address.url)
            } catch {
                connections.removeAccept(listener: listener)
                nng_listener_close(listener)
                throw error
            }
            return listener
        }
    }

    /// Dials without blocking, and again whenever there is no connection.
    func dial(_ address: Address) throws(NNGError) {
        let dialing = try Dialing(self, address)
        self.dialing.withLock { $0 = dialing }
        DialWatch.shared.watch(dialing)
    }

    /// Nobody needs the connection any more, or somebody does again: see `Dialing`.
    func setNeedsConnection(_ needsConnection: Bool) {
        guard let dialing = dialing.withLock({ $0 }) else { return }
        dialing.setNeeded(needsConnection)
        DialWatch.shared.watch(dialing)
    }

    /// See `Dialing`.
    func dialNoMore() {
        isLast.store(true, ordering: .sequentiallyConsistent)
        dialing.withLock { $0 }?.dialNoMore()
    }

    /// Whether no other connection is dialled when there is none. Never blocks.
    var dialsNoMore: Bool { isLast.load(ordering: .sequentiallyConsistent) }

    var isDialling: Bool { dialing.withLock { $0 }?.isDialling ?? false }

    /// ms: the shortest pause between two dials, of which nng takes a random part.
    static let leastPause: nng_duration = 10
    /// The same while the peer turns connections away.
    static let patientPause: nng_duration = 1000

    /// A dialer that has begun to dial.
    func startDialer(_ address: Address) throws(NNGError) -> nng_dialer {
        try Self.byTurns { () throws(NNGError) in
            var dialer = nng_dialer()
            try NNGError.check(nng_dialer_create(&dialer, socket, address.url), address.url)
            do throws(NNGError) {
                try setReceiveLimit { nng_dialer_set_size(dialer, NNG_OPT_RECVMAXSZ, $0) }
                try NNGError.check(nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, Self.leastPause))
                // An attempt costs 1.5 ms of processor time in nng 1.5.2: 100 ms here burnt 3 to 7 % of a core for each
                // socket whose server was gone.
                try NNGError.check(nng_dialer_set_ms(dialer, NNG_OPT_RECONNMAXT, 1000))
                try NNGError.check(nng_dialer_start(dialer, Int32(NNG_FLAG_NONBLOCK)), address.url)
            } catch {
                nng_dialer_close(dialer)
                throw error
            }
            return dialer
        }
    }

    func closeDialer(_ dialer: nng_dialer) {
        _ = Self.byTurns { nng_dialer_close(dialer) }
    }

    /// inproc knows no limit, and needs none: its messages come from this process.
    private func setReceiveLimit(_ set: (Int) -> Int32) throws(NNGError) {
        let result = set(receiveLimit)
        if NNGError(code: result) == .notSupported { return }
        try NNGError.check(result)
    }

    /// Closes the socket. Blocks until nng has let go of every connection; may hang if operations are in progress.
    func close() {
        dialing.withLock { $0 }?.end()
        _ = Self.byTurns { nng_close(socket) }
    }
}
