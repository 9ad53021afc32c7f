import Glibc

/// A TCP server on loopback for hostile tests: each connection gets a thread and plays a script, byte for byte.
public final class RawServer: Sendable {
    public let port: UInt16
    private let listener: Int32
    private let connections = Guarded<[RawConnection]>([])
    /// The listener may be shut down: its thread has not closed it.
    private let isListening = Guarded(true)

    /// - Parameters:
    ///   - backlog: 0 with `accepting` false makes a listener that stops answering connects once it is full.
    ///   - script: called on a thread of its own for each connection with its number, from 0. The connection is closed
    ///     when it returns.
    public init(
        backlog: Int32 = 1024, accepting: Bool = true,
        script: @escaping @Sendable (_ connection: RawConnection, _ number: Int) -> Void
    ) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        precondition(listener >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        precondition(bound && listen(listener, backlog) == 0)
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        guard accepting else { return }
        RawThread.start { [self] in
            var number = 0
            while true {
                // Ends with an error when the listener is shut down.
                let socket = accept(listener, nil, nil)
                guard socket >= 0 else { break }
                var on: Int32 = 1
                setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                let connection = RawConnection(socket)
                connections.withLock { $0.append(connection) }
                let index = number
                number += 1
                RawThread.start {
                    script(connection, index)
                    connection.close()
                }
            }
            isListening.withLock { isListening in
                isListening = false
                Glibc.close(listener)
            }
        }
    }

    public var url: String { "http://127.0.0.1:\(port)" }

    /// How many connections were accepted.
    public var connectionCount: Int { connections.withLock { $0.count } }

    /// Ends the listener and shuts every connection down; scripts that read see the end. The server lives until then.
    public func stop() {
        isListening.withLock { if $0 { _ = shutdown(listener, Int32(SHUT_RDWR)) } }
        for connection in connections.withLock({ $0 }) { connection.shutDown() }
    }
}

/// One accepted connection. Its methods block and are for the script's thread, except `shutDown`.
public final class RawConnection: Sendable {
    private struct State {
        var socket: Int32?
        var unread: [UInt8] = []
    }

    private let state: Guarded<State>

    init(_ socket: Int32) {
        state = Guarded(State(socket: socket))
    }

    private var socket: Int32 { state.withLock { $0.socket } ?? -1 }

    /// Reads one request with its body as `Content-Length` says. Nil when the peer closed before its end.
    public func readRequest() -> RawRequest? {
        var bytes = state.withLock { state in
            defer { state.unread = [] }
            return state.unread
        }
        while true {
            if let request = RawRequest(bytes) {
                let rest = bytes.dropFirst(request.head.utf8.count + 4 + request.body.count)
                state.withLock { $0.unread = Array(rest) }
                return request
            }
            guard let more = read() else { return nil }
            bytes += more
        }
    }

    /// What has arrived, at least one byte. Nil when the peer closed or reset the connection.
    public func read() -> [UInt8]? {
        let socket = self.socket
        var bytes: [UInt8] = []
        let count = withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) { buffer in
            let count = recv(socket, buffer.baseAddress, buffer.count, 0)
            if count > 0 { bytes = Array(buffer.prefix(count)) }
            return count
        }
        return count > 0 ? bytes : nil
    }

    /// - Returns: false when the peer is gone.
    @discardableResult
    public func send(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        let socket = self.socket
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    public func send(_ text: String) -> Bool { send(text.utf8) }

    /// Waits until the peer has closed or reset the connection; drops what it sends meanwhile.
    ///
    /// - Returns: when that was seen, in nanoseconds of the monotonic clock.
    public func waitForClose() -> UInt64 {
        while read() != nil {}
        return monotonicNanoseconds()
    }

    /// Closes with a reset in place of an orderly end.
    public func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    public func close() {
        state.withLock { state in
            if let socket = state.socket { Glibc.close(socket) }
            state.socket = nil
        }
    }

    func shutDown() {
        state.withLock { state in
            if let socket = state.socket { _ = shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }
}

/// A request as it came over the wire.
public struct RawRequest: Sendable {
    /// Request line and header lines, without the empty line.
    public let head: String
    public let body: [UInt8]

    init?(_ bytes: [UInt8]) {
        guard let end = bytes.indices.dropLast(3).first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) }) else {
            return nil
        }
        head = String(decoding: bytes[..<end], as: UTF8.self)
        var length = 0
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).filter { $0 != " " }) ?? 0
        }
        guard bytes.count >= end + 4 + length else { return nil }
        body = Array(bytes[(end + 4)..<(end + 4 + length)])
    }

    public func header(_ name: String) -> String? {
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return String(parts[1].drop { $0 == " " })
            }
        }
        return nil
    }
}

public func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
