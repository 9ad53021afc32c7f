internal import FermataProtocol
internal import Logging

/// What the control socket does with each frame: it is checked as a frame, then handed to what takes frames of its type.
///
/// Threads: frames come on nng's threads, which must not block; nothing here does.
final class Control: Sendable {
    let routes: RouteTable
    private let accessTokens: AccessTokens
    let logger: Logger

    init(_ handlers: [any FrameHandler], accessTokens: AccessTokens, logger: Logger) {
        routes = RouteTable(handlers.flatMap(\.routes))
        self.accessTokens = accessTokens
        self.logger = logger
    }

    /// Decides one frame; completes exactly once.
    func decide(_ frame: Frame, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) {
        do {
            guard frame.version == Frame.currentVersion else {
                throw Refusal(
                    .unknownVersion, "the frame's version is \(frame.version), this server speaks 1",
                    details: ["version": String(Frame.currentVersion)])
            }
            guard frame.flags == 0 else { throw Refusal(.unsupported, "the frame's flags are \(frame.flags), not 0") }
            // Before anything is made of it.
            if let type = FermataFrameType(rawValue: Int(frame.type)),
                let problem = FieldLimits.problem(in: frame.body, of: type)
            {
                throw Refusal(problem)
            }
            // An Auth frame says what the frames after it may do, and may come from everybody.
            if frame.type != UInt16(FermataFrameType.auth.rawValue) { try access(of: exchange).check(frame) }
            guard let route = routes[frame.type] else {
                throw Refusal(.unknownType, "\(frame.type) is no command", details: ["type": String(frame.type)])
            }
            try route.take(frame, exchange, complete)
        } catch {
            complete(.failure(Refusal(thrown: error)))
        }
    }

    /// What the message may do now: its token may have been revoked by one of its own frames.
    private func access(of exchange: Exchange) -> Access {
        guard case .token(let grant) = exchange.access else { return exchange.access }
        return accessTokens.renewed(grant).map { .token($0) } ?? .refused
    }
}
