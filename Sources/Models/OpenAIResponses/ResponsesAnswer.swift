internal import EventStreams
internal import ModelScript
internal import Secrets

/// An answer of OpenAI's Responses, put together from the events of a stream.
///
/// What an item is, is known when it is done: until then its texts are read as they come. Items, parts and events of
/// unknown types are kept as they are or passed over.
struct ResponsesAnswer: AnswerAssembler {
    private struct Item {
        /// As it is when it is done.
        var node: JSONNode?
        /// What was read of it already.
        var text = ""
        var reasoning = ""
    }

    private var items: [Int: Item] = [:]
    private var usage: ModelUsage?
    /// `completed`, or why it is incomplete; empty: the end has not come.
    private var reason = ""
    private var ending = ModelEnding.complete
    private var isFromLiteLLM = false

    mutating func begin(fromLiteLLM: Bool) { isFromLiteLLM = fromLiteLLM }

    var isComplete: Bool { !reason.isEmpty }
    var isOver: Bool { !reason.isEmpty }

    func isWhole(_ event: StreamEvent) -> Bool {
        event.data.elementsEqual("[DONE]".utf8) || ChatResponse.node(event.data) != nil
    }

    mutating func add(_ event: StreamEvent, without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        // Some gateways end so.
        if event.data.elementsEqual("[DONE]".utf8) { return [] }
        guard let node = ChatResponse.node(event.data), case .object = node else {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent what is no event of a response", retryable: true)
        }
        let type = node["type"]?.text ?? event.name
        switch type {
        // Its members are in it, or in a member `error`.
        case "error": throw .refused(status: nil, ChatError(node["error"]) ?? ChatError(node), without: secrets)
        case "response.output_text.delta", "response.refusal.delta":
            return add(node["delta"]?.text ?? "", at: node, \.text)
        case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
            return add(node["delta"]?.text ?? "", at: node, \.reasoning)
        case "response.output_item.done": return done(node)
        case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
            return try end(node["response"] ?? .null, without: secrets)
        default:
            if let error = ChatError(node["error"]) { throw .refused(status: nil, error, without: secrets) }
            return []
        }
    }

    mutating func add(whole document: [UInt8], without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        let node = ChatResponse.node(document)
        if let error = ChatError(node?["error"]) { throw .refused(status: nil, error, without: secrets) }
        guard let node, node["output"]?.elements != nil else {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent an answer without output", retryable: true)
        }
        return try end(node, without: secrets)
    }

    /// Proxies give an item other ids on its way: its place is what it keeps.
    private func index(of node: JSONNode) -> Int { node["output_index"]?.integer.flatMap { Int(exactly: $0) } ?? 0 }

    private mutating func add(
        _ text: String, at node: JSONNode, _ part: WritableKeyPath<Item, String>
    ) -> [ModelPiece] {
        guard !text.isEmpty else { return [] }
        items[index(of: node), default: Item()][keyPath: part] += text
        return [part == \Item.text ? .text(text) : .reasoning(text)]
    }

    private mutating func done(_ node: JSONNode) -> [ModelPiece] {
        guard let item = node["item"] else { return [] }
        return take(item, at: index(of: node))
    }

    /// An item is whole.
    ///
    /// - Returns: what of it was not read yet.
    private mutating func take(_ node: JSONNode, at index: Int) -> [ModelPiece] {
        // What is no item would make every later request wrong.
        guard case .object = node else { return [] }
        items[index, default: Item()].node = node
        func rest(_ whole: String, _ read: String) -> String {
            // What was read stays as it was read.
            whole.hasPrefix(read) ? String(whole.dropFirst(read.count)) : ""
        }
        let item = items[index]!
        switch node["type"]?.text {
        case "message":
            let more = rest(node.messageText, item.text)
            items[index]!.text += more
            return more.isEmpty ? [] : [.text(more)]
        case "reasoning":
            let more = rest(node.reasoningText, item.reasoning)
            items[index]!.reasoning += more
            return more.isEmpty ? [] : [.reasoning(more)]
        default: return []
        }
    }

    private mutating func end(_ response: JSONNode, without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        if let error = ChatError(response["error"]) { throw .refused(status: nil, error, without: secrets) }
        usage = ModelUsage(responses: response["usage"]) ?? usage
        let status = response["status"]?.text ?? ""
        switch status {
        case "failed", "cancelled":
            throw ModelFailure(
                kind: .brokenStream, message: "the model's server broke the answer off: \(status)", retryable: true)
        case "incomplete":
            reason = response["incomplete_details"]?["reason"]?.text ?? status
            ending = reason == "content_filter" ? .refused : .truncated
        default: reason = status.isEmpty ? "completed" : status
        }
        let output = response["output"]?.elements ?? []
        let whole = output.filter { if case .object = $0 { true } else { false } }
        if isFromLiteLLM, let pieces = take(whole: whole) { return pieces }
        // What no event has told before: some proxies tell all at the end only.
        var pieces: [ModelPiece] = []
        for (index, item) in output.enumerated() where items[index]?.node == nil {
            pieces += take(item, at: index)
        }
        return pieces
    }

