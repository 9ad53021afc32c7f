public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// How far the conversation with the model has come.
    public struct Turn: Sendable, Equatable {
        enum Phase: Sendable, Equatable {
            /// No message yet.
            case idle
            /// The model has something to see: a message, a result, a partial answer.
            case active
            /// The model answered without choosing a call.
            case ended
            /// `isBeforeFirstStep`: before its first model call; whoever was asked about a limit ended it.
            case failed(FermataFailure, isBeforeFirstStep: Bool)
        }

        /// The step's model call.
        enum ModelCall: Sendable, Equatable {
            /// It has an answer, or was cut on purpose; or there has been none.
            case none
            case inFlight
            /// It has ended without an answer, and will be made again as the next attempt of the step: now.
            case again
            /// The same, at this time: µs of the steady clock. `lead`: how far the clock that the time was told by was
            /// ahead of it, µs.
            case waiting(until: Int64, lead: Int64)
        }

        private(set) var phase = Phase.idle
        private(set) var modelCall = ModelCall.none
        public private(set) var step: UInt32 = 0
        private(set) var attempt: UInt32 = 0
        /// Failures of the step's model call since it was first made, or since someone asked for another try.
        private(set) var failedAttempts: UInt32 = 0
        /// Of the model's last answer.
        public private(set) var ending = FermataEnding.unspecified
        private(set) var lastMessage = ""
        /// The last answer was truncated and chose no call: the next one goes on with its text.
        private(set) var goesOn = false
        /// How often in this turn the model was asked to go on with a truncated answer that chose no call.
        private(set) var goOns: UInt32 = 0
        /// Answers before the next one that were truncated, without one between them that was not.
        private(set) var truncatedInARow: UInt32 = 0
        /// Reasoning from before this event is shown to no model any more; 0: all of it is.
        public private(set) var reasoningFrom: UInt64 = 0
        /// Models whose servers have refused the run's images, in the order in which they did: they are told of them in
        /// words.
        private(set) var blindModels: [String] = []

        init() {}

        var hasBegun: Bool { phase != .idle }

        var failure: FermataFailure? { if case .failed(let failure, _) = phase { failure } else { nil } }

        /// Whether the next model call is another attempt of the step.
        var isUnanswered: Bool {
            switch modelCall {
            case .none, .inFlight: false
            case .again, .waiting: true
            }
        }

        /// While it waits between two attempts of a model call, µs of the steady clock.
        var nextAttemptAt: Int64? { if case .waiting(let until, _) = modelCall { until } else { nil } }

        /// The same, as people's clocks tell it.
        var nextAttemptAsTold: Int64? {
            if case .waiting(let until, let lead) = modelCall { until &+ lead } else { nil }
        }

        mutating func apply(_ call: FermataModelCalled) {
            if phase != .active { forgetTruncated() }
            step = call.step
            attempt = call.attempt
            modelCall = .inFlight
            phase = .active
        }

        mutating func apply(_ answer: FermataModelAnswered) {
            modelCall = .none
            failedAttempts = 0
            ending = answer.ending
            truncatedInARow = ending == .truncated ? truncatedInARow.saturatingSum(1) : 0
            if answer.hasFailure {
                phase = .failed(answer.failure, isBeforeFirstStep: false)
            } else if ending == .truncated {
                // With calls they are told; without, it is to go on.
                if answer.calls.isEmpty { goOns = goOns.saturatingSum(1) }
                phase = .active
            } else {
                phase = answer.calls.isEmpty ? .ended : .active
            }
            if !answer.text.isEmpty, ending != .refused {
                lastMessage = ((goesOn ? lastMessage : "") + answer.text).prefix(utf8Bytes: Run.lastMessageBytes)
            }
            goesOn = ending == .truncated && answer.calls.isEmpty && !answer.hasFailure
        }

        mutating func apply(_ cut: FermataModelCut) {
            // Nobody cut it on purpose: it will be made again.
            modelCall = cut.cause == .byCrash || cut.cause == .byMove ? .again : .none
            if modelCall == .none { failedAttempts = 0 }
        }

        /// - Parameters:
        ///   - seq: of the event.
        ///   - lead: how far the clock of the event's times was ahead of the steady clock, µs.
        ///   - isHeld: under a hold no attempt waits for its time.
        mutating func apply(_ failed: FermataModelFailed, seq: UInt64, lead: Int64, isHeld: Bool) {
            // The next attempt is of another request, and not one of those that are tried again.
            if failed.dropsReasoning {
                reasoningFrom = seq
            } else if failed.dropsImages {
                if !blindModels.contains(failed.model) { blindModels.append(failed.model) }
            } else {
                failedAttempts = failedAttempts.saturatingSum(1)
            }
            modelCall = .again
            if failed.nextAttemptAt == 0 {
                phase = .failed(failed.failure, isBeforeFirstStep: false)
            } else if !isHeld {
                modelCall = .waiting(until: failed.nextAttemptAt &- lead, lead: lead)
            }
        }

        /// What waited between two attempts waits no longer.
        mutating func stopWaiting() {
            if nextAttemptAt != nil { modelCall = .again }
        }

        /// Another model is asked: what has failed of the one before says nothing about it.
        mutating func turnToOther() { failedAttempts = 0 }

        mutating func retry() {
            // Before its first step it is a message that begins the turn, if one still waits.
            phase = if case .failed(_, isBeforeFirstStep: true) = phase { .ended } else { .active }
            failedAttempts = 0
            forgetTruncated()
        }

        /// Truncated answers are counted anew.
        mutating func forgetTruncated() {
            goOns = 0
            truncatedInARow = 0
        }

        mutating func fail(_ failure: FermataFailure) { phase = .failed(failure, isBeforeFirstStep: false) }

        /// Whoever was asked has ended the turn.
        mutating func end(_ kind: FermataAskKind) {
            phase = .failed(
                .with {
                    $0.kind = kind == .stuck ? "STUCK" : kind == .limit ? "RATE_LIMITED" : "LIMIT_REACHED"
                    $0.message = "the turn was ended by whoever was asked"
                }, isBeforeFirstStep: phase != .active)
        }

        mutating func stop() { modelCall = isUnanswered ? .again : .none }

        /// Waits were measured by another server's steady clock: from now on they are by this one's.
        mutating func measureWaits(lead: Int64) {
            guard case .waiting(let until, let old) = modelCall else { return }
            modelCall = .waiting(until: until &+ old &- lead, lead: lead)
        }
    }

    /// Whether the run's model may be shown images, as far as its server has said.
    public var showsImages: Bool { !turn.blindModels.contains(spec.model) }

    /// How much of the model's last text the summary carries, in bytes.
    static let lastMessageBytes = 64 << 10
}

