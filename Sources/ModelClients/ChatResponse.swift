internal import FoundationEssentials

/// What a chat completions server sends, as far as it is read: a chunk of a stream, or with `message` in place of
/// `delta` a whole answer.
struct ChatResponse: Decodable {
    var choices: [Choice]?
    var usage: Usage?
    var error: ChatError?

    struct Choice: Decodable {
        var delta: Message?
        var message: Message?
        var finish_reason: String?
    }

    struct Message: Decodable {
        var content: String?
        var refusal: String?
        var tool_calls: [Call]?
    }

    struct Call: Decodable {
        var index: Int?
        var id: String?
        var function: Function?

        struct Function: Decodable {
            var name: String?
            var arguments: String?
        }
    }

    struct Usage: Decodable {
        var prompt_tokens: UInt64?
        var completion_tokens: UInt64?
        var prompt_tokens_details: Details?

        struct Details: Decodable { var cached_tokens: UInt64? }
    }
}

/// An error as providers describe it: an object with a message, or just a text.
struct ChatError: Decodable {
    var message: String
    var code: String

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            message = text
            code = ""
            return
        }
        let container = try decoder.container(keyedBy: Key.self)
        message = (try? container.decode(String.self, forKey: .message)) ?? ""
        code = (try? container.decode(String.self, forKey: .code)) ?? ""
    }

    private enum Key: String, CodingKey { case message, code }
}

/// An answer that is put together from the pieces of a stream.
struct ChatAnswer {
    private(set) var text = ""
    private var calls: [Int: ModelToolCall] = [:]
    private var finishReason = ""
    private var usage: ModelUsage?
    /// The provider's explicit end has come: `[DONE]`, or in a whole answer its only message.
    var isComplete = false

    /// Adds what one chunk brings.
    ///
    /// - Returns: new text, perhaps none.
    mutating func add(_ response: ChatResponse) throws(ModelFailure) -> String {
        if let error = response.error { throw .refused(status: nil, error, key: "") }
        if let counted = response.usage {
            usage = ModelUsage(
                inputTokens: counted.prompt_tokens ?? 0,
                cachedInputTokens: counted.prompt_tokens_details?.cached_tokens ?? 0,
                outputTokens: counted.completion_tokens ?? 0)
        }
        guard let choice = response.choices?.first else { return "" }
        if let reason = choice.finish_reason { finishReason = reason }
        guard let message = choice.delta ?? choice.message else { return "" }
        if choice.message != nil { isComplete = true }
        for (position, call) in (message.tool_calls ?? []).enumerated() { add(call, at: call.index ?? position) }
        let piece = (message.content ?? "") + (message.refusal ?? "")
        text += piece
        return piece
    }

    private mutating func add(_ piece: ChatResponse.Call, at index: Int) {
        var call = calls[index] ?? ModelToolCall(id: "", name: "", arguments: "")
        if let id = piece.id, !id.isEmpty { call.id = id }
        call.name += piece.function?.name ?? ""
        call.arguments += piece.function?.arguments ?? ""
        calls[index] = call
    }

    /// The answer, if the stream came to its end as it should.
    func finish() throws(ModelFailure) -> ModelAnswer {
        guard isComplete || !finishReason.isEmpty else {
            throw ModelFailure(
                kind: .brokenStream, message: "the stream ended before the answer was complete", retryable: true)
        }
        let ordered = calls.sorted { $0.key < $1.key }.map { index, call in
            var call = call
            // Servers of some makes send none, and the result has to name its call.
            if call.id.isEmpty { call.id = "call_\(index)" }
            return call
        }
        return ModelAnswer(text: text, calls: ordered, finishReason: finishReason, usage: usage)
    }
}
