internal import Glibc
internal import Synchronization

// Stands before the C library's `accept`, as `sendmsg` does in BrokenPipe.swift.
//
// When a process has no descriptor left, nng's listeners take nobody for 10 ms and then try again, all of them alike: at
// 64 descriptors, with 40 subscribers that dial again and again, they took from each other what came free, and who wanted
// to interrupt something stood in the queue for seconds. So some listeners leave the last descriptors to the others.

/// Takes a connection, unless this listener leaves the last descriptors to others: then it is as if there were none, and
/// who wants to connect waits in the kernel's queue.
@_cdecl("accept")
public func acceptIfThereIsRoom(
    _ listener: Int32, _ address: UnsafeMutableRawPointer?, _ length: UnsafeMutableRawPointer?
) -> Int32 {
    if YieldingListeners.shared.mustWait(listener) {
        errno = EMFILE
        return -1
    }
    return original(listener, address, length)
}

private typealias Accept = @convention(c) (Int32, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Int32

private let original = unsafeBitCast(nextSymbol("accept"), to: Accept.self)

/// Listeners of this process that leave descriptors to others: those of ipc, by their paths.
///
/// Threads: any; a look takes some 10 µs, and only connections to such listeners make it.
final class YieldingListeners: Sendable {
    static let shared = YieldingListeners()

    /// How many descriptors each leaves.
    private let left = Mutex<[String: Int]>([:])
    private let isEmpty = Atomic(true)

    func set(_ count: Int, path: String) {
        left.withLock { left in
            left[path] = count > 0 ? count : nil
            isEmpty.store(left.isEmpty, ordering: .relaxed)
        }
    }

    fileprivate func mustWait(_ listener: Int32) -> Bool {
        guard !isEmpty.load(ordering: .relaxed), let path = SilentConnections.path(of: listener),
            let count = left.withLock({ $0[path] })
        else { return false }
        return !FreeDescriptors.areThere(count, limit: FreeDescriptors.limit)
    }
}

/// Descriptors that the process may open.
public enum FreeDescriptors {
    /// As the kernel has it; what is unlimited has 2²⁴.
    public static var limit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(min(limit.rlim_cur, 1 << 24))
    }

    static func areThere(_ count: Int, limit: Int) -> Bool {
        func isOpen(_ number: Int) -> Bool { fcntl(Int32(truncatingIfNeeded: number), F_GETFD) >= 0 }
        // The kernel gives the lowest that is free: mostly there is no need to count them all.
        guard (max(0, limit - max(16, count))..<limit).contains(where: isOpen) else { return true }
        var free = 0
        for number in stride(from: limit - 1, through: 0, by: -1) where !isOpen(number) {
            free += 1
            if free >= count { return true }
        }
        return count <= 0
    }
}
