/// One entry of a script: an answer, and how it is given. `ModelScript` documents the keys.
public struct ScriptTurn: Sendable, Equatable {
    public var text = ""
    /// What the model shows of its reasoning, before its text.
    public var reasoning = ""
    public var calls: [ScriptCall] = []
    /// Tokens per second; 0 is all at once.
    public var tokensPerSecond: Double = 0
    public var firstTokenDelayMilliseconds: UInt64 = 0
    public var usage = ScriptUsage.derived
    /// Nil: `tool_calls` if there are calls, else `stop`.
    public var finishReason: String?
    public var fault: ScriptFault?
    /// Nil: the turn is served in its order.
    public var match: ScriptMatch?
    /// How often the turn is served; nil is without limit.
    public var times: Int? = 1
    public var gate: ScriptGate?
    /// How its bytes differ from what the API's own server sends; a script in process has none of them.
    public var quirks: Set<ScriptQuirk> = []
    /// What is sent, token by token: the reasoning's, the text's, then those of each call.
    public internal(set) var pieces: [ScriptPiece] = []

    /// How many tokens are sent at most: fewer than all of them when a fault comes first.
    public var tokensSent: Int { min(pieces.count, fault?.afterTokens ?? pieces.count) }
}

/// A tool call in a script.
public struct ScriptCall: Sendable, Equatable {
    public var name: String
    /// The exact text that is sent, JSON or not.
    public var arguments: String
    /// Nil: made from the conversation's position, see `ScriptPlan`.
    public var id: String?
    /// The JSON object `extra_content` that is sent with the call; nil: none.
    public var extra: String?
}

/// A token as it goes out.
public enum ScriptPiece: Sendable, Equatable {
    case reasoning(String)
    case text(String)
    /// The beginning of a tool call: its id and name.
    case call(Int)
    /// A part of this call's arguments.
    case arguments(Int, String)
}

/// What a turn says of its tokens.
public enum ScriptUsage: Sendable, Equatable {
    /// Counted by `ScriptTokens`.
    case derived
    /// The answer carries no usage.
    case none
    /// Counted, but for the numbers given here.
    case given(prompt: UInt64?, completion: UInt64?, cached: UInt64?)
}

/// What goes wrong with a turn.
public enum ScriptFault: Sendable, Equatable {
    /// An HTTP status instead of an answer. `body` is sent as it is; nil is an error object in OpenAI's layout.
    case status(Int, retryAfterSeconds: UInt64?, body: String?)
    /// The connection closes without the end of the answer.
    case disconnect(afterTokens: Int)
    /// A chunk that is not JSON, and then the end of the answer.
    case malformedChunk(afterTokens: Int)
    /// Nothing more is sent, and the connection stays open.
    case silence(afterTokens: Int)
    /// The response ends as if it were whole, without what says that the answer is.
    case end(afterTokens: Int)
    /// An error in the stream, in the API's own layout, and then its end.
    case error(afterTokens: Int, status: Int, code: String?, message: String)

    /// How much of the answer comes first.
    public var afterTokens: Int {
        switch self {
        case .status: 0
        case .disconnect(let tokens), .malformedChunk(let tokens), .silence(let tokens), .end(let tokens),
            .error(let tokens, _, _, _):
            tokens
        }
    }
}

/// A point at which a turn waits until somebody opens the gate of this name.
public struct ScriptGate: Sendable, Equatable {
    public var name: String
    /// 0: before the first token.
    public var afterTokens: Int
}

/// The condition under which a turn is served out of order: the last message, written `role: content`, contains this
/// text, or this regular expression is found in it.
public enum ScriptMatch: Sendable, Equatable {
    case contains(String)
    /// In Swift's syntax, which is checked when the script is read.
    case regex(String)

    func accepts(_ message: ScriptMessage?) -> Bool {
        let line = message.map { "\($0.role): \($0.content)" } ?? ""
        return switch self {
        case .contains(let part): part.isEmpty || line.contains(part)
        // Compiled anew each time: `Regex` is not Sendable, and scripts with expressions are for tests.
        case .regex(let pattern): (try? Regex(pattern).firstMatch(in: line)) != nil
        }
    }
}