// MARK: - Snapshot

extension Run.Turn {
    /// nil if the message has a value that this version does not know.
    init?(_ snapshot: SnapshotTurn) {
        switch snapshot.phase {
        case .idle: phase = .idle
        case .active: phase = .active
        case .ended: phase = .ended
        case .failed: phase = .failed(snapshot.failure, isBeforeFirstStep: false)
        case .failedBeforeFirstStep: phase = .failed(snapshot.failure, isBeforeFirstStep: true)
        case .UNRECOGNIZED: return nil
        }
        switch snapshot.modelCall {
        case .none: modelCall = .none
        case .inFlight: modelCall = .inFlight
        case .again: modelCall = .again
        case .waiting: modelCall = .waiting(until: snapshot.nextAttemptAt, lead: snapshot.attemptLead)
        case .UNRECOGNIZED: return nil
        }
        step = snapshot.step
        attempt = snapshot.attempt
        failedAttempts = snapshot.failedAttempts
        ending = snapshot.ending
        lastMessage = snapshot.lastMessage
        goesOn = snapshot.goesOn
        goOns = snapshot.goOns
        truncatedInARow = snapshot.truncatedInARow
        reasoningFrom = snapshot.reasoningFrom
        blindModels = snapshot.blindModels
    }

    var snapshot: SnapshotTurn {
        .with {
            switch phase {
            case .idle: $0.phase = .idle
            case .active: $0.phase = .active
            case .ended: $0.phase = .ended
            case .failed(let failure, let isBeforeFirstStep):
                $0.phase = isBeforeFirstStep ? .failedBeforeFirstStep : .failed
                $0.failure = failure
            }
            switch modelCall {
            case .none: $0.modelCall = .none
            case .inFlight: $0.modelCall = .inFlight
            case .again: $0.modelCall = .again
            case .waiting(let until, let lead):
                $0.modelCall = .waiting
                $0.nextAttemptAt = until
                $0.attemptLead = lead
            }
            $0.step = step
            $0.attempt = attempt
            $0.failedAttempts = failedAttempts
            $0.ending = ending
            $0.lastMessage = lastMessage
            $0.goesOn = goesOn
            $0.goOns = goOns
            $0.truncatedInARow = truncatedInARow
            $0.reasoningFrom = reasoningFrom
            $0.blindModels = blindModels
        }
    }
}
