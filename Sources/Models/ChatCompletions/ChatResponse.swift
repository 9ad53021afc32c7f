internal import ModelScript

/// What a chat completions server sends, as far as it is read: a chunk of a stream, or with `message` in place of
/// `delta` a whole answer.
///
/// Servers of many makes have members of other types than OpenAI's. A member that is not understood counts as absent:
/// one odd member never throws an answer away. Bytes that are not UTF-8, and halves of surrogate pairs, become U+FFFD.
struct ChatResponse {
    /// The message, or the piece of one, of the first choice.
    var message: Message?
    /// The choice has a whole message, not a piece.
    var isWhole = false
    /// Empty: none was given.
    var finishReason = ""
    var usage: ModelUsage?
    var error: ChatError?

    struct Message {
        var text = ""
        var reasoning = ""
        /// The same reasoning in blocks, with what its maker wants back (LiteLLM).
        var thinking: [Thinking] = []
        var calls: [Call] = []
    }

    /// A block of reasoning, or a piece of one.
    struct Thinking {
        /// Nil: it is whole.
        var index: Int?
        var text = ""
        var signature = ""
        /// What stands for reasoning that is not shown.
        var redacted = ""
    }

    /// A call, or a piece of one.
    struct Call {
        var index: Int?
        var id = ""
        var name = ""
        var arguments = ""
        /// What the provider wants back with the call (Gemini's signatures of its thoughts): JSON, or nothing.
        var extra = ""
    }

    /// - Throws: `ModelFailure` of kind `badResponse` for what is no JSON object. The text is not repeated.
    init(json: [UInt8]) throws(ModelFailure) {
        // An error comes in a list from some (Gemini).
        guard let document = ChatResponse.node(json) else {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent what is not a chat completion", retryable: true)
        }
        // What is no object says nothing: some send such to keep the connection alive.
        let node = document.elements?.first ?? document
        guard case .object = node else { return }
        let choice = node["choices"]?.elements?.first
        error = ChatError(node["error"]) ?? ChatError(choice?["error"])
        // Mistral's, and older vLLM's: the object is the error.
        if error == nil, choice == nil, node["object"]?.text == "error" || node["message"]?.text != nil {
            error = ChatError(node)
        }
        // Where no usage is at the top, some have it elsewhere: Groq, Kimi.
        usage = [node["usage"], node["x_groq"]?["usage"], choice?["usage"]].lazy.compactMap { ModelUsage($0) }.first
        guard let choice else { return }
        finishReason = choice["finish_reason"]?.text ?? ""
        let whole = choice["message"].flatMap(Message.init)
        message = choice["delta"].flatMap(Message.init) ?? whole
        isWhole = whole != nil
    }

    /// Nil for what is no JSON.
    static func node(_ bytes: [UInt8]) -> JSONNode? {
        // Repaired only where it has to be: it costs a copy.
        (try? JSONNode.read(bytes)) ?? (try? JSONNode.read(Array(String(decoding: bytes, as: UTF8.self).utf8)))
    }
}

extension ChatResponse.Message {
    /// Nil: there is no message.
    init?(_ node: JSONNode) {
        guard case .object = node else { return nil }
        text = Self.text(node["content"]) + Self.text(node["refusal"])
        // Some send it twice, under both names: DeepSeek's, and OpenRouter's, Groq's and newer vLLM's.
        reasoning = node["reasoning_content"]?.text ?? node["reasoning"]?.text ?? Self.thinking(node["content"])
        thinking = (node["thinking_blocks"]?.elements ?? []).compactMap(ChatResponse.Thinking.init)
        calls = (node["tool_calls"]?.elements ?? []).compactMap(ChatResponse.Call.init)
    }

    /// A string, or the texts of a list of parts. Parts of another type than text (Mistral's thinking) are none.
    private static func text(_ node: JSONNode?) -> String {
        if let text = node?.text { return text }
        return (node?.elements ?? []).reduce(into: "") { text, part in
            if let piece = part.text { text += piece }
            if ["text", "output_text"].contains(part["type"]?.text) { text += part["text"]?.text ?? "" }
        }
    }
}

extension ChatResponse.Message {
    /// Mistral's: among the parts of the content, itself in parts.
    private static func thinking(_ node: JSONNode?) -> String {
        (node?.elements ?? []).reduce(into: "") { text, part in
            if part["type"]?.text == "thinking" { text += Self.text(part["thinking"]) }
        }
    }
}

extension ChatResponse.Thinking {
    init?(_ node: JSONNode) {
        index = node["index"]?.integer.flatMap { Int(exactly: $0) }
        switch node["type"]?.text {
        case "thinking":
            text = node["thinking"]?.text ?? ""
            signature = node["signature"]?.text ?? ""
        case "redacted_thinking": redacted = node["data"]?.text ?? ""
        default: return nil
        }
    }
}

extension ChatResponse.Call {
    init?(_ node: JSONNode) {
        guard case .object = node else { return nil }
        index = node["index"]?.integer.flatMap { Int(exactly: $0) }
        id = node["id"]?.text ?? ""
        name = node["function"]?["name"]?.text ?? ""
        if case .object? = node["extra_content"] { extra = node["extra_content"]!.json }
        switch node["function"]?["arguments"] {
        case nil, .null?: break
        case .string(let text)?: arguments = text
        // An object in place of its text (llama.cpp for a while): in its own order, with its own digits.
        case let value?: arguments = value.json
        }
    }
}

extension ModelUsage {
    /// Nil where a count is missing, or nothing was counted: then it is not known what the answer cost.
    fileprivate init?(_ node: JSONNode?) {
        guard let node, let input = node["prompt_tokens"]?.tokenCount,
            let output = node["completion_tokens"]?.tokenCount,
            input > 0 || output > 0
        else { return nil }
        let details = node["prompt_tokens_details"]
        self.init(
            inputTokens: input,
            // DeepSeek's name for it.
            cachedInputTokens: details?["cached_tokens"]?.tokenCount ?? node["prompt_cache_hit_tokens"]?.tokenCount
                ?? 0,
            cacheWriteTokens: details?["cache_write_tokens"]?.tokenCount ?? 0, outputTokens: output,
            reasoningTokens: node["completion_tokens_details"]?["reasoning_tokens"]?.tokenCount ?? 0,
            cost: node["cost"]?.dollars)
    }
}

extension JSONNode {
    /// A sum of US dollars that is not negative, in billionths of one.
    fileprivate var dollars: Int64? {
        guard case .number(let digits) = self, let value = Double(digits), value >= 0 else { return nil }
        return Int64(exactly: (value * 1e9).rounded())
    }

    /// A whole number that is not negative, in whatever way its digits are written.
    var tokenCount: UInt64? {
        guard case .number(let digits) = self else { return nil }
        return UInt64(digits) ?? Double(digits).flatMap { UInt64(exactly: $0) }
    }
}
