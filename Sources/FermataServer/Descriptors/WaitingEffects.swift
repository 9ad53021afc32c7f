internal import FermataCore
internal import FermataProtocol
internal import Synchronization

/// Effects that wait for descriptors, in the order in which they were wanted.
///
/// Used by the loop's thread alone, which is why it may be a part of what crosses threads.
final class WaitingEffects: @unchecked Sendable {
    struct Entry {
        let effect: Effect
        let run: RunID
        let descriptors: Int
        let handle: WaitingEffect
        let start: (SharedRun, DescriptorPlaces.Lease) -> any EffectInFlight
    }

    private var entries: [Entry] = []
    private var first = 0
    /// At so many entries, those that were cancelled meanwhile are left out.
    private var longest = 64
    private let places: DescriptorPlaces

    init(_ places: DescriptorPlaces) { self.places = places }

    private var isEmpty: Bool { first == entries.count }

    /// Takes the places for an effect that does not have to wait.
    func take(_ descriptors: Int) -> DescriptorPlaces.Lease? { isEmpty ? places.take(descriptors) : nil }

    func append(_ entry: Entry) {
        if entries.count >= longest {
            entries = entries[first...].filter(\.handle.isWaiting)
            first = 0
            longest = max(64, entries.count * 2)
        }
        entries.append(entry)
    }

    /// Starts those that there are places for. The one that has waited longest is never passed by a smaller one.
    ///
    /// - Parameter run: as it is now; nil: it is not in memory, and wants nothing.
    func start(_ run: (RunID) -> SharedRun?) {
        while !isEmpty {
            let entry = entries[first]
            if entry.handle.isWaiting {
                guard let lease = places.take(entry.descriptors) else { return }
                // Nobody but the loop cancels, so it is waiting still.
                if let run = run(entry.run) { entry.handle.begin(entry.start(run, lease)) }
            }
            first += 1
        }
        entries.removeAll(keepingCapacity: entries.count < 1024)
        first = 0
    }
}

/// An effect that is wanted and waits for descriptors, later the one that it became.
///
/// Threads: `begin` and `cancel` are the loop's.
final class WaitingEffect: EffectInFlight {
    private enum State {
        case waiting
        case cancelled
        case begun(any EffectInFlight)
    }

    private let state = Mutex(State.waiting)
    private let onCancel: @Sendable () -> Void

    /// - Parameter onCancel: tells the end of what was cancelled while it waited: nothing of it has happened.
    init(onCancel: @escaping @Sendable () -> Void) { self.onCancel = onCancel }

    var isWaiting: Bool { state.withLock { if case .waiting = $0 { true } else { false } } }

    func begin(_ work: any EffectInFlight) { state.withLock { $0 = .begun(work) } }

    func cancel() {
        let before = state.withLock { state in
            defer { if case .waiting = state { state = .cancelled } }
            return state
        }
        switch before {
        case .waiting: onCancel()
        case .begun(let work): work.cancel()
        case .cancelled: break
        }
    }

    private var begun: (any EffectInFlight)? {
        state.withLock { if case .begun(let work) = $0 { work } else { nil } }
    }

    func takeAnswer() -> AnswerSoFar { begun?.takeAnswer() ?? "" }
    func takeOutput() -> ToolReply { begun?.takeOutput() ?? ToolReply(outcome: .callInterrupted, output: "") }
}
