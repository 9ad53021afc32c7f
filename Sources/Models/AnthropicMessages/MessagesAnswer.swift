internal import EventStreams
internal import ModelScript
internal import Secrets

/// An answer of Anthropic's API, put together from the events of a stream.
///
/// Blocks, deltas and events of unknown types are kept as they are or passed over: there are more with each model. A
/// member that is not understood counts as absent.
struct MessagesAnswer: AnswerAssembler {
    fileprivate struct Block {
        /// As it began.
        var start: JSONNode
        var type = ""
        var text = ""
        var signature = ""
        /// Of a call.
        var input = ""
        var isWhole = false

        /// Two calls have two ids.
        func isOfAnother(than other: JSONNode) -> Bool {
            guard type == "tool_use", other["type"]?.text == "tool_use" else { return false }
            return start["id"]?.text != other["id"]?.text
        }
    }

    private var blocks: [Int: Block] = [:]
    /// Where the block of an index is that was another's before: some gateways number all calls alike.
    private var moved: [Int: Int] = [:]
    private var usage = Usage()
    private var stopReason = ""
    private var hasBegun = false
    private var hasStopped = false
    /// Something of it has been read by somebody.
    private var isShown = false
    private var isFromLiteLLM = false

    mutating func begin(fromLiteLLM: Bool) { isFromLiteLLM = fromLiteLLM }

    var isComplete: Bool { hasStopped || !stopReason.isEmpty }
    /// The explicit end has come.
    var isOver: Bool { hasStopped }

    mutating func add(_ event: StreamEvent, without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        guard let node = ChatResponse.node(event.data), case .object = node else {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent what is no event of a message", retryable: true)
        }
        // Some send an error without saying so in the event's name.
        if let error = ChatError(node["error"]) { throw .refused(status: nil, error, without: secrets) }
        switch node["type"]?.text {
        case "message_start": try begin(node)
        case "content_block_start": return start(node)
        case "content_block_delta": return add(delta: node)
        case "content_block_stop": if let index = index(of: node) { blocks[index]?.isWhole = true }
        case "message_delta":
            usage.assign(node["usage"])
            // The first that says something.
            if stopReason.isEmpty { stopReason = node["delta"]?["stop_reason"]?.text ?? "" }
        case "message_stop": hasStopped = true
        default: break
        }
        return []
    }

    mutating func add(whole document: [UInt8], without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece] {
        let node = ChatResponse.node(document)
        if let error = ChatError(node?["error"]) { throw .refused(status: nil, error, without: secrets) }
        guard let node, let content = node["content"]?.elements, node["stop_reason"] != nil else {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent an answer without a message", retryable: true)
        }
        usage.assign(node["usage"])
        stopReason = node["stop_reason"]?.text ?? ""
        hasStopped = true
        var pieces: [ModelPiece] = []
        for (index, element) in content.enumerated() {
            var block = Block(start: element, type: element["type"]?.text ?? "")
            pieces += block.takeStart()
            block.isWhole = true
            blocks[index] = block
        }
        return pieces.filter { !$0.content.isEmpty }
    }

    func isWhole(_ event: StreamEvent) -> Bool { ChatResponse.node(event.data) != nil }

    /// As the server numbers it.
    private func number(of node: JSONNode) -> Int? { node["index"]?.integer.flatMap { Int(exactly: $0) } }

    private func index(of node: JSONNode) -> Int? { number(of: node).map { moved[$0] ?? $0 } }

    private mutating func begin(_ node: JSONNode) throws(ModelFailure) {
        // Gateways that try again themselves put a second answer behind the beginning of a first.
        if hasBegun {
            guard !isShown else {
                throw ModelFailure(
                    kind: .brokenStream, message: "the model's server began its answer a second time", retryable: true)
            }
            let isProxied = isFromLiteLLM
            self = MessagesAnswer()
            isFromLiteLLM = isProxied
        }
        hasBegun = true
        usage.assign(node["message"]?["usage"])
    }

