internal import FermataProtocol
internal import Synchronization

/// What the server is doing and has done since its start, counted where it happens; `Stats` shows it.
///
/// Threads: any. Each number is right by itself; two that are read one after the other may be of different moments.
final class Counters: Sendable {
    final class Count: Sendable {
        private let value = Atomic<Int>(0)

        var current: Int { value.load(ordering: .relaxed) }
        func add(_ number: Int = 1) { value.add(number, ordering: .relaxed) }
        func set(_ number: Int) { value.store(number, ordering: .relaxed) }
    }

    /// A number that somebody else keeps.
    final class Gauge: Sendable {
        private let value = Mutex<@Sendable () -> Int>({ 0 })

        var current: Int { value.withLock { $0 }() }
        func follow(_ number: @escaping @Sendable () -> Int) { value.withLock { $0 = number } }
    }

    /// Messages on the control socket, and those of them that have no reply yet, with their bytes.
    let requests = Count()
    let requestsInProgress = Count()
    let requestBytes = Count()
    /// Of replies that are not complete yet.
    let replyBytes = Count()
    let commandsAccepted = Count()
    let commandsRefused = Count()
    let commandsOverloaded = Count()
    let commits = Count()
    let events = Count()
    let modelCalls = Count()
    let tools = Count()
    /// Model calls and tools that wait for descriptors.
    let effectsWaiting = Count()
    /// Model calls that wait for their providers.
    let callsWaiting = Count()
    /// Connections that are open: of the control socket, and of the other two.
    let controlConnections = Gauge()
    let subscribers = Gauge()
    /// Idle ones of the control socket that were closed for newcomers, and newcomers of the others.
    let connectionsClosed = Count()
    let subscribersRefused = Count()
    /// Of model calls that have ended, since the start.
    let used = Mutex(FermataUsage())
    let callOffers = Count()
    /// Calls that workers have.
    let leases = Count()
    let listenerRestarts = Count()
    /// Messages of the outbox: to be delivered to endpoints that there are, and given up.
    let webhooksPending = Count()
    let webhooksDead = Count()
    /// 1 while the last commit found no room.
    let storeIsFull = Count()

    /// A frame of this type was answered.
    func answered(_ type: UInt16, refusal: Refusal?) {
        guard FrameKind.of(type)?.effect == .command else { return }
        guard let refusal else { return commandsAccepted.add() }
        commandsRefused.add()
        if refusal.code == .overloaded { commandsOverloaded.add() }
    }
}
