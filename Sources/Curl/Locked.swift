internal import Glibc

/// A value behind a pthread mutex with a condition. A pthread mutex, because the thread sanitizer understands it.
final class Locked<State>: @unchecked Sendable {
    // Sendable: `state` is only touched between lock and unlock of `mutex`; the pointers never change.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        precondition(pthread_mutex_init(mutex, nil) == 0 && pthread_cond_init(condition, nil) == 0)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` under the lock; `body` must neither block nor call out to a user of the module.
    func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Changes the state and wakes every `wait`.
    func signal(_ body: (inout State) -> Void) {
        pthread_mutex_lock(mutex)
        body(&state)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Blocks the calling thread until `condition` holds.
    func wait(until holds: (State) -> Bool) {
        pthread_mutex_lock(mutex)
        while !holds(state) { pthread_cond_wait(condition, mutex) }
        pthread_mutex_unlock(mutex)
    }
}
