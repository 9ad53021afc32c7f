internal import Curl
internal import Journal
internal import OpenSSL

/// What an attempt came to, and what follows from it: pure.
struct WebhookAttempt: Sendable {
    enum Ending: Sendable, Equatable {
        /// What the endpoint answered, and for how long it asked to be left alone, in µs.
        case answered(status: Int, retryAfter: Int64?)
        case failed(CurlError.Kind)
        /// There is nothing to send.
        case missing
    }

    let row: OutboxRow
    let ending: Ending

    var isDelivered: Bool { if case .answered(200..<300, _) = ending { true } else { false } }

    /// However old a message is, it is tried so often.
    private static let leastAttempts: UInt32 = 5
    /// No message is old before.
    private static let leastAge: Int64 = 3600 * 1_000_000
    private static let longestRetryAfter: Int64 = 24 * 3600 * 1_000_000

    /// - Parameter now: µs of the steady clock, as all times of the outbox.
    func result(retries: [Duration], now: Int64) -> OutboxOutcome.Result {
        var asked: Int64 = 0
        switch ending {
        case .answered(200..<300, _): return .delivered(nextAt: now)
        // Gone: it says itself that trying again is of no use.
        case .answered(410, _), .missing: return .givenUp(nextAt: now)
        case .answered(_, let retryAfter): asked = min(retryAfter ?? 0, Self.longestRetryAfter)
        case .failed: break
        }
        let attempts = row.attempts + 1
        let delays = retries.map(\.microseconds)
        // Those that have waited for others of their run as long as a message is tried are not tried as long again:
        // what an endpoint missed in a month must not take years to be given up.
        let isOld = now - row.at > max(delays.reduce(0, +), Self.leastAge) && attempts >= Self.leastAttempts
        guard Int(row.attempts) < delays.count, !isOld else { return .givenUp(nextAt: now) }
        let delay = delays[Int(row.attempts)]
        return .failed(nextAt: now + max(delay + jitter(of: delay), asked))
    }

    /// Up to a fifth more, so that what failed together does not come again together; the same each time.
    private func jitter(of delay: Int64) -> Int64 {
        let name = "\(row.key.endpoint) \(row.key.run) \(row.key.seq) \(row.key.kind) \(row.attempts)"
        return delay / 5 * Int64(sha256(Array(name.utf8))[0]) / 255
    }
}

extension Duration {
    fileprivate var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
