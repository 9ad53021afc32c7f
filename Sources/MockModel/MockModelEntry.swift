internal import ModelScript

/// What the mock model knows of one chat request.
public struct MockModelEntry: Sendable {
    /// How a request ended. Open: a new way is a new constant.
    public struct End: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The whole answer was given. Noted just before its last bytes are sent, so that a client which has them all
        /// and leaves is never taken for one that left early.
        public static let complete = End(rawValue: "complete")
        /// The connection was closed by the client (or by `stop`) before the end of the answer.
        public static let clientClosed = End(rawValue: "client_closed")
        /// The turn's fault happened.
        public static let fault = End(rawValue: "fault")
        /// The request was answered with an error: bad JSON, wrong key, no turn left.
        public static let refused = End(rawValue: "refused")
    }

    /// Counts all chat requests to this server, from 1.
    public var number: Int
    public var conversation: String?
    /// When the whole request was there.
    public var received: ClockReading
    /// When the first token was handed to the operating system.
    public var firstToken: ClockReading?
    public var tokensSent = 0
    /// The gate at which the turn waits now.
    public var waitsAtGate: String?
    public var end: End?
    public var ended: ClockReading?
    /// The HTTP status that was sent.
    public var status: Int?
    /// The turn of the script, from 0.
    public var turn: Int?
    /// When the connection was seen closed by either side. After a complete answer the connection may live on.
    public var closed: ClockReading?
    public var messageCount = 0
    public var lastRole: String?
    /// The last message, at most 4096 Unicode scalars of it.
    public var lastContent: String?
    /// The request's body as it came; nil once the log holds 64 MiB of newer ones.
    public var body: [UInt8]?

    func json(withBody: Bool) -> JSONNode {
        var members: [JSONNode.Member] = [
            .init("n", .integer(number)),
            .init("conversation", .optional(conversation)),
            .init("turn", .optional(turn)),
            .init("message_count", .integer(messageCount)),
            .init("last_role", .optional(lastRole)),
            .init("last_content", .optional(lastContent)),
            .init("received_at", .integer(received.unixMicroseconds)),
            .init("received_mono_ns", .integer(received.monotonicNanoseconds)),
            .init("first_token_at", .optional(firstToken?.unixMicroseconds)),
            .init("first_token_mono_ns", .optional(firstToken?.monotonicNanoseconds)),
            .init("tokens_sent", .integer(tokensSent)),
            .init("waits_at_gate", .optional(waitsAtGate)),
            .init("ended", .optional(end?.rawValue)),
            .init("ended_at", .optional(ended?.unixMicroseconds)),
            .init("ended_mono_ns", .optional(ended?.monotonicNanoseconds)),
            .init("status", .optional(status)),
            .init("closed_at", .optional(closed?.unixMicroseconds)),
            .init("closed_mono_ns", .optional(closed?.monotonicNanoseconds)),
        ]
        if withBody {
            // A body that is not JSON is shown as text.
            let node = body.map { body in
                (try? JSONNode.read(body)) ?? .string(String(decoding: body, as: UTF8.self))
            }
            members.append(.init("body", node ?? .null))
        }
        return .object(members)
    }
}
