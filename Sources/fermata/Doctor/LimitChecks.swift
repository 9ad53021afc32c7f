internal import FermataProtocol
internal import Foundation

/// What the kernel lets a server have.
enum LimitChecks {
    /// - Parameter stats: of the running server, whose own limits count.
    static func findings(_ stats: FermataStatsReply?) -> [Finding] {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let hard = stats.map(\.descriptorLimit) ?? UInt64(limit.rlim_max)
        let text =
            stats.map { "the server has \($0.descriptors) of \(hard) open" }
            ?? "a server could have \(hard) (hard limit); it takes as many as it may"
        // A client takes one, a model call four until it is connected and then one, a tool two to eight.
        let remedy = "raise LimitNOFILE= of the unit, or ulimit -Hn"
        if let stats, stats.descriptors * 10 > hard * 9 {
            return [.problem("descriptors", "\(text): nearly all", do: remedy)]
        }
        if let stats, stats.effectsWaiting > 0 {
            let waiting =
                "\(stats.effectsWaiting) model calls and tools wait for the \(stats.effectDescriptorLimit) that are theirs"
            return [.warning("descriptors", "\(text): \(waiting)", do: remedy)]
        }
        if let stats, stats.subscribersRefused > 0 {
            let refused = "\(stats.subscribersRefused) times a subscriber was turned away"
            return [.warning("descriptors", "\(text): \(refused)", do: remedy)]
        }
        return [
            hard < 4096
                ? .warning("descriptors", "\(text): few for many clients, models and tools", do: remedy)
                : .ok("descriptors", text)
        ]
    }
}