    /// Takes the output as it stands at the end, in place of all items before: behind LiteLLM these come in another order,
    /// and without what their maker wants back.
    ///
    /// - Returns: what of it was not read yet; nil: it does not go on with what was read, and nothing is taken.
    private mutating func take(whole output: [JSONNode]) -> [ModelPiece]? {
        var whole: [Int: Item] = [:]
        for (index, node) in output.enumerated() {
            let type = node["type"]?.text
            whole[index] = Item(
                node: node, text: type == "message" ? node.messageText : "",
                reasoning: type == "reasoning" ? node.reasoningText : "")
        }
        func all(_ items: [Int: Item], _ part: KeyPath<Item, String>) -> String {
            items.sorted { $0.key < $1.key }.map { $0.value[keyPath: part] }.joined()
        }
        let (text, reasoning) = (all(whole, \.text), all(whole, \.reasoning))
        let (read, reasoned) = (all(items, \.text), all(items, \.reasoning))
        guard !output.isEmpty, text.hasPrefix(read), reasoning.hasPrefix(reasoned) else { return nil }
        items = whole
        return [
            ModelPiece.reasoning(String(reasoning.dropFirst(reasoned.count))),
            .text(String(text.dropFirst(read.count))),
        ].filter { !$0.content.isEmpty }
    }

    func finish() throws(ModelFailure) -> ModelAnswer {
        guard isComplete else { throw .endedEarly }
        var (text, calls, made) = ("", [ModelToolCall](), [ModelBlock]())
        for (_, item) in items.sorted(by: { $0.key < $1.key }) {
            guard let node = item.node else {
                // It never was done: what was read of it stays.
                text += item.text
                if !item.reasoning.isEmpty { made.append(.reasoning(item.reasoning)) }
                if !item.text.isEmpty { made.append(.text(item.text.utf8.count)) }
                continue
            }
            let type = node["type"]?.text ?? ""
            switch type {
            case "message":
                guard !item.text.isEmpty else { continue }
                text += item.text
                made.append(.text(item.text.utf8.count, json: node.others(than: ["type", "role", "content"])))
            case "reasoning":
                // Without its content it means nothing to a server that has kept nothing.
                let isKept = node["encrypted_content"]?.text?.isEmpty == false
                made.append(.reasoning(item.reasoning, json: isKept ? node.json : ""))
            case "function_call":
                let id = node["call_id"]?.text ?? ""
                calls.append(
                    ModelToolCall(
                        id: id.isEmpty ? ModelToolCall.mintedID() : id, name: node["name"]?.text ?? "",
                        arguments: node["arguments"]?.text ?? node["arguments"]?.json ?? "",
                        extra: node.others(than: ["type", "call_id", "name", "arguments"])))
                made.append(.call(calls.count - 1))
            default: made.append(.opaque(type, json: node.json))
            }
        }
        var answer = ModelAnswer(text: text, calls: calls, finishReason: reason, usage: usage)
        answer.ending = ending
        answer.blocks = made.sayingMore(than: calls)
        return answer
    }
}

extension JSONNode {
    /// The text of a message, with what it refuses.
    fileprivate var messageText: String {
        (self["content"]?.elements ?? []).reduce(into: "") { text, part in
            text += part["text"]?.text ?? part["refusal"]?.text ?? ""
        }
    }

    /// What is shown of the reasoning: its own text, else the summary.
    fileprivate var reasoningText: String {
        let parts = self["content"]?.elements ?? []
        return (parts.isEmpty ? self["summary"]?.elements ?? [] : parts).reduce(into: "") { text, part in
            text += part["text"]?.text ?? ""
        }
    }
}

extension ModelUsage {
    /// As Responses counts: what was cached is part of the input. Nil where nothing was counted.
    fileprivate init?(responses node: JSONNode?) {
        guard let node, let input = node["input_tokens"]?.tokenCount, let output = node["output_tokens"]?.tokenCount,
            input + output > 0
        else { return nil }
        let details = node["input_tokens_details"]
        self.init(
            inputTokens: input, cachedInputTokens: details?["cached_tokens"]?.tokenCount ?? 0,
            cacheWriteTokens: details?["cache_write_tokens"]?.tokenCount ?? 0, outputTokens: output,
            reasoningTokens: node["output_tokens_details"]?["reasoning_tokens"]?.tokenCount ?? 0)
    }
}
