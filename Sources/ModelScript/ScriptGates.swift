internal import Synchronization

/// The gates of a script: closed until somebody opens them, then open until somebody closes them. Names need not be
/// declared. Any thread; nothing blocks; callbacks run on the thread that opened the gate, outside the lock.
public final class ScriptGates: Sendable {
    /// Identifies a waiting callback.
    public struct Ticket: Sendable, Hashable {
        fileprivate let number: UInt64
    }

    /// A gate as it stands.
    public struct Status: Sendable, Equatable {
        public var name: String
        public var isOpen: Bool
        /// How many turns wait at it.
        public var waiting: Int
    }

    private struct Gate {
        var isOpen = false
        var waiting: [Ticket: @Sendable () -> Void] = [:]
        var watchers: [@Sendable () -> Void] = []
    }

    private struct State {
        var gates: [String: Gate] = [:]
        var lastTicket: UInt64 = 0
    }

    private let state = Mutex(State())

    public init() {}

    /// Opens a gate and lets everyone pass who waits at it.
    public func open(_ name: String) {
        let waiting = state.withLock { state -> [@Sendable () -> Void] in
            state.gates[name, default: Gate()].isOpen = true
            let waiting = state.gates[name]?.waiting.sorted { $0.key.number < $1.key.number }.map(\.value) ?? []
            state.gates[name]?.waiting = [:]
            return waiting
        }
        for pass in waiting { pass() }
    }

    /// Closes a gate for those who come from now on.
    public func close(_ name: String) {
        state.withLock { $0.gates[name]?.isOpen = false }
    }

    /// Calls `pass` once when the gate is open, at once if it is already: then the result is nil.
    public func whenOpen(_ name: String, _ pass: @escaping @Sendable () -> Void) -> Ticket? {
        let (ticket, watchers) = state.withLock { state -> (Ticket?, [@Sendable () -> Void]) in
            var gate = state.gates[name] ?? Gate()
            guard !gate.isOpen else { return (nil, []) }
            state.lastTicket += 1
            let ticket = Ticket(number: state.lastTicket)
            gate.waiting[ticket] = pass
            let watchers = gate.watchers
            gate.watchers = []
            state.gates[name] = gate
            return (ticket, watchers)
        }
        guard let ticket else {
            pass()
            return nil
        }
        for watcher in watchers { watcher() }
        return ticket
    }

    /// Calls `seen` once when somebody waits at the gate, at once if somebody does already.
    public func whenAwaited(_ name: String, _ seen: @escaping @Sendable () -> Void) {
        let isAwaited = state.withLock { state in
            var gate = state.gates[name] ?? Gate()
            guard gate.waiting.isEmpty else { return true }
            gate.watchers.append(seen)
            state.gates[name] = gate
            return false
        }
        if isAwaited { seen() }
    }

    /// Waits until somebody waits at the gate.
    public func awaited(_ name: String) async {
        await withCheckedContinuation { continuation in whenAwaited(name) { continuation.resume() } }
    }

    /// Gives up a wait. The callback may be running at this moment on another thread.
    public func forget(_ ticket: Ticket, at name: String) {
        state.withLock { _ = $0.gates[name]?.waiting.removeValue(forKey: ticket) }
    }

    /// All gates that were ever opened or waited at, by name.
    public var all: [Status] {
        state.withLock { state in
            state.gates.map { Status(name: $0.key, isOpen: $0.value.isOpen, waiting: $0.value.waiting.count) }
                .sorted { $0.name < $1.name }
        }
    }
}
