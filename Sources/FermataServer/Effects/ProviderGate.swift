internal import FermataCore
internal import FermataProtocol
internal import Logging
internal import Models
internal import Synchronization

/// How many model calls one provider has at once, from all runs together: no more than the configuration says, and after
/// it has said that they are too many (429) fewer, for a while none.
///
/// After a 429 all calls wait for as long as the provider wants, a minute at the most, else for one second, then two, four
/// and so on up to a minute; half as many as there were are let through then, or one if that one is turned away as well; each that is
/// answered lets one more through. What was on its way when the wait began says nothing new.
///
/// Threads: `pass` is the loop's, all else any.
final class ProviderGate: Sendable {
    private struct State {
        var inFlight = 0
        var tokens = 0
        /// nil: nothing has been turned away for long.
        var window: Int?
        /// µs, monotonic: none before this.
        var closedUntil: Int64 = 0
        /// Calls that began until then say nothing about what is let through now.
        var closedAt: Int64 = 0
        /// Times in a row that it was closed.
        var closings = 0
        /// The loop waits until there is room.
        var isAwaited = false
    }

    private static let longest: Int64 = 60_000_000
    /// More than so many at once were answered: there is no limit that anybody knew of.
    private static let wide = 1024

    private let name: String
    private let mostRequests: Int
    /// nil: tokens are not counted.
    let mostTokens: Int?
    private let wake: @Sendable () -> Void
    private let now: @Sendable () -> Int64
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: of the provider, for the log.
    ///   - wake: there may be room, or another time to wait until, for who was refused a pass. Must not block.
    init(
        _ name: String, _ limits: ModelLimits, logger: Logger,
        now: @escaping @Sendable () -> Int64 = { Clock.monotonic },
        wake: @escaping @Sendable () -> Void
    ) {
        self.name = name
        mostRequests = limits.requests ?? .max
        mostTokens = limits.tokens
        self.logger = logger
        self.now = now
        self.wake = wake
    }

    /// - Parameter tokens: about so many the call sends and may be answered. One of more than there may be goes alone.
    /// - Returns: nil: there is no room now; `wake` says when to try again, or `opensAt`.
    func pass(tokens: Int = 0) -> Pass? {
        let now = now()
        return state.withLock { state in
            let hasTokens = state.inFlight == 0 || state.tokens + tokens <= mostTokens ?? .max
            guard now >= state.closedUntil, hasTokens, state.inFlight < min(mostRequests, state.window ?? .max) else {
                state.isAwaited = true
                return nil
            }
            state.inFlight += 1
            state.tokens += tokens
            return Pass(self, begun: now, tokens: tokens)
        }
    }

    /// µs, monotonic: when it is to be tried again though nobody wakes; nil: it is open, whether there is room or not.
    var opensAt: Int64? {
        let now = now()
        return state.withLock { $0.closedUntil > now ? $0.closedUntil : nil }
    }

    private func leave(_ begun: Int64, _ tokens: Int, _ end: Pass.End) {
        let now = now()
        let (wakes, pause): (Bool, Int64?) = state.withLock { state in
            defer {
                state.inFlight -= 1
                state.tokens -= tokens
            }
            var pause: Int64?
            switch end {
            case .answered where begun > state.closedAt:
                state.closings = 0
                if let window = state.window { state.window = window < Self.wide ? window + 1 : nil }
            case .limited(let wanted) where begun > state.closedAt:
                state.window = state.closings == 0 ? max(1, min(state.inFlight, state.window ?? .max) / 2) : 1
                state.closings += 1
                let own = min(Self.longest, 1_000_000 << min(state.closings - 1, 6))
                pause = min(max(wanted, own), Self.longest)
                (state.closedAt, state.closedUntil) = (now, now + pause!)
            case .answered, .limited, .other: break
            }
            defer { state.isAwaited = false }
            return (state.isAwaited, pause)
        }
        if let pause {
            logger.warning(
                "a provider limits the rate: its calls wait together",
                metadata: ["provider": "\(name)", "milliseconds": "\(pause / 1000)"])
        }
        if wakes { wake() }
    }

    /// The place of one call. Given back once, by `end`.
    final class Pass: Sendable {
        enum End: Sendable, Equatable {
            case answered
            /// µs that the provider wants to be left alone; 0: it does not say.
            case limited(wants: Int64)
            /// Of everything else nothing follows for others.
            case other
        }

        private let gate: ProviderGate
        private let begun: Int64
        private let tokens: Int
        private let hasEnded = Atomic(false)

        fileprivate init(_ gate: ProviderGate, begun: Int64, tokens: Int) {
            self.gate = gate
            self.begun = begun
            self.tokens = tokens
        }

        deinit { end(.other) }

        func end(_ end: End) {
            guard !hasEnded.exchange(true, ordering: .acquiringAndReleasing) else { return }
            gate.leave(begun, tokens, end)
        }
    }
}

extension ProviderGate.Pass.End {
    /// What the end of a model call says.
    init(_ input: Input) {
        switch input {
        case .modelAnswered: self = .answered
        case .modelFailed(_, _, let failure, _) where failure.kind == ModelFailure.Kind.rateLimited.rawValue:
            self = .limited(wants: Int64(clamping: failure.retryAfterMs) * 1000)
        default: self = .other
        }
    }
}

/// Model calls that wait for their providers: of each provider in the order in which they were wanted, so that none of its
/// runs is passed by another. A run has one model call at a time.
///
/// Used by the loop's thread alone, which is why it may be a part of what crosses threads.
final class WaitingCalls: @unchecked Sendable {
    struct Entry {
        let run: RunID
        let tokens: Int
        let handle: WaitingEffect
        let start: (SharedRun, ProviderGate.Pass) -> any EffectInFlight
    }

    private var lines: [ObjectIdentifier: (gate: ProviderGate, entries: WaitingLine<Entry>)] = [:]

    /// A pass for a call that does not have to wait.
    func pass(_ gate: ProviderGate, tokens: Int) -> ProviderGate.Pass? {
        lines[ObjectIdentifier(gate)] == nil ? gate.pass(tokens: tokens) : nil
    }

    func append(_ entry: Entry, for gate: ProviderGate) {
        lines[ObjectIdentifier(gate), default: (gate, WaitingLine(\.handle))].entries.append(entry)
    }

    /// Starts those that there is room for.
    ///
    /// - Parameter run: as it is now; nil: it is not in memory, and wants nothing.
    func start(_ run: (RunID) -> SharedRun?) {
        guard !lines.isEmpty else { return }
        for (key, line) in lines {
            while let entry = lines[key]!.entries.first {
                guard let pass = line.gate.pass(tokens: entry.tokens) else { break }
                lines[key]!.entries.removeFirst()
                if let run = run(entry.run) { entry.handle.begin(entry.start(run, pass)) } else { pass.end(.other) }
            }
            if lines[key]!.entries.first == nil { lines[key] = nil }
        }
    }

    /// µs, monotonic: when one of them may start that nobody wakes for.
    var nextStart: Int64? { lines.values.lazy.compactMap(\.gate.opensAt).min() }
}
