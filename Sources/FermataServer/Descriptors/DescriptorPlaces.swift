internal import Synchronization

/// The descriptors that effects may have open together. Taken by the loop alone, given back by any thread.
final class DescriptorPlaces: Sendable {
    let count: Int
    private let free: Atomic<Int>
    /// The loop waits until more are free.
    private let isAwaited = Atomic<Bool>(false)
    private let wakeLoop = Mutex<@Sendable () -> Void>({})

    init(count: Int) {
        self.count = count
        free = Atomic(count)
    }

    /// Taken now.
    var taken: Int { count - free.load(ordering: .relaxed) }

    /// - Parameter wake: is called on any thread when places that the loop waits for have become free; must not block.
    func whenFree(_ wake: @escaping @Sendable () -> Void) { wakeLoop.withLock { $0 = wake } }

    /// Takes so many, or none. On the loop's thread.
    ///
    /// - Returns: nil if there are too few; then the loop is woken when some are given back.
    func take(_ wanted: Int) -> Lease? {
        // One that would never fit goes when it is alone.
        let wanted = min(wanted, count)
        if takeNow(wanted) { return Lease(self, wanted) }
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        // Given back between the look and the wish.
        guard takeNow(wanted) else { return nil }
        return Lease(self, wanted)
    }

    /// Nobody else takes any: what is enough now stays enough.
    private func takeNow(_ wanted: Int) -> Bool {
        guard free.load(ordering: .sequentiallyConsistent) >= wanted else { return false }
        free.subtract(wanted, ordering: .sequentiallyConsistent)
        return true
    }

    private func giveBack(_ number: Int) {
        guard number > 0 else { return }
        free.add(number, ordering: .sequentiallyConsistent)
        if isAwaited.load(ordering: .sequentiallyConsistent),
            isAwaited.exchange(false, ordering: .sequentiallyConsistent)
        {
            wakeLoop.withLock { $0 }()
        }
    }

    /// Places that were taken. Given back once, by `giveBack` or with the last reference. Threads: any.
    final class Lease: Sendable {
        private let places: DescriptorPlaces
        private let held: Atomic<Int>

        fileprivate init(_ places: DescriptorPlaces, _ count: Int) {
            self.places = places
            held = Atomic(count)
        }

        deinit { giveBack() }

        /// Gives all back but so many; never takes any.
        func giveBack(keeping kept: Int = 0) {
            var before = held.load(ordering: .relaxed)
            while before > kept {
                let (exchanged, original) = held.weakCompareExchange(
                    expected: before, desired: kept, ordering: .acquiringAndReleasing)
                if exchanged { return places.giveBack(before - kept) }
                before = original
            }
        }
    }
}
