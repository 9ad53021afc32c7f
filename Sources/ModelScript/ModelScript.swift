/// A scripted model: what it answers, how fast, and what goes wrong. Played over HTTP by `MockModel` (`fermata
/// mock-model --script FILE`) and in process by the model `mock/FILE`, with the same turns, tokens and usage.
///
/// ## The file
///
/// JSON: a list of turns, or an object with the key `turns` and perhaps `order`.
///
///     [
///       {"text": "Looking.", "tool_calls": [{"name": "terminal", "arguments": {"command": "ls"}}]},
///       {"fault": {"status": 429, "retry_after": 2}},
///       {"text": "Once upon a time there was a daemon.", "tokens_per_second": 20, "first_token_delay_ms": 300}
///     ]
///
/// The keys of a turn, all of them optional, though one of `text`, `tool_calls` and `fault` must be there:
///
/// - `text`: what the model says.
/// - `reasoning`: what it shows of its reasoning before that, sent as `reasoning_content`.
/// - `tool_calls`: a list of `{"name", "arguments", "id", "extra_content"}`. `arguments` is an object, which is sent without white space
///   and in its order, or a string, which is sent exactly as it is, valid or not; absent it is `{}`. `id` absent is
///   `call_A_I` for the I-th call after A earlier answers.
/// - `tokens_per_second`: 0 or absent is all at once. A token is a word and the space after it, see `ScriptTokens`.
/// - `first_token_delay_ms`: time before anything is sent; with a gate, after it has opened.
/// - `usage`: `{"prompt_tokens", "completion_tokens", "cached_tokens"}`, any of them; the others are counted. `null`:
///   the answer carries no usage.
/// - `finish_reason`: absent it is `tool_calls` if there are any, else `stop`.
/// - `fault`: one of `{"status": 503, "retry_after": SECONDS, "body": TEXT}`, `{"disconnect_after_tokens": N}`,
///   `{"malformed_chunk_after_tokens": N}`, `{"end_after_tokens": N}` (the response ends as it should, the answer does
///   not), `{"error_after_tokens": N, "error_status": 529, "code": TEXT, "message": TEXT}` (an error in the stream) and
///   `{"silence_after_tokens": N}`, which keeps the connection open. After 0 tokens means before anything is sent, the
///   HTTP status included; of an error and an end in the stream: after what opens it.
/// - `quirks`: a list of names of `ScriptQuirk`: what servers of some makes write otherwise. The answer is the same.
/// - `match`: a text, or `{"regex": "…"}`. The turn answers whenever it is found in the last message, written
///   `role: content`; `""` always is.
/// - `times`: how often the turn is served. Absent it is 1, but without limit for a turn with `match` and no fault.
/// - `repeat`: `true`, with a fault: the turn is never used up, so that every retry meets the fault again.
/// - `gate`, `gate_after_tokens`: the turn waits before its first token, or after so many, until the gate of this name
///   opens. An open gate stays open until it is closed.
/// - `comment`: ignored.
///
/// Unknown keys are mistakes; a mistake is told with file, turn (counted from 0) and key.
///
/// ## Which turn a request gets
///
/// Turns with `match` come first, in the order of the file; then the others, each in its turn. **The position follows
/// from the request's messages alone:** every assistant message in it used up the turn that gave it. So a script goes
/// on rightly after a restart of the client or of the model, and a request that is made again gets the same turn again.
///
/// - A turn that was cut (its client left) is used up if some of its text is in the transcript as an assistant
///   message, and served again if nothing is.
/// - A turn that faulted leaves no assistant message. That it was served is remembered per conversation until the next
///   answer, so that a retry gets the turn after it; a restart of the model in between forgets it, and the fault comes
///   once more. Faults of earlier answers need no memory: an assistant message that is no beginning of the faulty
///   turn's text was not given by it.
/// - Without a turn left the answer is a clear error: over HTTP status 400 with the code `script_no_turn`.
/// - `"order": "requests"` counts requests instead: each one gets the next turn, whatever its messages are, by memory
///   alone. It is for clients that do not send the transcript back.
///
/// A conversation over HTTP is named by the header `X-Conversation`, else by the field `user`, else by a hash of the
/// first system and the first user message: then two conversations that begin alike share their memory of faults.
public struct ModelScript: Sendable, Equatable {
    /// How the position in the script is found.
    public enum Order: String, Sendable {
        /// From the assistant messages in the request.
        case transcript
        /// From the number of requests served to the conversation.
        case requests
    }

    /// The name for errors: the path as it was given.
    public let file: String
    public let order: Order
    public let turns: [ScriptTurn]

    /// Reads a script from a file of at most 16 MiB. Blocks on the file system.
    public init(contentsOf file: String) throws(ScriptError) {
        try self.init(json: ModelScript.read(file), file: file)
    }

    /// Reads a script from JSON text; `file` names it in errors.
    public init(json: String, file: String) throws(ScriptError) {
        try self.init(json: Array(json.utf8), file: file)
    }

    init(json: [UInt8], file: String) throws(ScriptError) {
        let document: JSONNode
        do {
            document = try JSONNode.read(json)
        } catch {
            throw ScriptError(code: .notJSON, file: file, message: "not JSON: \(error)")
        }
        var order = Order.transcript
        let list: JSONNode
        switch document {
        case .array: list = document
        case .object:
            let top = try ScriptObject(document, file: file, allowed: ["turns", "order", "comment"])
            list = try top.required("turns")
            if let name = try top.text("order") {
                guard let known = Order(rawValue: name) else {
                    throw top.mistake("order", "must be \"transcript\" or \"requests\"")
                }
                order = known
            }
        default:
            throw ScriptError(
                code: .badScript, file: file, message: "must be a list of turns, or an object with the key \"turns\"")
        }
        guard let elements = list.elements else {
            throw ScriptError(code: .badScript, file: file, key: "turns", message: "must be a list, not \(list.kind)")
        }
        var turns: [ScriptTurn] = []
        for (index, element) in elements.enumerated() {
            turns.append(try ScriptTurn(element, file: file, index: index))
        }
        self.file = file
        self.order = order
        self.turns = turns
    }
}
