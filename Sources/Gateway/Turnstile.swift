internal import Synchronization

/// Lets so many in at once, which may change; the others wait, in order of arrival.
///
/// Threads: any; nobody is blocked.
final class Turnstile: Sendable {
    private struct State {
        var places: Int
        var taken = 0
        /// Who waits, by number; those that have left are gone from here and not from `order`.
        var waiting: [UInt64: CheckedContinuation<Bool, Never>] = [:]
        var order: [UInt64] = []
        /// On their way to `waiting`.
        var coming: Set<UInt64> = []
        var first = 0
        var last: UInt64 = 0
        /// Cancelled before they began to wait.
        var cancelled: Set<UInt64> = []
    }

    private let state: Mutex<State>

    init(places: Int) { state = Mutex(State(places: places)) }

    /// Calls `body` when there is a place.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits.
    func pass<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        guard await enter() else { throw CancellationError() }
        defer { leave() }
        return try await body()
    }

    private func enter() async -> Bool {
        let number: UInt64? = state.withLock { state in
            if state.taken < state.places {
                state.taken += 1
                return nil
            }
            state.last += 1
            state.coming.insert(state.last)
            return state.last
        }
        guard let number else { return true }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isIn: Bool? = state.withLock { state in
                    state.coming.remove(number)
                    if state.cancelled.remove(number) != nil { return false }
                    if state.taken < state.places {
                        state.taken += 1
                        return true
                    }
                    state.waiting[number] = continuation
                    state.order.append(number)
                    return nil
                }
                if let isIn { continuation.resume(returning: isIn) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                if state.coming.contains(number) { state.cancelled.insert(number) }
                return state.waiting.removeValue(forKey: number)
            }
            continuation?.resume(returning: false)
        }
    }

    /// From now on; those that are in stay.
    func set(places: Int) {
        let next = state.withLock { state in
            guard state.places != places else { return [CheckedContinuation<Bool, Never>]() }
            state.places = places
            return Self.admit(&state)
        }
        for continuation in next { continuation.resume(returning: true) }
    }

    private func leave() {
        let next = state.withLock { state in
            state.taken -= 1
            return Self.admit(&state)
        }
        for continuation in next { continuation.resume(returning: true) }
    }

    /// Those who come in now.
    private static func admit(_ state: inout State) -> [CheckedContinuation<Bool, Never>] {
        var next: [CheckedContinuation<Bool, Never>] = []
        while state.taken < state.places, state.first < state.order.count {
            let number = state.order[state.first]
            state.first += 1
            guard let continuation = state.waiting.removeValue(forKey: number) else { continue }
            state.taken += 1
            next.append(continuation)
        }
        if state.first == state.order.count {
            state.order.removeAll(keepingCapacity: true)
            state.first = 0
        } else if state.first > 1024 {
            state.order.removeFirst(state.first)
            state.first = 0
        }
        return next
    }
}
