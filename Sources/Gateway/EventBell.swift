internal import FermataClient
internal import Synchronization

/// Tells open streams when to look: that there may be an event for them, or that it is time for a sign of life.
///
/// What is in an event nobody learns here: each stream reads with its own caller's token. One subscription serves all
/// streams, and there is none while there are none. Where the event socket cannot be reached, the bell rings every
/// second.
///
/// Threads: any.
final class EventBell: Sendable {
    private struct State {
        var listeners: [UInt64: (run: String?, ring: AsyncStream<Void>.Continuation)] = [:]
        var last: UInt64 = 0
        var tasks: [Task<Void, Never>] = []
        /// When the event socket last said something; it does so every second.
        var heard: ContinuousClock.Instant?
    }

    /// Streams look at least so often: that is also when they send their sign of life.
    private static let interval = 10

    private let client: Client
    private let state = Mutex(State())

    init(_ client: Client) { self.client = client }

    /// Rings for one run or, without, for all; rings that come while nobody waits are one.
    func rings(for run: String?) -> AsyncStream<Void> {
        let (stream, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.last += 1
            state.listeners[state.last] = (run, ring)
            if state.tasks.isEmpty {
                state.tasks = [Task { await self.listen() }, Task { await self.beat() }]
            }
            return state.last
        }
        ring.onTermination = { [weak self] _ in self?.leave(number) }
        return stream
    }

    private func leave(_ number: UInt64) {
        let tasks = state.withLock { state in
            state.listeners[number] = nil
            guard state.listeners.isEmpty else { return [Task<Void, Never>]() }
            defer { state.tasks = [] }
            return state.tasks
        }
        for task in tasks { task.cancel() }
    }

    /// - Parameter run: nil: for all of them.
    private func ring(for run: String?) {
        state.withLock { state in
            for listener in state.listeners.values where run == nil || listener.run == nil || listener.run == run {
                listener.ring.yield()
            }
        }
    }

    private func listen() async {
        while !Task.isCancelled {
            if let arrivals = try? await client.arrivals() {
                for await arrival in arrivals {
                    state.withLock { $0.heard = .now }
                    switch arrival {
                    case .event(let run): ring(for: run)
                    case .unknown: ring(for: nil)
                    case .nothing: break
                    }
                }
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func beat() async {
        var count = 0
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            count += 1
            let isDeaf = state.withLock { $0.heard.map { $0 + .seconds(3) < .now } ?? true }
            if isDeaf || count % Self.interval == 0 { ring(for: nil) }
        }
    }
}
