internal import Glibc

/// The right to be the only server on a store: a lock on the file beside it, which the kernel gives back when the
/// process ends, however it ends.
///
/// Threads: any. Ownership: held until it is released with its last reference. The file stays and carries the
/// holder's process id, for the message that another one gets. `flock(2)` is used because a lock of `fcntl(2)` would
/// go with the first descriptor of the file that any part of the process closes; it is not inherited by programs that
/// the process starts, because the descriptor is closed there. See `man 2 flock`.
public final class StoreLock: Sendable {
    /// The lock's own file.
    public let path: String
    private let descriptor: Int32

    /// Takes the lock without waiting.
    ///
    /// - Parameter store: the store's file, which need not exist.
    /// - Throws: `inUse` naming the holder's process id; `notWritable` with the system's text.
    public init(store: String) throws(JournalError) {
        path = store + ".lock"
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let cause = String(cString: strerror(errno))
            throw JournalError(code: .notWritable, path: store, message: "the lock \(path) cannot be made: \(cause)")
        }
        var result: Int32
        repeat { result = flock(descriptor, LOCK_EX | LOCK_NB) } while result != 0 && errno == EINTR
        guard result == 0 else {
            let error = errno
            let holder = StoreLock.holder(descriptor)
            close(descriptor)
            guard error == EWOULDBLOCK else {
                let cause = String(cString: strerror(error))
                throw JournalError(code: .notWritable, path: store, message: "\(path) cannot be locked: \(cause)")
            }
            throw JournalError(
                code: .inUse, path: store,
                message: "another server has the store: " + (holder.map { "process \($0)" } ?? "an unknown process"))
        }
        self.descriptor = descriptor
        // For the message only, so that no error in writing it matters: the lock is the kernel's.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        _ = ftruncate(descriptor, 0)
        close(descriptor)
    }

    /// The process id in the file; nil if it has none yet.
    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