    private mutating func start(_ node: JSONNode) -> [ModelPiece] {
        guard var index = number(of: node), let start = node["content_block"] else { return [] }
        if let old = blocks[moved[index] ?? index], old.isOfAnother(than: start) {
            let free = (blocks.keys.max() ?? 0) + 1
            moved[index] = free
            index = free
        }
        var block = Block(start: start, type: start["type"]?.text ?? "")
        let pieces = shown(block.takeStart())
        blocks[index] = block
        return pieces
    }

    private mutating func add(delta node: JSONNode) -> [ModelPiece] {
        guard let index = index(of: node), let delta = node["delta"] else { return [] }
        if blocks[index] == nil { blocks[index] = Block(start: .object([]), type: Block.type(ofDelta: delta)) }
        return shown(blocks[index]!.add(delta))
    }

    private mutating func shown(_ pieces: [ModelPiece]) -> [ModelPiece] {
        let pieces = pieces.filter { !$0.content.isEmpty }
        if !pieces.isEmpty { isShown = true }
        return pieces
    }

    /// - Throws: `ModelFailure` of kind `brokenStream` where the end has not come.
    func finish() throws(ModelFailure) -> ModelAnswer {
        guard isComplete else { throw .endedEarly }
        // Servers that speak Anthropic's API have words of their own.
        let ending = try ModelEnding.of(stopReason)
        var (text, calls, made) = ("", [ModelToolCall](), [ModelBlock]())
        for (_, block) in blocks.sorted(by: { $0.key < $1.key }) {
            switch block.type {
            case "text":
                guard !block.text.isEmpty else { continue }
                text += block.text
                made.append(.text(block.text.utf8.count))
            case "thinking": made.append(.reasoning(block.text, json: block.isWhole ? block.thinkingJSON : ""))
            case "tool_use":
                // Half a call is none: the answer was cut in it.
                guard block.isWhole || ending == .complete else { continue }
                calls.append(block.call)
                made.append(.call(calls.count - 1))
            default: if block.isWhole { made.append(.opaque(block.type, json: block.opaqueJSON)) }
            }
        }
        voidEmptyCalls(&calls)
        var answer = ModelAnswer(text: text, calls: calls, finishReason: stopReason, usage: usage.counted)
        answer.ending = ending
        answer.blocks = made.sayingMore(than: calls)
        return answer
    }
}

extension MessagesAnswer {
    /// Behind LiteLLM the pieces of calls that a server sends by turns all go into the last one, which is malformed then. What
    /// is left of the others is not what the model wrote: they are given the same arguments, so that none is executed and
    /// the model is told of each.
    private func voidEmptyCalls(_ calls: inout [ModelToolCall]) {
        guard isFromLiteLLM, let joined = calls.first(where: { (try? JSONNode.read(Array($0.arguments.utf8))) == nil })
        else { return }
        for index in calls.indices where calls[index].arguments == "{}" { calls[index].arguments = joined.arguments }
    }
}

extension MessagesAnswer.Block {
    fileprivate static func type(ofDelta delta: JSONNode) -> String {
        switch delta["type"]?.text {
        case "text_delta": "text"
        case "input_json_delta": "tool_use"
        case "thinking_delta", "signature_delta": "thinking"
        default: ""
        }
    }

    /// What the block has from its beginning: all of it, from some servers.
    fileprivate mutating func takeStart() -> [ModelPiece] {
        switch type {
        case "text":
            text = start["text"]?.text ?? ""
            return [.text(text)]
        case "thinking":
            text = start["thinking"]?.text ?? ""
            signature = start["signature"]?.text ?? ""
            return [.reasoning(text)]
        case "tool_use":
            // The empty object stands for what is still to come.
            if let input = start["input"], input != .object([]), input != .null { self.input = input.json }
            return []
        default: return []
        }
    }

