internal import Glibc
internal import Synchronization

// Stands before the C library's `accept`, as `sendmsg` does in BrokenPipe.swift.
//
// When a process has no descriptor left, nng's listeners take nobody for 10 ms and then try again, all of them alike: at
// 64 descriptors, with 40 subscribers that dial again and again, they took from each other what came free, and who wanted
// to interrupt something stood in the queue for seconds. So some listeners leave the last descriptors to the others, and a
// process that is known to send a crowd which says nothing gets none of the last ones.

/// Takes a connection, unless this listener leaves the last descriptors to others: then it is as if there were none, and
/// who wants to connect waits in the kernel's queue. Those of a silent crowd are closed here when descriptors are short.
@_cdecl("accept")
public func acceptIfThereIsRoom(
    _ listener: Int32, _ address: UnsafeMutableRawPointer?, _ length: UnsafeMutableRawPointer?
) -> Int32 {
    if YieldingListeners.shared.mustWait(listener) {
        errno = EMFILE
        return -1
    }
    guard let crowd = SilentCrowds.shared.of(listener), address == nil else {
        return original(listener, address, length)
    }
    // nng's other connections wait meanwhile: not for longer than a queue of the usual length takes.
    for place in 0..<128 {
        let connection = original(listener, nil, nil)
        // The first may have come just now; who stood behind it has waited for a while.
        guard connection >= 0, crowd.turnsAway(connection, patience: place == 0 ? 5 : 1) else { return connection }
        close(connection)
    }
    // It is asked again as soon as it waits, since there is somebody.
    errno = EAGAIN
    return -1
}

private typealias AcceptFunction = @convention(c) (Int32, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Int32

private let original = unsafeBitCast(nextSymbol("accept"), to: AcceptFunction.self)

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

/// Processes that send a crowd which connects and says nothing, as `SilentConnections` has found them, by the listener's
/// path.
///
/// A look each 5 ms closes what is there. But after a second in which the server was stopped 150 of them wait in the
/// kernel's queues, each takes a descriptor until the next look, and whoever wants to interrupt stands behind them: it took
/// 0.3 to 1.4 s at 64 descriptors.
///
/// Threads: any.
final class SilentCrowds: Sendable {
    static let shared = SilentCrowds()

    /// The processes of a listener's crowds.
    struct Processes {
        let numbers: Set<Int32>

        /// Whether the descriptors are short, and the connection is of one of these and has said nothing. It is given some
        /// milliseconds: a client of the same process sends its half of the handshake right after it has connected.
        fileprivate func turnsAway(_ connection: Int32, patience: Int32) -> Bool {
            guard numbers.contains(SilentConnections.process(of: connection)),
                SilentConnections.areDescriptorsShort(limit: FreeDescriptors.limit)
            else { return false }
            var says = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            return poll(&says, 1, patience) == 0
        }
    }

    private let processes = Mutex<[String: Set<Int32>]>([:])
    private let isEmpty = Atomic(true)

    func set(_ numbers: Set<Int32>, path: String) {
        processes.withLock { processes in
            processes[path] = numbers.isEmpty ? nil : numbers
            isEmpty.store(processes.isEmpty, ordering: .relaxed)
        }
    }

    fileprivate func of(_ listener: Int32) -> Processes? {
        guard !isEmpty.load(ordering: .relaxed), let path = SilentConnections.path(of: listener) else { return nil }
        return processes.withLock { $0[path] }.map(Processes.init)
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
