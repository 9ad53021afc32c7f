import FermataProtocol
import Foundation

/// The control socket as a plain stream: who has several requests on one connection, leaves at any moment, or does not
/// keep to the handshake.
final class RawControl: Sendable {
    private let descriptor: Int32

    /// Connects, and shakes hands. Nil if the listener takes nobody.
    convenience init?(_ service: Service) { self.init(path: service.directory + "/control.sock") }

    /// - Parameter handshake: what is said first; the listener's part is read if it is whole.
    init?(path: String, handshake: [UInt8] = [0, 0x53, 0x50, 0, 0, 0x30, 0, 0]) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { return nil }
        write(handshake)
        if handshake.count == 8, read(8) == nil { return nil }
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) { _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// Sends some frames as the request of this number.
    func send(_ frames: [Frame], as number: UInt32) {
        let request = 0x8000_0000 | number
        let body =
            (0..<4).map { UInt8(truncatingIfNeeded: request >> (24 - 8 * UInt32($0))) } + frames.flatMap(\.encoded)
        write([1] + (0..<8).map { UInt8(truncatingIfNeeded: UInt64(body.count) >> (56 - 8 * UInt64($0))) } + body)
    }

    /// The next reply and the number of its request; nil if the connection is closed.
    func reply() async -> (number: Int, frames: [Frame])? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                guard let header = self.read(9),
                    let body = self.read(header.dropFirst().reduce(0) { $0 << 8 | Int($1) }),
                    let frames = try? Frame.frames(in: body.dropFirst(4))
                else { return continuation.resume(returning: nil) }
                let number = body.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
                continuation.resume(returning: (Int(number), frames))
            }
        }
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: max(1, count))
        while bytes.count < count {
            let length = recv(descriptor, &buffer, count - bytes.count, 0)
            guard length > 0 else { return nil }
            bytes += buffer[..<length]
        }
        return bytes
    }
}