    fileprivate mutating func add(_ delta: JSONNode) -> [ModelPiece] {
        switch delta["type"]?.text {
        case "text_delta":
            let piece = delta["text"]?.text ?? ""
            text += piece
            return [.text(piece)]
        case "thinking_delta":
            let piece = delta["thinking"]?.text ?? ""
            text += piece
            return [.reasoning(piece)]
        // One for each block; the last counts.
        case "signature_delta": signature = delta["signature"]?.text ?? signature
        case "input_json_delta": input += delta["partial_json"]?.text ?? ""
        default: break
        }
        return []
    }

    fileprivate var thinkingJSON: String {
        var members: [String: JSONNode] = ["type": .string("thinking"), "thinking": .string(text)]
        // Servers that sign nothing may take no signature back either.
        if !signature.isEmpty { members["signature"] = .string(signature) }
        return start.replacing(members).json
    }

    fileprivate var opaqueJSON: String {
        guard !input.isEmpty, let input = try? JSONNode.read(Array(input.utf8)) else { return start.json }
        return start.replacing(["input": input]).json
    }

    fileprivate var call: ModelToolCall {
        let id = start["id"]?.text ?? ""
        return ModelToolCall(
            id: id.isEmpty ? ModelToolCall.mintedID() : id, name: start["name"]?.text ?? "",
            arguments: input.isEmpty ? "{}" : input,
            extra: start.others(than: ["type", "id", "name", "input"]))
    }
}

extension JSONNode {
    /// The object with these members in place of its own, each where it stood, else at its end in the order of names.
    fileprivate func replacing(_ values: [String: JSONNode]) -> JSONNode {
        var members: [Member] = if case .object(let members) = self { members } else { [] }
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index] = Member(key, value)
            } else {
                members.append(Member(key, value))
            }
        }
        return .object(members)
    }
}

/// Tokens as Anthropic counts them. Every report is of all so far, and its numbers replace those before; they are never
/// added up, nor is the larger one right: with a summary on the way they fall.
private struct Usage {
    private var counts: [String: UInt64] = [:]
    private var iterations: ModelUsage?

    mutating func assign(_ node: JSONNode?) {
        guard let node else { return }
        for name in ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
            if let count = node[name]?.tokenCount { counts[name] = count }
        }
        if let count = node["output_tokens_details"]?["thinking_tokens"]?.tokenCount { counts["thinking"] = count }
        // What the numbers above leave out is told call by call.
        let parts = (node["iterations"]?.elements ?? []).map { part in
            var usage = Usage()
            usage.assign(part)
            return usage.counted
        }
        if !parts.isEmpty, !parts.contains(nil) {
            iterations = parts.reduce(ModelUsage(inputTokens: 0, cachedInputTokens: 0, outputTokens: 0)) { sum, part in
                ModelUsage(
                    inputTokens: sum.inputTokens + part!.inputTokens,
                    cachedInputTokens: sum.cachedInputTokens + part!.cachedInputTokens,
                    cacheWriteTokens: sum.cacheWriteTokens + part!.cacheWriteTokens,
                    outputTokens: sum.outputTokens + part!.outputTokens,
                    reasoningTokens: sum.reasoningTokens + part!.reasoningTokens)
            }
        }
    }

    /// Nil where nothing was counted.
    var counted: ModelUsage? {
        if let iterations { return iterations }
        guard let input = counts["input_tokens"], let output = counts["output_tokens"], input + output > 0 else {
            return nil
        }
        let (read, written) = (counts["cache_read_input_tokens"] ?? 0, counts["cache_creation_input_tokens"] ?? 0)
        return ModelUsage(
            // Here those of the cache are no part of the input.
            inputTokens: input + read + written, cachedInputTokens: read, cacheWriteTokens: written,
            outputTokens: output,
            reasoningTokens: counts["thinking"] ?? 0)
    }
}
