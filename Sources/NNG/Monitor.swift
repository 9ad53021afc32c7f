internal import Glibc
internal import Threads

/// A value behind a mutex, and a condition to wait on.
///
/// A pthread mutex and not `Synchronization.Mutex`: the thread sanitizer understands it, and a condition variable can
/// wait on it. Not recursive. Nothing that blocks is called inside `withLock`; nng operations are *started* inside it,
/// so that a cancel cannot fall between "not started" and "started".
final class Monitor<State>: @unchecked Sendable {
    // Sendable: `state` is only touched between lock and unlock of `mutex`; the two pointers never change.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Changes the state and wakes everyone who waits for it.
    func signal(_ change: (inout State) -> Void) {
        pthread_mutex_lock(mutex)
        change(&state)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Blocks the calling thread until `ready` gives a value, or the deadline has passed (then: nil).
    func wait<Result>(until deadline: Deadline, for ready: (inout State) -> Result?) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = ready(&state) { return result }
            var end = deadline.time
            if pthread_cond_timedwait(condition, mutex, &end) == ETIMEDOUT { return ready(&state) }
        }
    }
}

/// A moment of the monotonic clock by which something must be done.
struct Deadline: Sendable {
    private let nanoseconds: Int64

    /// `timeout` from now; negative is now, and too large is in 292 years' time at the latest.
    init(after timeout: Duration) {
        nanoseconds = (MonotonicTime.now + timeout).nanoseconds
    }

    var remainingNanoseconds: Int64 { max(0, nanoseconds - MonotonicTime.now.nanoseconds) }

    var hasPassed: Bool { remainingNanoseconds == 0 }

    /// What is left in whole milliseconds, rounded up, at least 1: nng's and poll's unit, in which 0 means "do not
    /// wait".
    var remainingMilliseconds: Int32 {
        let left = remainingNanoseconds
        let whole = left / 1_000_000 + (left % 1_000_000 == 0 ? 0 : 1)
        return Int32(min(max(whole, 1), Int64(Int32.max)))
    }

    var time: timespec {
        timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
}
