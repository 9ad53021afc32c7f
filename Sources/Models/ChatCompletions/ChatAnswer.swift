internal import EventStreams
internal import Secrets

/// An answer that is put together from the pieces of a stream.
struct ChatAnswer: AnswerAssembler {
    /// Calls come after all of it.
    private var parts = ModelAnswerParts()
    /// The same, where reasoning comes in blocks.
    private var thinking = ChatThinking()
    /// In the order in which they began.
    private var calls: [Slot] = []
    /// Where the last piece of each index went: a place in `calls`.
    private var places: [Int: Int] = [:]
    /// Where the last piece went.
    private var lastPlace: Int?
    private var finishReason = ""
    private var usage: ModelUsage?
    private var isMarkedComplete = false
    /// It came as one document.
    private var isWholeDocument = false

    private struct Slot {
        /// Nil: its pieces have none.
        let index: Int?
        var call = ModelToolCall(id: "", name: "", arguments: "")
        /// How the arguments stand so far: each byte is looked at once, however many pieces there are.
        private var depth = 0
        private var isInString = false
        private var isEscaped = false
        private(set) var hasArguments = false
        /// The object has come to its end.
        private(set) var isWhole = false

        init(index: Int?) { self.index = index }

        mutating func append(_ arguments: String) {
            call.arguments += arguments
            for byte in arguments.utf8 {
                if isEscaped {
                    isEscaped = false
                } else if isInString {
                    if byte == UInt8(ascii: "\\") { isEscaped = true }
                    if byte == UInt8(ascii: "\"") { isInString = false }
                } else {
                    switch byte {
                    case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): continue
                    case UInt8(ascii: "\""): isInString = true
                    case UInt8(ascii: "{"): depth += 1
                    case UInt8(ascii: "}"):
                        depth -= 1
                        if depth == 0 { isWhole = true }
                    default: break
                    }
                }
                hasArguments = true
            }
        }
    }

    /// Its usage may still follow what says why it ends.
    var isComplete: Bool { !finishReason.isEmpty || isWholeDocument || isMarkedComplete && hasOutput }
    /// `[DONE]` alone is what some gateways send after a stream that broke off before it had begun.
    private var hasOutput: Bool { !parts.blocks.isEmpty || !calls.isEmpty }
    /// `[DONE]` has come.
    var isOver: Bool { isMarkedComplete }

    mutating func add(_ event: StreamEvent, without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        if event.data.elementsEqual("[DONE]".utf8) {
            isMarkedComplete = true
            return []
        }
        // An empty one keeps the connection alive.
        if event.data.allSatisfy({ $0 == 32 || 9...13 ~= $0 }) { return [] }
        let response = try ChatResponse(json: event.data)
        if let error = response.error { throw .refused(status: nil, error, without: secrets) }
        return add(response)
    }

    mutating func add(whole document: [UInt8], without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        let whole = try ChatResponse(json: document)
        if let error = whole.error { throw .refused(status: nil, error, without: secrets) }
        guard whole.isWhole else {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent an answer without a message", retryable: true)
        }
        let pieces = add(whole)
        isWholeDocument = true
        return pieces
    }

    func isWhole(_ event: StreamEvent) -> Bool {
        event.data.elementsEqual("[DONE]".utf8) || ChatResponse.node(event.data) != nil
    }

    /// Adds what one chunk brings.
    ///
    /// - Returns: what is new to read, perhaps nothing. A chunk that has both has reasoned first.
    mutating func add(_ response: ChatResponse) -> [ModelPiece] {
        // Each count is of all so far: the last one is right, and they are never added up.
        usage = response.usage ?? usage
        // The first one that says something: later ones may be empty, null or another provider's.
        if finishReason.isEmpty { finishReason = response.finishReason }
        guard let message = response.message else { return [] }
        for call in message.calls { add(call) }
        let pieces = [ModelPiece.reasoning(message.reasoning), .text(message.text)].filter { !$0.content.isEmpty }
        for piece in pieces { parts.append(piece) }
        for block in message.thinking { thinking.append(block) }
        thinking.append(text: message.text)
        return pieces
    }

    private mutating func add(_ piece: ChatResponse.Call) {
        let place = place(for: piece)
        lastPlace = place
        if let index = piece.index { places[index] = place }
        // The first that are not empty: some send others, or empty ones, with later pieces.
        if calls[place].call.id.isEmpty { calls[place].call.id = piece.id }
        if calls[place].call.name.isEmpty { calls[place].call.name = piece.name }
        if calls[place].call.extra.isEmpty { calls[place].call.extra = piece.extra }
        calls[place].append(piece.arguments)
    }

    /// The call that a piece is of: one that has begun, or a new one.
    ///
    /// Pieces of one index belong together, and without an index pieces go to the last call. But some servers (Gemini,
    /// older Ollama) send each of several calls whole, with index 0 or none: a piece that begins something else, where
    /// what is there may be all of a call, begins another one.
    private mutating func place(for piece: ChatResponse.Call) -> Int {
        if let place = piece.index.map({ places[$0] }) ?? lastPlace, !begins(piece, after: calls[place]) {
            return place
        }
        calls.append(Slot(index: piece.index))
        return calls.count - 1
    }

    private func begins(_ piece: ChatResponse.Call, after slot: Slot) -> Bool {
        // What goes on has no name, or the same one again with every piece (some gateways).
        guard !piece.name.isEmpty, !slot.call.name.isEmpty else {
            // Without a name, only another id where no index says that it belongs there.
            return piece.index == nil && !piece.id.isEmpty && !slot.call.id.isEmpty && piece.id != slot.call.id
        }
        if slot.hasArguments, !slot.isWhole { return false }
        if piece.id.isEmpty || slot.call.id.isEmpty { return slot.hasArguments || piece.name != slot.call.name }
        return piece.id != slot.call.id
    }

    /// The answer, if the stream came to its end as it should.
    func finish() throws(ModelFailure) -> ModelAnswer {
        guard isComplete else { throw .endedEarly }
        // By their indexes, which say what order they are in; as they came where they say nothing.
        let ordered = calls.enumerated().sorted {
            ($0.element.index ?? 0, $0.offset) < ($1.element.index ?? 0, $1.offset)
        }
        let calls = ordered.map { slot in
            var call = slot.element.call
            // Servers of some makes send none, and the result has to name its call.
            if call.id.isEmpty { call.id = ModelToolCall.mintedID() }
            return call
        }
        var answer = try ModelAnswer(text: parts.text, calls: calls, chatReason: finishReason, usage: usage)
        // What was shown as it came is what is kept: blocks that say something else are passed over.
        let (shown, signed) = (parts.blocks, thinking.blocks)
        let blocks = signed.isEmpty || signed.reasoning != shown.reasoning ? shown : signed
        answer.blocks = (blocks + calls.indices.map(ModelBlock.call)).sayingMore(than: calls)
        return answer
    }
}

