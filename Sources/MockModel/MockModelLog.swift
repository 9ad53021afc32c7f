internal import Synchronization

/// The chat requests that a mock model received, in order. Any thread.
///
/// The newest 100,000 requests are kept, and the newest 64 MiB of bodies.
public final class MockModelLog: Sendable {
    /// What a waiter waits for.
    public enum Milestone: Sendable, Equatable {
        case received
        /// The turn waits at a gate.
        case atGate
        /// At least so many tokens were sent.
        case tokens(Int)
        case ended
        /// The connection was seen closed.
        case closed

        func isReached(by entry: MockModelEntry) -> Bool {
            switch self {
            case .received: true
            case .atGate: entry.waitsAtGate != nil
            case .tokens(let count): entry.tokensSent >= count
            case .ended: entry.end != nil
            case .closed: entry.closed != nil
            }
        }
    }

    private struct Waiter {
        var number: Int
        var milestone: Milestone
        var continuation: CheckedContinuation<MockModelEntry?, Never>
    }

    private struct State {
        var entries: [MockModelEntry] = []
        var lastNumber = 0
        var bodyBytes = 0
        /// The oldest entry that may still have its body.
        var oldestBody = 1
        var waiters: [Int: Waiter] = [:]
        var cancelled: Set<Int> = []
        var lastWaiter = 0

        func index(of number: Int) -> Int? {
            let index = number - 1 - (lastNumber - entries.count)
            return entries.indices.contains(index) ? index : nil
        }
    }

    static let mostEntries = 100_000
    static let mostBodyBytes = 64 << 20

    private let state = Mutex(State())

    init() {}

    /// All entries that are kept, oldest first, after the one with this number.
    public func entries(after number: Int = 0) -> [MockModelEntry] {
        state.withLock { state in Array(state.entries.drop { $0.number <= number }) }
    }

    /// The entry with this number, if it is there and kept.
    public func entry(_ number: Int) -> MockModelEntry? {
        state.withLock { state in state.index(of: number).map { state.entries[$0] } }
    }

    /// Waits until the request with this number has come so far. Nil if the task is cancelled before.
    public func entry(_ number: Int, reaches milestone: Milestone) async -> MockModelEntry? {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: MockModelEntry?? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .some(nil) }
                    if let index = state.index(of: number), milestone.isReached(by: state.entries[index]) {
                        return state.entries[index]
                    }
                    state.waiters[id] = Waiter(number: number, milestone: milestone, continuation: continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                if waiter == nil { state.cancelled.insert(id) }
                return waiter
            }
            waiter?.continuation.resume(returning: nil)
        }
    }

    /// Notes a request that has just come in, and gives it its number.
    func add(body: [UInt8], received: ClockReading) -> Int {
        let (number, reached) = state.withLock { state -> (Int, [Waiter]) in
            state.lastNumber += 1
            state.entries.append(MockModelEntry(number: state.lastNumber, received: received, body: body))
            state.bodyBytes += body.count
            while state.bodyBytes > MockModelLog.mostBodyBytes, state.oldestBody <= state.lastNumber {
                if let index = state.index(of: state.oldestBody) { MockModelLog.dropBody(&state, at: index) }
                state.oldestBody += 1
            }
            if state.entries.count > MockModelLog.mostEntries {
                // In blocks, so that the array is not moved at every request.
                let surplus = MockModelLog.mostEntries / 10
                for index in 0..<surplus { MockModelLog.dropBody(&state, at: index) }
                state.entries.removeFirst(surplus)
            }
            return (state.lastNumber, MockModelLog.takeReached(&state, state.lastNumber))
        }
        resume(reached, number)
        return number
    }

    /// Changes an entry and tells those who waited for it.
    func update(_ number: Int, _ change: (inout MockModelEntry) -> Void) {
        let reached = state.withLock { state -> [Waiter] in
            guard let index = state.index(of: number) else { return [] }
            change(&state.entries[index])
            return MockModelLog.takeReached(&state, number)
        }
        resume(reached, number)
    }

    private static func dropBody(_ state: inout State, at index: Int) {
        state.bodyBytes -= state.entries[index].body?.count ?? 0
        state.entries[index].body = nil
    }

    private static func takeReached(_ state: inout State, _ number: Int) -> [Waiter] {
        guard !state.waiters.isEmpty, let index = state.index(of: number) else { return [] }
        let entry = state.entries[index]
        let reached = state.waiters.filter { $0.value.number == number && $0.value.milestone.isReached(by: entry) }
        for id in reached.keys { state.waiters[id] = nil }
        return Array(reached.values)
    }

    private func resume(_ waiters: [Waiter], _ number: Int) {
        for waiter in waiters { waiter.continuation.resume(returning: entry(number)) }
    }
}
