import Glibc

/// Something that happens once, with a value; threads block for it, tasks await it.
public final class Latch<Value: Sendable>: @unchecked Sendable {
    // Sendable: everything is touched under `mutex` only; the pointers never change.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var stored: Value?
    private var waiting: [CheckedContinuation<Value, Never>] = []

    public init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// The first value counts.
    public func open(_ value: Value) {
        pthread_mutex_lock(mutex)
        let waiting = stored == nil ? self.waiting : []
        if stored == nil {
            stored = value
            self.waiting = []
        }
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
        for continuation in waiting { continuation.resume(returning: value) }
    }

    /// Blocks; for threads that are not the cooperative pool's.
    @discardableResult
    public func waitBlocking() -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let stored { return stored }
            pthread_cond_wait(condition, mutex)
        }
    }

    public var value: Value {
        get async { await withCheckedContinuation { add($0) } }
    }

    public var isOpen: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return stored != nil
    }

    private func add(_ continuation: CheckedContinuation<Value, Never>) {
        pthread_mutex_lock(mutex)
        let stored = self.stored
        if stored == nil { waiting.append(continuation) }
        pthread_mutex_unlock(mutex)
        if let stored { continuation.resume(returning: stored) }
    }
}

extension Latch where Value == Void {
    public func open() { open(()) }
}

/// A detached thread: scripts block, which the cooperative pool must not.
public enum RawThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    public static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Body(body)).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        precondition(failure == 0, "no thread")
        pthread_detach(thread)
    }
}
