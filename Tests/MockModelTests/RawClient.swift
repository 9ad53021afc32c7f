import Glibc
import Synchronization

/// Runs blocking work on a thread of its own: the cooperative pool is what the server under test runs on.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        let job = Unmanaged.passRetained(Job { continuation.resume(with: Result(catching: work)) })
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Job>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, job.toOpaque())
        precondition(status == 0)
        pthread_detach(thread)
    }
}

private final class Job: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

struct SocketError: Error {
    var call: String
    var number: Int32
}

/// A blocking TCP client that sends exactly the bytes it is told to. One thread at a time.
final class RawClient: Sendable {
    private let descriptor: Int32
    private let isClosed = Atomic(false)

    init(port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let number = errno
        // A test that would wait for ever fails instead.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        self.descriptor = descriptor
        if status != 0 {
            close()
            throw SocketError(call: "connect", number: number)
        }
    }

    deinit { close() }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SocketError(call: "send", number: errno) }
            sent += count
        }
    }

    /// What has arrived; empty at the end.
    func receive() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw SocketError(call: "recv", number: errno) }
        return Array(buffer[..<count])
    }

    /// Everything up to and with this text, or up to the end of the connection.
    func receive(until marker: String) throws -> String {
        var all: [UInt8] = []
        while true {
            let text = String(decoding: all, as: UTF8.self)
            if text.contains(marker) { return text }
            let more = try receive()
            if more.isEmpty { return text }
            all += more
        }
    }

    func receiveAll() throws -> String { try receive(until: "\u{1}\u{2}never") }

    func close() {
        if !isClosed.exchange(true, ordering: .relaxed) { _ = Glibc.close(descriptor) }
    }

    /// Ends only the sending side.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }
}

func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
