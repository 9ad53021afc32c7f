internal import Glibc
public import Journal
internal import Synchronization

/// The right to be the only server on a store: locks on a file beside it and on the store's own, which the kernel gives
/// back when the process ends, however it ends.
///
/// The store's own file is locked as well because it may have another name, with another file beside that.
///
/// Threads: any. Ownership: held until it is released with its last reference, which has to be later than that of every
/// connection to the store: closing a descriptor of the store's file takes SQLite's locks off it. The file beside the
/// store stays and carries the holder's process id, for the message that another one gets. `flock(2)` is used because a
/// lock of `fcntl(2)` would go with the first descriptor of the file that any part of the process closes; it is not
/// inherited by programs that the process starts, because the descriptor is closed there. See `man 2 flock`.
public final class StoreLock: Sendable {
    /// The lock's own file.
    public let path: String
    private let descriptor: Int32
    /// Of the store's file.
    private let storeDescriptor: Mutex<Int32>

    /// Takes the locks. It waits only for a holder that has ended already: a program that it was just starting has its
    /// descriptors until it runs.
    ///
    /// - Parameter store: the store's file, which must exist.
    /// - Throws: `inUse` naming the holder's process id; `shared` if the store has several names; `notWritable` with the
    ///   system's text.
    public init(store: String) throws(JournalError) {
        path = store + ".lock"
        descriptor = try StoreLock.open(path, O_RDWR | O_CREAT, store)
        do throws(JournalError) { try StoreLock.lock(descriptor, path, store) } catch {
            close(descriptor)
            throw error
        }
        do throws(JournalError) {
            storeDescriptor = Mutex(try StoreLock.openAndLock(store))
        } catch {
            close(descriptor)
            throw error
        }
        // For the message only, so that no error in writing it matters: the lock is the kernel's.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        _ = ftruncate(descriptor, 0)
        storeDescriptor.withLock { _ = close($0) }
        close(descriptor)
    }

    /// Of the store's file. Through the descriptor that is there: to close another one would drop SQLite's locks.
    func bytes(at offset: Int64, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = storeDescriptor.withLock { pread($0, &bytes, count, off_t(offset)) }
        return Array(bytes.prefix(max(0, read)))
    }

    /// The store's file is another one than before, put in its place by who has this lock: it is locked from here on.
    /// There is no connection to it yet.
    func moved(to store: String) throws(JournalError) {
        let descriptor = try StoreLock.openAndLock(store)
        storeDescriptor.withLock { old in
            close(old)
            old = descriptor
        }
    }

    private static func openAndLock(_ store: String) throws(JournalError) -> Int32 {
        let descriptor = try open(store, O_RDONLY, store)
        do throws(JournalError) { try lockStore(descriptor, store) } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// How long an ended holder's lock is waited for, in steps of 10 ms.
    private static let patience = 500

    private static func open(_ path: String, _ flags: Int32, _ store: String) throws(JournalError) -> Int32 {
        do {
            return try RegularFile.open(path, flags | O_NOFOLLOW)
        } catch {
            throw JournalError(
                code: error.systemError == nil ? .notAFile : .notWritable, path: store,
                message: "\(path) cannot be opened for its lock: \(error.cause)")
        }
    }

    private static func lock(_ descriptor: Int32, _ path: String, _ store: String) throws(JournalError) {
        for attempt in 0... {
            guard let error = tryToLock(descriptor) else { return }
            guard error == EWOULDBLOCK else { throw cannotLock(path, store, error) }
            let holder = StoreLock.holder(descriptor)
            if let holder, hasEnded(holder), attempt < patience {
                usleep(10_000)
                continue
            }
            throw JournalError(
                code: .inUse, path: store,
                message: "another server has the store: " + (holder.map { "process \($0)" } ?? "an unknown process"))
        }
    }

    private static func lockStore(_ descriptor: Int32, _ store: String) throws(JournalError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw cannotLock(store, store, errno) }
        guard status.st_nlink <= 1 else {
            throw JournalError(
                code: .shared, path: store,
                message:
                    "the store's file has \(status.st_nlink) names (hard links), and what one server writes by one of "
                    + "them another one would not see: remove the others; `fermata backup` makes a copy")
        }
        for attempt in 0... {
            guard let error = tryToLock(descriptor) else { return }
            guard error == EWOULDBLOCK else { throw cannotLock(store, store, error) }
            // Whoever has it lets go of it together with the file beside the store, unless that was another one.
            if attempt < 20 {
                usleep(10_000)
                continue
            }
            throw JournalError(
                code: .inUse, path: store, message: "another server has the store, which it opened by another name")
        }
    }

    /// - Returns: the system's error.
    private static func tryToLock(_ descriptor: Int32) -> Int32? {
        var result: Int32
        repeat { result = flock(descriptor, LOCK_EX | LOCK_NB) } while result != 0 && errno == EINTR
        return result == 0 ? nil : errno
    }

    private static func cannotLock(_ path: String, _ store: String, _ error: Int32) -> JournalError {
        JournalError(
            code: .notWritable, path: store, message: "\(path) cannot be locked: \(String(cString: strerror(error)))")
    }

    /// The process id in the file; nil if it has none yet.
    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// Whether a process is gone, or only waits for its parent to take notice.
    private static func hasEnded(_ process: Int32) -> Bool {
        if kill(process, 0) != 0 { return errno == ESRCH }
        let descriptor = Glibc.open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == ENOENT }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &bytes, bytes.count)
        // 708 (fermata) Z 1 …: the name may have any characters.
        guard count > 0, let end = bytes[..<count].lastIndex(of: UInt8(ascii: ")")), end + 2 < count else {
            return true
        }
        return bytes[end + 2] == UInt8(ascii: "Z")
    }
}
