internal import Glibc
internal import Threads

/// Connections to ipc listeners of this process whose peers have not shaken hands: nng keeps each for ten seconds, with a
/// descriptor, and tells nobody of them. A crowd of these takes all that the process may have, and nobody else connects.
///
/// They are found among the process's descriptors: those of a listener's path, less those that nng has as connections, by
/// the peer's process. One is closed by shutting it down, which nng takes for its end; nng itself closes the descriptor.
///
/// A value of one thread.
public struct SilentConnections {
    private struct Connection {
        let descriptor: Int32
        /// Of the kernel, never used again: <https://man7.org/linux/man-pages/man7/socket.7.html> (SO_COOKIE).
        let cookie: UInt64
        let process: Int32
        /// The peer has not read our half of the handshake.
        let isUnread: Bool
    }

    /// When each was first seen (ns, monotonic), by its cookie.
    private var seen: [UInt64: Int64] = [:]

    /// Processes with a crowd, and when it was seen last: theirs are closed at the first look, for a second.
    private var crowds: [Int32: Int64] = [:]
    private var lastLook = MonotonicTime.now.nanoseconds
    /// Listeners whose crowds are told to `SilentCrowds`.
    private var told: Set<String> = []

    /// A process with no more than this many that are silent is given time: on a busy machine the handshake of a client
    /// that comes alone takes longer than a look at a crowd does.
    private static let few = 3
    private static let patience: Int64 = 500_000_000
    /// ns. Who looks again only after more than this was stopped meanwhile, and does not judge others by that time.
    private static let standstill: Int64 = 300_000_000

    public init() {}

    /// Whether the process has nearly all descriptors that it may have: fewer than 8 are free.
    public static func areDescriptorsShort(limit: Int) -> Bool { !FreeDescriptors.areThere(8, limit: limit) }

    /// How long to wait between two looks while they are short: a look at 64 takes 0.1 ms, and each silent connection
    /// keeps a newcomer waiting for one to two of these times.
    public static func interval(limit: Int) -> Duration { .milliseconds(min(max(5, limit / 40), 25)) }

    /// Closes those that were silent at the last look already: a crowd at once, a few after half a second. What a process
    /// sends after a crowd of its own is closed at the first look.
    ///
    /// - Parameters:
    ///   - listeners: the path of each, and how many connections nng has of it, by the peers' processes.
    ///   - limit: no descriptor has this number, nor a higher one.
    /// - Returns: how many.
    public mutating func close(_ listeners: [(path: String, connections: [Int32: Int])], limit: Int) -> Int {
        var found: [String: [Connection]] = [:]
        for descriptor in 0..<Int32(clamping: limit) {
            guard let path = Self.path(of: descriptor), listeners.contains(where: { $0.path == path }),
                let connection = Self.connection(descriptor)
            else { continue }
            found[path, default: []].append(connection)
        }
        let now = MonotonicTime.now.nanoseconds
        if now - lastLook > Self.standstill {
            let lost = now - lastLook
            seen = seen.mapValues { $0 + lost }
            crowds = crowds.mapValues { $0 + lost }
        }
        lastLook = now
        crowds = crowds.filter { now - $0.value < 1_000_000_000 }
        var closed = 0
        for (path, connections) in listeners {
            for (process, all) in Dictionary(grouping: found[path] ?? [], by: \.process) {
                // Which of a process's connections nng has is not known, only how many: so those go first that have not read what nng sent.
                let isCrowd = crowds[process] != nil
                let old = all.filter { isCrowd || seen[$0.cookie] != nil }.sorted { $0.isUnread && !$1.isUnread }
                let silent = max(0, old.count - (connections[process] ?? 0))
                if silent > Self.few { crowds[process] = now }
                let patience = isCrowd || silent > Self.few ? 0 : Self.patience
                for connection in old.prefix(silent)
                where now - (seen[connection.cookie] ?? now) >= patience
                    && Self.path(of: connection.descriptor) == path
                {
                    if shutdown(connection.descriptor, Int32(SHUT_RDWR)) == 0 { closed += 1 }
                }
            }
        }
        seen = Dictionary(
            found.values.joined().map { ($0.cookie, seen[$0.cookie] ?? now) }, uniquingKeysWith: { first, _ in first })
        let numbers = Set(crowds.keys)
        for (path, _) in listeners where !numbers.isEmpty || told.contains(path) {
            SilentCrowds.shared.set(numbers, path: path)
            if numbers.isEmpty { told.remove(path) } else { told.insert(path) }
        }
        return closed
    }

    /// Forgets what was seen: there are descriptors again.
    public mutating func forget() {
        lastLook = MonotonicTime.now.nanoseconds
        seen = [:]
        crowds = [:]
        for path in told { SilentCrowds.shared.set([], path: path) }
        told = []
    }

    /// The path that a descriptor's socket is bound to; nil if it is none of a path.
    static func path(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0, address.sun_family == sa_family_t(AF_UNIX), length > 2 else { return nil }
        return withUnsafeBytes(of: &address.sun_path) { bytes in
            let text = bytes.prefix { $0 != 0 }
            return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
        }
    }

    /// nil of the listener itself, and of one that has ended: nng counts it no more, and it would pass for a silent one.
    private static func connection(_ descriptor: Int32) -> Connection? {
        func option<Value: BitwiseCopyable>(_ name: Int32, _ value: inout Value) -> Bool {
            var length = socklen_t(MemoryLayout<Value>.size)
            return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0
        }
        var isListening: Int32 = 0
        guard option(SO_ACCEPTCONN, &isListening), isListening == 0 else { return nil }
        var cookie: UInt64 = 0
        guard option(57 /* SO_COOKIE */, &cookie) else { return nil }
        // One that has said something which nng has not read yet is not silent.
        var ends = pollfd(fd: descriptor, events: Int16(POLLIN | 0x2000 /* POLLRDHUP */), revents: 0)
        guard poll(&ends, 1, 0) == 0 else { return nil }
        var unread: Int32 = 0
        let isUnread = ioctl(descriptor, UInt(TIOCOUTQ), &unread) == 0 && unread > 0
        return Connection(descriptor: descriptor, cookie: cookie, process: process(of: descriptor), isUnread: isUnread)
    }

    /// The process at the other end, as the kernel noted it when it connected; 0: it is not known here.
    static func process(of descriptor: Int32) -> Int32 {
        // Process, user and group: `struct ucred`.
        var peer: (Int32, UInt32, UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: peer))
        return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? peer.0 : 0
    }
}
