internal import SwiftProtobuf

/// A code of `Error`: what went wrong, what class it is of, and what to do about it.
///
/// The registry grows; a code is never used again with another meaning. protocol/README.md lists every one of them
/// (a test compares). Clients act on `class` and `retryable` for codes that they do not know.
public struct ErrorCode: Hashable, Sendable, CustomStringConvertible {
    /// What kind of mistake it is. Open.
    public struct Class: Hashable, Sendable, CustomStringConvertible {
        public let name: String
        public var description: String { name }

        /// The request itself is wrong: it will be refused until it is changed.
        public static let invalid = Class(name: "INVALID")
        /// What it names does not exist.
        public static let notFound = Class(name: "NOT_FOUND")
        /// The request is fine, but not in the state that the run is in.
        public static let state = Class(name: "STATE")
        /// The server cannot do it now.
        public static let unavailable = Class(name: "UNAVAILABLE")
        /// The server is at fault.
        public static let `internal` = Class(name: "INTERNAL")
    }

    public let name: String
    public let `class`: Class
    /// The same request may succeed later without anyone changing anything.
    public let retryable: Bool
    public let cause: String
    public let remedy: String

    public var description: String { name }

    public static func == (left: ErrorCode, right: ErrorCode) -> Bool { left.name == right.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension ErrorCode {
    public static let badFrame = ErrorCode(
        name: "BAD_FRAME", class: .invalid, retryable: false,
        cause: "The message does not consist of whole frames; nothing in it was executed.",
        remedy: "Check the length in each frame's header.")
    public static let unknownVersion = ErrorCode(
        name: "UNKNOWN_VERSION", class: .invalid, retryable: false,
        cause: "The frame's version is not 1.", remedy: "Send version 1 frames, or use a newer server.")
    public static let unknownType = ErrorCode(
        name: "UNKNOWN_TYPE", class: .invalid, retryable: false,
        cause: "The frame's type is no command of this server.", remedy: "See the catalogue of commands.")
    public static let badMessage = ErrorCode(
        name: "BAD_MESSAGE", class: .invalid, retryable: false,
        cause: "The frame's body is not a protobuf message of its type.", remedy: "Generate code from fermata.proto.")
    public static let unsupported = ErrorCode(
        name: "UNSUPPORTED", class: .invalid, retryable: false,
        cause: "The command has a field or an enum value that this server does not know; it is never ignored.",
        remedy: "Leave it out, or use a newer server.")
    public static let invalidArgument = ErrorCode(
        name: "INVALID_ARGUMENT", class: .invalid, retryable: false,
        cause: "A field's value is not possible; the message names the field.", remedy: "Correct the field.")
    public static let unknownModel = ErrorCode(
        name: "UNKNOWN_MODEL", class: .invalid, retryable: false,
        cause: "The model's name has no provider that the server knows.",
        remedy: "Name it provider/model; set LLM_BASE_URL for a server of your own.")
    public static let missingKey = ErrorCode(
        name: "MISSING_KEY", class: .invalid, retryable: false,
        cause: "The model's provider needs a key that the server's environment does not have.",
        remedy: "Start the server with the variable that the message names.")
    public static let conflict = ErrorCode(
        name: "CONFLICT", class: .invalid, retryable: false,
        cause: "The request_id was used for another command before.", remedy: "Use a new UUID for each command.")

    public static let invalidAnswer = ErrorCode(
        name: "INVALID_ANSWER", class: .invalid, retryable: false,
        cause: "The answer does not have the shape that the ask expects, which the message names; the ask stays open.",
        remedy: "Answer again in that shape.")
    public static let unauthenticated = ErrorCode(
        name: "UNAUTHENTICATED", class: .invalid, retryable: false,
        cause: "The message does not begin with an Auth frame whose token is valid, and the socket needs one.",
        remedy: "Get a token from whoever runs the server: fermata token create.")
    public static let forbidden = ErrorCode(
        name: "FORBIDDEN", class: .invalid, retryable: false,
        cause: "The token's scope does not allow this.",
        remedy: "Use a token of the scope that the message names.")
    public static let notACheckpoint = ErrorCode(
        name: "NOT_A_CHECKPOINT", class: .invalid, retryable: false,
        cause: "The document is not a checkpoint, or a part of it is missing.",
        remedy: "Import what fermata export wrote, unchanged.")
    public static let newerFormat = ErrorCode(
        name: "NEWER_FORMAT", class: .invalid, retryable: false,
        cause: "The checkpoint was written by a newer version than this server knows.",
        remedy: "Use a newer server.")
    public static let wrongDigest = ErrorCode(
        name: "WRONG_DIGEST", class: .invalid, retryable: false,
        cause: "The checkpoint's digest is not that of its contents: something changed it.",
        remedy: "Export the run again.")
    public static let brokenJournal = ErrorCode(
        name: "BROKEN_JOURNAL", class: .invalid, retryable: false,
        cause: "The checkpoint's events are not the journal of a run, though its digest is right.",
        remedy: "Export the run again with fermata export.")
    public static let noWorkspace = ErrorCode(
        name: "NO_WORKSPACE", class: .invalid, retryable: false,
        cause: "The workspace that the run has worked in is not on this server.",
        remedy: "Name one that is.")
    public static let invalidCut = ErrorCode(
        name: "INVALID_CUT", class: .invalid, retryable: false,
        cause: "After this event something was in flight: a copy that ends there would not be valid.",
        remedy: "Fork at one of the events that the message names.")

    public static let noSuchRun = ErrorCode(
        name: "NO_SUCH_RUN", class: .notFound, retryable: false,
        cause: "No run has this id, or an id that begins so.", remedy: "ListRuns shows the runs.")
    public static let ambiguousRun = ErrorCode(
        name: "AMBIGUOUS_RUN", class: .notFound, retryable: false,
        cause: "Several runs have an id that begins so.", remedy: "Give more digits.")
    public static let noSuchAsk = ErrorCode(
        name: "NO_SUCH_ASK", class: .notFound, retryable: false,
        cause: "The run has never had an ask of this number.", remedy: "ListAsks shows the open ones.")
    public static let noSuchMessage = ErrorCode(
        name: "NO_SUCH_MESSAGE", class: .notFound, retryable: false,
        cause: "The run has no message of this number, or it was withdrawn.", remedy: "Use the number that Send gave.")

    public static let noSuchAgent = ErrorCode(
        name: "NO_SUCH_AGENT", class: .notFound, retryable: false,
        cause: "No agent is stored under this name.", remedy: "ListAgents shows the names.")
    public static let invalidToken = ErrorCode(
        name: "INVALID_TOKEN", class: .notFound, retryable: false,
        cause: "The token was never given by this server, or not for this run.",
        remedy: "Use the token as the reply to Pause or Interrupt gave it.")

    public static let noSuchCall = ErrorCode(
        name: "NO_SUCH_CALL", class: .notFound, retryable: false,
        cause: "The run's current step has no call of this number.",
        remedy: "GetRun with calls shows them.")
    public static let noSuchToken = ErrorCode(
        name: "NO_SUCH_TOKEN", class: .notFound, retryable: false,
        cause: "There is no token of this id.",
        remedy: "ListTokens shows them.")

    public static let noSuchBlob = ErrorCode(
        name: "NO_SUCH_BLOB", class: .notFound, retryable: false,
        cause: "The server has no blob of this digest.",
        remedy: "PutBlob keeps one; messages and results can name it from then on.")

    public static let wrongStatus = ErrorCode(
        name: "WRONG_STATUS", class: .state, retryable: false,
        cause:
            "The command is not possible in the run's status, which the message names; or the status that is waited for "
            + "cannot come any more.",
        remedy: "See the table of statuses and commands; do not wait any longer.")
    public static let stale = ErrorCode(
        name: "STALE", class: .state, retryable: false,
        cause: "The run has moved on since the if_seq that the command names.",
        remedy: "Read the run again and decide anew.")
    public static let tokenUsed = ErrorCode(
        name: "TOKEN_USED", class: .state, retryable: false,
        cause: "The hold that the token lifts is not there any more: it was lifted, replaced, or the run was stopped.",
        remedy: "None is needed; GetRun says how the run is.")
    public static let heldByParent = ErrorCode(
        name: "HELD_BY_PARENT", class: .state, retryable: false,
        cause: "A run that this one descends from is held, and holds it; details: owner.", remedy: "Resume that run.")
    public static let alreadyAnswered = ErrorCode(
        name: "ALREADY_ANSWERED", class: .state, retryable: false,
        cause: "The ask has its one answer.", remedy: "None is needed; the event AskAnswered says who gave it.")
    public static let askClosed = ErrorCode(
        name: "ASK_CLOSED", class: .state, retryable: false,
        cause:
            "The ask was closed without an answer: a message superseded it, or the run was stopped; or it was open long ago.",
        remedy: "Send a message instead.")
    public static let alreadyDelivered = ErrorCode(
        name: "ALREADY_DELIVERED", class: .state, retryable: false,
        cause: "The model has been shown the message.", remedy: "Send another one that corrects it.")

    public static let expired = ErrorCode(
        name: "EXPIRED", class: .state, retryable: false,
        cause: "The ask's deadline has passed.",
        remedy: "None is needed; the run's events say what happened instead.")
    public static let callTaken = ErrorCode(
        name: "CALL_TAKEN", class: .state, retryable: false,
        cause: "Another worker has the call, or it cannot start yet or any more.",
        remedy: "Take another one.")
    public static let callEnded = ErrorCode(
        name: "CALL_ENDED", class: .state, retryable: false,
        cause:
            "The call has its result already, or another attempt of it is the current one: nothing that this worker does for it counts.",
        remedy: "Stop working on it.")
    public static let inFlight = ErrorCode(
        name: "IN_FLIGHT", class: .state, retryable: false,
        cause: "A run is handed off only while nothing of it is in flight.",
        remedy: "Pause it, wait until it is PAUSED, then hand it off.")
    public static let runExists = ErrorCode(
        name: "RUN_EXISTS", class: .state, retryable: false,
        cause: "A run of this id is here already, and the checkpoint is not the rest of its journal.",
        remedy: "Fork the run that is here, or import elsewhere.")

    public static let replyTooLarge = ErrorCode(
        name: "REPLY_TOO_LARGE", class: .invalid, retryable: false,
        cause: "The replies to the frames before left no room for this one in a message.",
        remedy: "Send the read in a message of its own.")
    public static let tooLarge = ErrorCode(
        name: "TOO_LARGE", class: .invalid, retryable: false,
        cause: "What was sent to the gateway is longer than it takes.", remedy: "Send less at once.")
    public static let wrongHost = ErrorCode(
        name: "WRONG_HOST", class: .invalid, retryable: false,
        cause: "The request's Host or Origin is none that the gateway serves.",
        remedy: "Start the gateway with --host or --origin for it.")
    public static let unreachable = ErrorCode(
        name: "UNREACHABLE", class: .unavailable, retryable: true,
        cause: "The gateway has no answer from the server: it is not running, or restarts. It may have acted.",
        remedy: "Send it again, with the same request_id.")
    public static let storeFull = ErrorCode(
        name: "STORE_FULL", class: .unavailable, retryable: true,
        cause: "The journal's file system is full; nothing was changed.", remedy: "Make room, then send it again.")
    public static let overloaded = ErrorCode(
        name: "OVERLOADED", class: .unavailable, retryable: true,
        cause: "More requests are in progress than the server takes, in number or in bytes; nothing was done.",
        remedy: "Send it again after retry_after_ms.")
    public static let shuttingDown = ErrorCode(
        name: "SHUTTING_DOWN", class: .unavailable, retryable: true,
        cause: "The server is ending.", remedy: "Send it again when it is back.")
    public static let internalError = ErrorCode(
        name: "INTERNAL_ERROR", class: .internal, retryable: false,
        cause: "The server made a mistake; its log says more.", remedy: "Report it with the log.")

    public static let registry: [ErrorCode] = [
        badFrame, unknownVersion, unknownType, badMessage, unsupported, invalidArgument, unknownModel, missingKey,
        conflict, invalidAnswer, unauthenticated, forbidden, notACheckpoint, newerFormat, wrongDigest, brokenJournal,
        noWorkspace, invalidCut, noSuchRun, ambiguousRun, noSuchAsk, noSuchMessage, noSuchAgent, invalidToken,
        noSuchCall, noSuchToken, noSuchBlob, wrongStatus, stale, tokenUsed, heldByParent, alreadyAnswered, askClosed,
        alreadyDelivered, expired, callTaken, callEnded, inFlight, runExists, replyTooLarge, tooLarge, wrongHost,
        unreachable, storeFull,
        overloaded,
        shuttingDown, internalError,
    ]
}

/// A command that was refused: it changed nothing.
public struct Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    public let code: ErrorCode
    /// One sentence for a person; never echoes what the caller sent as content.
    public let message: String
    public let details: [String: String]
    /// When the same request may succeed, in milliseconds; 0 if it will not without being changed.
    public let retryAfterMs: UInt32

    public init(_ code: ErrorCode, _ message: String, details: [String: String] = [:], retryAfterMs: UInt32 = 1000) {
        self.code = code
        self.message = message
        self.details = details
        self.retryAfterMs = code.retryable ? retryAfterMs : 0
    }

    public var description: String { "\(code): \(message)" }

    /// In bytes: what names something that was sent, or an error of a library, does not become as long as that.
    private static let longestMessage = 2048
    private static let longestDetail = 512

    /// The reply's body.
    public var asMessage: FermataError {
        .with {
            $0.code = code.name
            $0.class = code.class.name
            $0.message = message.cut(to: Self.longestMessage)
            $0.retryable = code.retryable
            $0.retryAfterMs = retryAfterMs
            $0.details = details.sorted { $0.key < $1.key }.map { detail in
                .with {
                    $0.key = detail.key
                    $0.value = detail.value.cut(to: Self.longestDetail)
                }
            }
        }
    }
}

extension String {
    /// The text, or so many bytes of its beginning, whole characters of Unicode, and an ellipsis.
    fileprivate func cut(to most: Int) -> String {
        guard utf8.count > most else { return self }
        var end = utf8.index(startIndex, offsetBy: most - 3)
        while UTF8.isContinuation(utf8[end]) { end = utf8.index(before: end) }
        return String(self[..<end]) + "…"
    }
}
