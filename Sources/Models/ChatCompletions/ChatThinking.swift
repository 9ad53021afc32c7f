internal import ModelScript

/// Text and reasoning of an answer whose reasoning comes in blocks, in their order: LiteLLM has Claude's so, and Claude
/// refuses a turn whose signed blocks come back in another order, or changed.
struct ChatThinking {
    private struct Part {
        /// Bytes of text, where it is no block.
        var length = 0
        var block: ChatResponse.Thinking?
    }

    private var parts: [Part] = []
    /// Bytes of text before the first block: of most answers that is all of it.
    private var lead = 0

    mutating func append(text: String) {
        guard !text.isEmpty else { return }
        if parts.isEmpty { return lead += text.utf8.count }
        if parts.last.map({ $0.block != nil }) ?? true { parts.append(Part()) }
        parts[parts.count - 1].length += text.utf8.count
    }

    /// Pieces of one index are one block. What has no index is whole.
    mutating func append(_ piece: ChatResponse.Thinking) {
        guard let index = piece.index, let place = parts.lastIndex(where: { $0.block?.index == index }) else {
            return parts.append(Part(block: piece))
        }
        parts[place].block?.text += piece.text
        if !piece.signature.isEmpty { parts[place].block?.signature = piece.signature }
        if !piece.redacted.isEmpty { parts[place].block?.redacted = piece.redacted }
    }

    /// Without calls, which come after all of it. Empty: no reasoning came in blocks.
    var blocks: [ModelBlock] {
        guard !parts.isEmpty else { return [] }
        return ((lead > 0 ? [Part(length: lead)] : []) + parts).map { part in
            guard let block = part.block else { return .text(part.length) }
            return block.redacted.isEmpty
                ? .reasoning(block.text, json: block.json) : .opaque("redacted_thinking", json: block.json)
        }
    }
}

extension ChatResponse.Thinking {
    /// What its maker wants back; empty: without a signature it takes nothing back.
    fileprivate var json: String {
        if !redacted.isEmpty {
            return JSONNode.object([
                .init("type", .string("redacted_thinking")), .init("data", .string(redacted)),
            ]).json
        }
        guard !signature.isEmpty else { return "" }
        return JSONNode.object([
            .init("type", .string("thinking")), .init("thinking", .string(text)),
            .init("signature", .string(signature)),
        ]).json
    }
}

extension [ModelBlock] {
    /// All that is shown of the reasoning.
    var reasoning: String { reduce(into: "") { if case .reasoning(let text, _) = $1 { $0 += text } } }
}
