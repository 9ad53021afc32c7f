internal import Glibc

/// Wakes one sleeping thread, at once or at a time of CLOCK_MONOTONIC. A ring while nobody sleeps is kept for the next
/// sleep. `Synchronization` has no condition variable, and `Dispatch` semaphores cannot be given a monotonic deadline
/// without drifting from it.
/// <https://man7.org/linux/man-pages/man3/pthread_cond_timedwait.3p.html>
final class ScriptedModelBell: @unchecked Sendable {
    // Sendable: `isRung` is read and written only while `mutex` is held; `mutex` and `condition` do not move, are set
    // up before the bell is shared, and are made for use by several threads.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isRung = false

    init() {
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        // None of these can fail with these arguments.
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func ring() {
        pthread_mutex_lock(mutex)
        isRung = true
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
    }

    /// Returns when the bell has rung since the last sleep, or at this time in nanoseconds; nil is never.
    func sleep(until deadline: UInt64?) {
        var time = timespec()
        if let deadline {
            time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        }
        pthread_mutex_lock(mutex)
        while !isRung {
            if deadline == nil {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &time) != 0 {
                break
            }
        }
        isRung = false
        pthread_mutex_unlock(mutex)
    }
}
