internal import CNNG
internal import Glibc

/// A place to listen at or to dial, as nng writes it: `ipc://PATH`, `inproc://NAME`, `tcp://HOST:PORT`.
public struct Address: Hashable, Sendable, CustomStringConvertible {
    /// Longest path of an ipc socket in bytes: what a `sockaddr_un` holds with its zero.
    public static let longestPath = 107

    public let url: String

    /// The file of an ipc address.
    public let path: String?

    public var description: String { url }

    /// - Throws: `NNGError.addressInvalid`, with a text, if the url has no scheme or a zero byte, if it is `ws` or
    ///   `wss` (their code in nng before 1.6 corrupts the heap), or if an ipc path is empty or too long.
    public init(_ url: String) throws(NNGError) {
        guard !url.utf8.contains(0) else { throw .addressInvalid.with(detail: "the url has a zero byte") }
        guard let separator = url.firstRange(ofSchemeSeparator: "://") else {
            throw .addressInvalid.with(detail: "'\(url)' has no scheme")
        }
        let scheme = url[..<separator.lowerBound]
        if scheme.hasPrefix("ws") { throw .addressInvalid.with(detail: "\(scheme) is not supported") }
        self.url = url
        if scheme == "ipc" || scheme == "unix" {
            let path = String(url[separator.upperBound...])
            guard !path.isEmpty else { throw .addressInvalid.with(detail: "the ipc path is empty") }
            guard path.utf8.count <= Self.longestPath else {
                throw .addressInvalid.with(
                    detail: "the ipc path has \(path.utf8.count) bytes, at most \(Self.longestPath) fit: \(path)")
            }
            self.path = path
        } else {
            path = nil
        }
    }

    /// The address of an ipc socket at this path.
    public static func ipc(path: String) throws(NNGError) -> Address {
        try Address("ipc://" + path)
    }

    /// Throws if it is certain that nobody listens here. Never blocks, and never disturbs a listener.
    ///
    /// Knows ipc only; for every other transport it returns.
    ///
    /// - Throws: `connectionRefused` if there is no such file, or if its process is gone; `permissionDenied`.
    public func requireListener() throws(NNGError) {
        guard let path else { return }
        switch try SocketFile(path).state() {
        case .bound: return
        case .absent: throw .connectionRefused.with(detail: "\(path) does not exist")
        case .stale: throw .connectionRefused.with(detail: "nobody listens at \(path)")
        case .notSocket: throw .connectionRefused.with(detail: "\(path) is not a socket")
        }
    }

    /// Throws if nng must not be told to listen here. nng would find out by connecting and leaving at once, which ends
    /// a listener of version 1.5.2 for good, and it would remove a plain file.
    func requireFree() throws(NNGError) {
        guard let path else { return }
        switch try SocketFile(path).state() {
        case .absent, .stale: return
        case .bound: throw .addressInUse.with(detail: "something listens at \(path)")
        case .notSocket: throw .addressInUse.with(detail: "\(path) is a file that is not a socket")
        }
    }
}

/// A file that may be a unix socket.
struct SocketFile {
    enum State {
        case absent
        /// A socket whose process is gone.
        case stale
        case bound
        case notSocket
    }

    let path: String

    init(_ path: String) {
        self.path = path
    }

    /// What is there. A datagram socket is connected to it: the kernel finds the bound socket, sees that it is one for
    /// streams, and says so (EPROTOTYPE). The listener is not woken, nothing waits in its queue.
    func state() throws(NNGError) -> State {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            let number = errno
            if number == ENOENT { return .absent }
            throw .system(number, detail: path)
        }
        if status.st_mode & S_IFMT != S_IFSOCK, status.st_mode & S_IFMT != S_IFLNK { return .notSocket }
        let (descriptor, failure) = Self.connect(path, type: SOCK_DGRAM)
        if descriptor >= 0 { Glibc.close(descriptor) }
        switch failure {
        case 0, EPROTOTYPE: return .bound
        case ECONNREFUSED: return .stale
        case ENOENT: return .absent
        default: throw .system(failure, detail: path)
        }
    }

    /// A descriptor that is being connected without blocking (-1: none), and errno (0: connected).
    static func connect(_ path: String, type: __socket_type) -> (descriptor: Int32, failure: Int32) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count <= Address.longestPath else { return (-1, ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let kind = Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return (-1, errno) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return (descriptor, result == 0 ? 0 : errno)
    }
}

extension String {
    /// Where `://` is; the standard library's search needs more than this module imports.
    fileprivate func firstRange(ofSchemeSeparator separator: String) -> Range<Index>? {
        guard let colon = firstIndex(of: ":"), self[colon...].hasPrefix(separator) else { return nil }
        return colon..<index(colon, offsetBy: separator.count)
    }
}
