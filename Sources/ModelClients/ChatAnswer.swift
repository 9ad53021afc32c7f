/// An answer that is put together from the pieces of a stream.
struct ChatAnswer {
    private(set) var text = ""
    private var calls: [Int: ModelToolCall] = [:]
    /// Where a piece of a call without an index belongs.
    private var lastIndex = -1
    private var finishReason = ""
    private var usage: ModelUsage?
    private var isMarkedComplete = false

    /// Why it ends has been said, or the stream's explicit end has come. Its usage may still follow.
    var isComplete: Bool { isMarkedComplete || !finishReason.isEmpty }

    /// `[DONE]` has come.
    mutating func markComplete() { isMarkedComplete = true }

    /// Adds what one chunk brings.
    ///
    /// - Returns: new text, perhaps none.
    mutating func add(_ response: ChatResponse) -> String {
        // With a count that is missing it is not known what the answer cost.
        if let counted = response.usage, let input = counted.prompt_tokens, let output = counted.completion_tokens {
            usage = ModelUsage(
                inputTokens: input, cachedInputTokens: counted.prompt_tokens_details?.cached_tokens ?? 0,
                outputTokens: output)
        }
        guard let choice = response.choices?.first else { return "" }
        if let reason = choice.finish_reason { finishReason = reason }
        guard let message = choice.delta ?? choice.message else { return "" }
        for call in message.tool_calls ?? [] { add(call) }
        let piece = (message.content ?? "") + (message.refusal ?? "")
        text += piece
        return piece
    }

    private mutating func add(_ piece: ChatResponse.Call) {
        let id = piece.id ?? ""
        // Without an index, as some send it, another id begins another call.
        let beginsAnother = lastIndex < 0 || !id.isEmpty && calls[lastIndex]?.id != id
        let index = piece.index ?? (beginsAnother ? lastIndex + 1 : lastIndex)
        lastIndex = index
        var call = calls[index] ?? ModelToolCall(id: "", name: "", arguments: "")
        if !id.isEmpty { call.id = id }
        // Some repeat the whole name with every piece.
        if let name = piece.function?.name, name != call.name { call.name += name }
        call.arguments += piece.function?.arguments ?? ""
        calls[index] = call
    }

    /// The answer, if the stream came to its end as it should.
    func finish() throws(ModelFailure) -> ModelAnswer {
        guard isComplete else {
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
