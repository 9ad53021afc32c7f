public import FermataProtocol

/// Which statuses a run may still come to have: what a wait for one of them hangs on.
///
/// A stopped run stays stopped, and one that was handed off has ended here as well, whether or not it comes home. A run
/// whose turn has begun is never again without a message. From every other status there is a way to every other: by
/// commands, answers, limits, faults.
extension Run {
    public func canStillBe(_ wanted: FermataStatus) -> Bool { wanted.canCome(after: status, hasBegun: turn.hasBegun) }
}

extension FermataRunSummary {
    /// As of the run that it summarizes; where that cannot be told from it, true.
    public func canStillBe(_ wanted: FermataStatus) -> Bool {
        wanted.canCome(after: status, hasBegun: step > 0 || hasFailure || status == .finished)
    }
}

extension FermataStatus {
    fileprivate func canCome(after now: FermataStatus, hasBegun: Bool) -> Bool {
        if now == .stopped { return self == .stopped }
        switch self {
        case .idle: return !hasBegun
        case .running, .pausing, .paused, .waiting, .finished, .failed, .stopped: return true
        case .unspecified, .UNRECOGNIZED: return false
        }
    }
}
