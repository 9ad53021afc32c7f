internal import Foundation

/// Tells systemd, or whatever else started the service and listens at NOTIFY_SOCKET, how it is: `man 3 sd_notify`.
///
/// Threads: any. Nothing here blocks, and nothing fails: a manager that does not listen is none.
final class ServiceManager: Sendable {
    private let address: [UInt8]?
    /// How often it wants to hear that the service lives; nil: it does not.
    let watchdog: Duration?

    /// - Parameter environment: from which the variables are taken, so that no tool inherits them.
    init(_ environment: inout [String: String]) {
        let path = environment.removeValue(forKey: "NOTIFY_SOCKET") ?? ""
        let microseconds = environment.removeValue(forKey: "WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
        let process = environment.removeValue(forKey: "WATCHDOG_PID").flatMap { Int32($0) }
        // A path, or a name in the kernel's own space, which is written with an @ for its zero byte.
        var name = Array(path.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        let isUsable = path.hasPrefix("/") || path.hasPrefix("@")
        address =
            isUsable && name.count > 1 && name.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) ? name : nil
        let isMeant = process == nil || process == getpid()
        watchdog = address != nil && isMeant && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    func ready(_ status: String) { send("READY=1\nSTATUS=\(status)\nMAINPID=\(getpid())") }

    func stopping(_ status: String) { send("STOPPING=1\nSTATUS=\(status)") }

    func alive() { send("WATCHDOG=1") }

    private func send(_ text: String) {
        guard let name = address else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        // In the abstract space the length is part of the name; of a path the zero after it is sent as well.
        let length = MemoryLayout<sa_family_t>.size + name.count + (name[0] == 0 ? 0 : 1)
        let bytes = Array(text.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT), pointer,
                    socklen_t(length))
            }
        }
    }
}
