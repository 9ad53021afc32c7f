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

    private var line = WaitingLine<Entry>(\.handle)
    private let places: DescriptorPlaces

    init(_ places: DescriptorPlaces) { self.places = places }

    /// Takes the places for an effect that does not have to wait.
    func take(_ descriptors: Int) -> DescriptorPlaces.Lease? { line.isEmpty ? places.take(descriptors) : nil }

    func append(_ entry: Entry) { line.append(entry) }

    /// Starts those that there are places for. The one that has waited longest is never passed by a smaller one.
    ///
    /// - Parameter run: as it is now; nil: it is not in memory, and wants nothing.
    func start(_ run: (RunID) -> SharedRun?) {
        // Nobody but the loop cancels, so the first is waiting still.
        while let entry = line.first {
            guard let lease = places.take(entry.descriptors) else { return }
            line.removeFirst()
            if let run = run(entry.run) { entry.handle.begin(entry.start(run, lease)) }
        }
    }
}

/// What waits, in order; those that were cancelled meanwhile are passed over.
struct WaitingLine<Entry> {
    private var entries: [Entry] = []
    private var start = 0
    /// At so many entries, those that were cancelled are left out.
    private var longest = 64
    private let handle: (Entry) -> WaitingEffect

    init(_ handle: @escaping (Entry) -> WaitingEffect) { self.handle = handle }

    /// As far as is known: the cancelled ones count until they are come to.
    var isEmpty: Bool { start == entries.count }

    mutating func append(_ entry: Entry) {
        if entries.count >= longest {
            entries = entries[start...].filter { handle($0).isWaiting }
            start = 0
            longest = max(64, entries.count * 2)
        }
        entries.append(entry)
    }

    /// The one that has waited longest; nil: none waits.
    var first: Entry? {
        mutating get {
            while !isEmpty {
                if handle(entries[start]).isWaiting { return entries[start] }
                removeFirst()
            }
            return nil
        }
    }

    mutating func removeFirst() {
        start += 1
        guard isEmpty else { return }
        entries.removeAll(keepingCapacity: entries.count < 1024)
        start = 0
    }
}

/// An effect that is wanted and waits, later the one that it became.
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
