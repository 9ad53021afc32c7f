internal import Synchronization

/// Lets so many in at once; the others wait, in order of arrival.
///
/// Threads: any; nobody is blocked.
final class Turnstile: Sendable {
    private struct State {
        var free: Int
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

    init(places: Int) { state = Mutex(State(free: places)) }

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
            if state.free > 0 {
                state.free -= 1
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
                    if state.free > 0 {
                        state.free -= 1
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

    private func leave() {
        let next: CheckedContinuation<Bool, Never>? = state.withLock { state in
            while state.first < state.order.count {
                let number = state.order[state.first]
                state.first += 1
                if let continuation = state.waiting.removeValue(forKey: number) {
                    if state.first > 1024 {
                        state.order.removeFirst(state.first)
                        state.first = 0
                    }
                    return continuation
                }
            }
            state.order.removeAll(keepingCapacity: true)
            state.first = 0
            state.free += 1
            return nil
        }
        next?.resume(returning: true)
    }
}
