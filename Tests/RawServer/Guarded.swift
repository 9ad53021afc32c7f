import Glibc

/// A value behind a pthread mutex: the thread sanitizer sees false races with `Synchronization.Mutex` on Linux.
public final class Guarded<Value>: @unchecked Sendable {
    // Sendable: `value` is only touched between lock and unlock of `mutex`; the pointer never changes.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    public init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    public func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }
}