extension ModelAnswer {
    /// - Throws: `ModelFailure` of kind `brokenStream` where the reason says that the server broke the answer off.
    init(text: String, calls: [ModelToolCall], chatReason: String, usage: ModelUsage?) throws(ModelFailure) {
        let ending = try ModelEnding.of(chatReason)
        self.init(text: text, calls: calls, finishReason: chatReason, usage: usage)
        self.ending = ending
    }
}

extension ModelEnding {
    /// What `finish_reason`, or Anthropic's `stop_reason`, means. What is not known is taken for an end, as the calls are
    /// what counts.
    ///
    /// - Throws: `ModelFailure` of kind `brokenStream` where it says that the server broke the answer off.
    static func of(_ reason: String) throws(ModelFailure) -> ModelEnding {
        guard let ending = ModelEnding(reason: reason) else {
            throw ModelFailure(
                kind: .brokenStream, message: "the model's server broke the answer off: \(reason.prefix(60))",
                retryable: true)
        }
        return ending
    }

    private init?(reason: String) {
        // Gemini says more behind a colon: `content_filter: RECITATION`.
        switch reason.lowercased().prefix(while: { $0 != ":" }) {
        case "length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded",
            "max_completion_tokens", "incomplete", "context_length", "repetition_truncation", "pause_turn":
            self = .truncated
        case "content_filter", "content_filtered", "refusal", "safety", "sensitive", "recitation", "blocklist",
            "prohibited_content", "spii", "guardrail_intervened", "image_safety", "language",
            "error_toxic", "guardrails":
            self = .refused
        case "error", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled", "canceled",
            "timeout", "engine_error", "malformed_function_call", "unexpected_tool_call", "function_call_filter",
            "internal_error", "server_error", "overloaded", "failed", "tool_error", "user_cancelled",
            "deadline_exceeded":
            return nil
        default: self = .complete
        }
    }
}
