public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// What the run has used and may use.
    public struct Budget: Sendable, Equatable {
        public private(set) var limits = FermataLimits()
        public private(set) var usage = FermataUsage()
        /// Steps since the turn began, or since someone had it go on after a limit.
        private(set) var stepsOfTurn: UInt32 = 0
        /// What the run had cost when someone last let it cost more.
        private(set) var grantedCost: Int64 = 0
        /// Model calls since someone last let the run cost more, of which nobody can tell what they cost.
        private(set) var untoldCosts: UInt32 = 0
        /// Of what the current step chose and got, and of the step before it; 0: nothing was chosen.
        private(set) var fingerprint: UInt64 = 0
        private(set) var lastFingerprint: UInt64 = 0
        /// Steps in a row with the fingerprint of the step before the current one.
        private(set) var repeats: UInt32 = 0

        init() {}

        /// Its cost has a limit, and nobody can tell whether that is reached.
        var costIsUntold: Bool { limits.hasMaxCostNanoUsd && untoldCosts > 0 }

        /// With other limits.
        func with(_ limits: FermataLimits) -> Budget {
            var budget = self
            budget.limits = limits
            return budget
        }

        mutating func set(_ limits: FermataLimits) { self.limits = limits }

        /// - Parameter isNewTurn: the turn begins with this call.
        mutating func apply(_ call: FermataModelCalled, isNewTurn: Bool) {
            if isNewTurn { stepsOfTurn = 0 }
            guard call.attempt == 1 else { return }
            stepsOfTurn = stepsOfTurn.saturatingSum(1)
            repeats =
                fingerprint != 0 && fingerprint == lastFingerprint
                ? repeats.saturatingSum(1) : fingerprint == 0 ? 0 : 1
            lastFingerprint = fingerprint
            fingerprint = 0
        }

        mutating func apply(_ answer: FermataModelAnswered) {
            count(answer.usage)
            if limits.hasMaxRepeats {
                for call in answer.calls {
                    fingerprint = CallFingerprint.of(call.tool, call.arguments, after: fingerprint)
                }
            }
        }

        /// A call has ended without an answer.
        ///
        /// - Parameter used: as the event says; nil: it is from before that was said. What such a call cost only the provider
        ///   knows, and nobody was asked for it then.
        mutating func countUnanswered(_ used: FermataUsage?) {
            if let used { return count(used) }
            usage.add(.ofUnknownCost)
        }

        private mutating func count(_ used: FermataUsage) {
            usage.add(used)
            if used.callsOfUnknownCost > 0 { untoldCosts = untoldCosts.saturatingSum(1) }
        }

        /// - Parameter first: the number of the step's first call: results count in whatever order parallel calls end.
        mutating func apply(_ ended: FermataCallEnded, first: UInt32) {
            guard fingerprint != 0 else { return }
            fingerprint = fingerprint &+ CallFingerprint.of(ended.output, "", after: UInt64(ended.number &- first) + 1)
        }

        /// The limits begin to count anew.
        mutating func grantMore() {
            stepsOfTurn = 0
            forgetCosts()
            forgetRepeats()
        }

        /// What it has cost until now is not counted.
        mutating func forgetCosts() {
            grantedCost = usage.costNanoUsd
            untoldCosts = 0
        }

        /// The next step is the first that is compared.
        mutating func forgetRepeats() {
            repeats = 0
            fingerprint = 0
        }
    }
}

/// Tells whether two steps chose and got the same. frozen: it is in snapshots, and decides what old journals fold to.
/// FNV-1a: who wants to fool it only keeps a run from being stuck.
private enum CallFingerprint {
    /// Never 0.
    static func of(_ first: String, _ second: String, after previous: UInt64) -> UInt64 {
        var hash = previous ^ 0xcbf2_9ce4_8422_2325
        for byte in first.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ 0x1FF) &* 0x100_0000_01b3
        for byte in second.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash | 1
    }
}

// MARK: - Snapshot

extension Run.Budget {
    init(_ snapshot: SnapshotBudget) {
        limits = snapshot.limits
        usage = snapshot.usage
        stepsOfTurn = snapshot.stepsOfTurn
        grantedCost = snapshot.grantedCost
        untoldCosts = snapshot.untoldCosts
        fingerprint = snapshot.fingerprint
        lastFingerprint = snapshot.lastFingerprint
        repeats = snapshot.repeats
    }

    var snapshot: SnapshotBudget {
        .with {
            $0.limits = limits
            $0.usage = usage
            $0.stepsOfTurn = stepsOfTurn
            $0.grantedCost = grantedCost
            $0.untoldCosts = untoldCosts
            $0.fingerprint = fingerprint
            $0.lastFingerprint = lastFingerprint
            $0.repeats = repeats
        }
    }
}
