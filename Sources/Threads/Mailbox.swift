package import Glibc

/// What waits for a thread: filled from any thread, emptied by its own.
///
/// A pthread condition is what lets a plain thread sleep until an input or a deadline comes, without a hop through
/// the cooperative pool.
///
/// Its code is for others to inline: not specialized it would ask for each item what it is.
package final class Mailbox<Item: Sendable>: @unchecked Sendable {
    // `mutex` and `condition` are made in init, destroyed in deinit and used through their C functions only, which
    // are made for many threads; every other stored property is read and written under `mutex`.
    @usableFromInline let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    @usableFromInline let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    @usableFromInline var urgent: [Item] = []
    @usableFromInline var ordinary: [Item] = []
    /// Of each of `ordinary`, and of all.
    @usableFromInline var sizes: [Int] = []
    @usableFromInline var allBytes = 0
    @usableFromInline var isWoken = false

    @inlinable package init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    @inlinable deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Adds an item. Urgent ones are taken before all others, among themselves in order of arrival.
    ///
    /// - Parameter bytes: of what it brings, about.
    @inlinable package func put(_ item: Item, isUrgent: Bool = false, bytes: Int = 0) {
        pthread_mutex_lock(mutex)
        if isUrgent { urgent.append(item) } else { append(item, bytes) }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Adds an ordinary item unless so many wait already.
    @inlinable package func put(_ item: Item, unlessMoreThan limit: Int) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard ordinary.count < limit else { return false }
        append(item, 0)
        pthread_cond_signal(condition)
        return true
    }

    @inlinable func append(_ item: Item, _ bytes: Int) {
        ordinary.append(item)
        sizes.append(bytes)
        allBytes += bytes
    }

    /// Items that wait.
    @inlinable package var count: Int {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return urgent.count + ordinary.count
    }

    /// Makes the thread look at its deadlines again.
    @inlinable package func wake() {
        pthread_mutex_lock(mutex)
        isWoken = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for an item, a wake-up or the deadline (µs of CLOCK_MONOTONIC), then takes all urgent items and at most
    /// so many others, of so many bytes; one at least.
    @inlinable package func take(until deadline: Int64, atMost limit: Int, bytes mostBytes: Int = .max) -> [Item] {
        var time = timespec(tv_sec: Int(deadline / 1_000_000), tv_nsec: Int(deadline % 1_000_000) * 1000)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while urgent.isEmpty, ordinary.isEmpty, !isWoken {
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
        }
        isWoken = false
        var items = urgent
        urgent.removeAll(keepingCapacity: true)
        if ordinary.count <= limit, allBytes <= mostBytes {
            items += ordinary
            ordinary.removeAll(keepingCapacity: true)
            sizes.removeAll(keepingCapacity: true)
            allBytes = 0
            return items
        }
        var (count, bytes) = (0, 0)
        while count < min(limit, ordinary.count), count == 0 || bytes + sizes[count] <= mostBytes {
            bytes += sizes[count]
            count += 1
        }
        items += ordinary.prefix(count)
        ordinary.removeFirst(count)
        sizes.removeFirst(count)
        allBytes -= bytes
        return items
    }
}
