internal import Synchronization

/// Waits for whichever comes first: what was waited for, or the end of the connection.
///
/// `arm` starts the wait and gets a function that ends it, callable from any thread and more than once; it returns
/// what is to be done when the wait is over. The result is false if the connection is closed.
func wait(
    on connection: ClientConnection, _ arm: (@escaping @Sendable () -> Void) -> (@Sendable () -> Void)
) async -> Bool {
    let wake = Wake()
    let ticket = connection.whenClosed { _ in wake.fire(false) }
    let disarm = arm { wake.fire(true) }
    let isOpen = await wake.outcome
    disarm()
    connection.forget(ticket)
    return isOpen
}

/// A result that is given once and waited for once, in either order. The first one counts.
private final class Wake: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Bool, Never>)
        case fired(Bool)
    }

    private let state = Mutex(State.idle)

    func fire(_ outcome: Bool) {
        let continuation = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            switch state {
            case .fired: return nil
            case .idle:
                state = .fired(outcome)
                return nil
            case .waiting(let continuation):
                state = .fired(outcome)
                return continuation
            }
        }
        continuation?.resume(returning: outcome)
    }

    var outcome: Bool {
        get async {
            await withCheckedContinuation { continuation in
                let fired = state.withLock { state -> Bool? in
                    if case .fired(let outcome) = state { return outcome }
                    state = .waiting(continuation)
                    return nil
                }
                if let fired { continuation.resume(returning: fired) }
            }
        }
    }
}
