public import FermataProtocol
internal import OpenSSL

/// What follows from the state.
extension Run {
    public var isStopped: Bool { lineage.life != .live }

    /// It is stopped here because it goes on elsewhere.
    public var isHandedOff: Bool { lineage.life == .handedOff }

    /// The hold that is shown: an operator's before an ancestor's.
    public var hold: FermataHold? { holds.first?.shown }

    /// The status is derived: the first that applies.
    public var status: FermataStatus {
        if isStopped { return .stopped }
        let isBusy = self.isBusy
        if !holds.isEmpty { return isBusy ? .pausing : .paused }
        if turn.failure != nil { return .failed }
        if isBusy { return .running }
        if turn.nextAttemptAt != nil { return asks.ofWait == 0 ? .running : .waiting }
        if !asks.isEmpty || !ready.isEmpty, nextToStart == nil { return .waiting }
        switch turn.phase {
        case .idle: return messages.isEmpty ? .idle : .running
        case .active: return .running
        case .ended: return messages.isEmpty ? .finished : .running
        case .failed: return .failed
        }
    }

    /// When the run wants to be told that time has passed, µs of the steady clock.
    public var due: Int64? {
        if isStopped { return nil }
        return [asks.mostUrgent?.deadline, holds.end, turn.nextAttemptAt].compactMap { $0 }.min()
    }

    /// Whether a copy of the run that ends here is valid: nothing is in flight, no call waits for what the next event
    /// says of it, and no stop has begun.
    public var isCut: Bool {
        seq > 0 && !isStopped && isWhole && !isBusy && !calls.contains { $0.outcome == .callCancelled }
    }

    /// Whether every call that waits for an answer has its open ask: between the events of one decision it may not.
    var isWhole: Bool { calls.asking == asks.ofCalls }

    /// Whether the service has to look at the run when it starts: something of it is in flight or being killed, a
    /// timer runs, or the service ended before what can start was started, or what is to be asked was asked.
    public var isActive: Bool {
        isBusy || status == .running || !isStopped && calls.unjudged > 0 && calls.contains(where: isUnjudged)
    }

    /// What the policy says of the call was not acted upon: it is to be asked about or denied, or is denied, and
    /// people are asked still.
    private func isUnjudged(_ call: Call) -> Bool {
        switch call.state {
        case .selected: !call.isFree
        case .asking: call.gate == .deny && asks[of: call]?.kind == .approval
        default: false
        }
    }
}

extension String {
    /// SHA-256 of the text's UTF-8. frozen: approvals name arguments by it.
    var sha256Hexadecimal: String { sha256(Array(utf8)).hexadecimal }

    /// The longest prefix of whole characters that has at most so many bytes of UTF-8.
    public func prefix(utf8Bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
