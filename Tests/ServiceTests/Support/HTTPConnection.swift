import Foundation

/// One connection to an HTTP server: sends exactly the bytes it is told to, and reads on a thread of its own.
final class HTTPConnection: Sendable {
    struct Response: Sendable {
        var status: Int
        var fields: [String: String]
        var body: String

        /// The value under a name in an object, as text.
        func value(_ name: String) -> String? {
            let object = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            return object?[name].map { "\($0)" }
        }
        var code: String? { value("code") }
    }

    private let descriptor: Int32

    /// Nil if nobody listens.
    init?(port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { return nil }
        // A test that would wait for ever fails instead.
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// - Returns: false if the server no longer reads.
    @discardableResult
    func write(_ bytes: [UInt8]) async -> Bool {
        await onThread {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    @discardableResult
    func write(_ text: String) async -> Bool { await write(Array(text.utf8)) }

    /// What has come; empty at the end.
    func read() async -> [UInt8] {
        await onThread {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(self.descriptor, &buffer, buffer.count, 0)
            return count > 0 ? Array(buffer[..<count]) : []
        }
    }

    /// Everything up to a moment at which `isWhole`, or to the end.
    func read(until isWhole: @Sendable (String) -> Bool) async -> String {
        var bytes: [UInt8] = []
        while true {
            let more = await read()
            bytes += more
            let text = String(decoding: bytes, as: UTF8.self)
            if more.isEmpty || isWhole(text) { return text }
        }
    }

    /// The next answer; nil if there is none.
    func response() async -> Response? {
        let text = await read { text in
            guard let response = Self.parse(text) else { return false }
            return response.fields["content-length"].flatMap { Int($0) } ?? 0 <= response.body.utf8.count
        }
        return Self.parse(text)
    }

    static func parse(_ text: String) -> Response? {
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return Response(status: status, fields: fields, body: String(text[end.upperBound...]))
    }

    private func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }
}
