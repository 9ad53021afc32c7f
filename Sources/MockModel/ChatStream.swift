internal import ModelScript

/// The bytes of one answer, as OpenAI's API sends them: server-sent events, or one object.
/// <https://platform.openai.com/docs/api-reference/chat/streaming>
struct ChatStream: AnswerStream {
    let plan: ScriptPlan
    let includesUsage: Bool
    private let number: Int
    private let created: Int64
    private let model: String
    /// What every chunk begins with, up to the delta.
    private let opening: [UInt8]

    init(plan: ScriptPlan, request: ChatRequest, number: Int, created: Int64) {
        self.plan = plan
        self.number = number
        self.created = created
        model = request.model
        includesUsage = request.includesUsage && plan.usage != nil
        opening = Array(
            ("data: {\"id\":\"chatcmpl-\(number)\",\"object\":\"chat.completion.chunk\",\"created\":\(created),"
                + "\"model\":\(JSONNode.string(request.model).json),").utf8)
    }

    /// The chunk that opens the answer.
    func begin() -> [UInt8] {
        var bytes: [UInt8] = []
        if has(.emptyFirstChunk) {
            bytes += Array(
                #"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}"#.utf8)
            bytes += "\n\n".utf8
        }
        chunk(#"{"role":"assistant","content":""}"#, to: &bytes)
        return bytes
    }

    /// The chunks of these pieces.
    func chunks(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        for piece in plan.turn.pieces[range] {
            switch piece {
            case .reasoning(let text):
                let field = has(.reasoningField) ? "reasoning" : "reasoning_content"
                chunk("{\"\(field)\":\(JSONNode.string(text).json)}", to: &bytes)
            case .text(let text):
                let json = JSONNode.string(text).json
                let parts = #"[{"type":"text","text":\#(json)}]"#
                chunk("{\"content\":\(has(.contentParts) ? parts : json)}", to: &bytes)
            case .call(let index) where isWhole: chunk(#"{"tool_calls":[\#(wholeCall(index))]}"#, to: &bytes)
            case .arguments where isWhole: break
            case .call(let index):
                let id = JSONNode.string(plan.callIDs[index]).json
                let name = JSONNode.string(plan.turn.calls[index].name).json
                let extra = plan.turn.calls[index].extra.map { #""extra_content":\#($0),"# } ?? ""
                chunk(
                    #"{"tool_calls":[{"index":\#(index),\#(has(.noIDs) ? "" : #""id":\#(id),"#)"type":"function",\#(extra)"#
                        + #""function":{"name":\#(name),"arguments":""}}]}"#, to: &bytes)
            case .arguments(let index, let part):
                let text = JSONNode.string(part).json
                let (id, name) = has(.emptyNames) ? (#""id":"","#, #""name":"","#) : ("", "")
                chunk(
                    #"{"tool_calls":[{"index":\#(index),\#(id)"function":{\#(name)"arguments":\#(text)}}]}"#, to: &bytes
                )
            }
        }
        return bytes
    }

    /// The chunks that end the answer: finish reason, usage if it was asked for, `[DONE]`.
    func end() -> [UInt8] {
        var bytes: [UInt8] = []
        let reason = has(.finishStop) && plan.finishReason == "tool_calls" ? "stop" : plan.finishReason
        chunk("{}", finishReason: JSONNode.string(reason).json, isLast: true, to: &bytes)
        if has(.finishTwice) {
            for reason in [#""stop""#, "null"] { chunk(#"{"content":""}"#, finishReason: reason, to: &bytes) }
        }
        if includesUsage, ScriptQuirk.usages.isDisjoint(with: plan.turn.quirks) {
            bytes += opening
            bytes.append(contentsOf: #""choices":[],"usage":\#(usage.json)}"#.utf8)
            bytes.append(contentsOf: "\n\n".utf8)
        }
        if !has(.noDone) { bytes.append(contentsOf: "data: [DONE]\n\n".utf8) }
        return bytes
    }

    private func has(_ quirk: ScriptQuirk) -> Bool { plan.turn.quirks.contains(quirk) }

    /// Calls come each in one piece.
    private var isWhole: Bool { has(.indexZero) || has(.noIndex) || has(.argumentsObject) }

    private func wholeCall(_ index: Int) -> String {
        let call = plan.turn.calls[index]
        let place = has(.noIndex) ? "" : #""index":\#(has(.indexZero) ? 0 : index),"#
        let id = has(.noIDs) ? "" : #""id":\#(JSONNode.string(plan.callIDs[index]).json),"#
        let arguments = has(.argumentsObject) ? call.arguments : JSONNode.string(call.arguments).json
        let name = JSONNode.string(call.name).json
        return #"{\#(place)\#(id)"type":"function","function":{"name":\#(name),"arguments":\#(arguments)}}"#
    }

    func error(_ error: MockRefusal) -> [UInt8] { error.body }

    func failed(_ error: MockRefusal) -> [UInt8] { Array("data: ".utf8) + error.body + Array("\n\n".utf8) }

    /// A chunk that is cut off in its middle, and the end of the stream.
    func malformed() -> [UInt8] {
        opening + Array(#""choices":[{"index":0,"delta":{"content":"#.utf8) + Array("\n\ndata: [DONE]\n\n".utf8)
    }

    /// The whole answer as one object, for a request without `stream`.
    func whole() -> [UInt8] {
        let calls = plan.turn.calls.enumerated().map { index, call in
            JSONNode.object(
                [
                    .init("id", .string(plan.callIDs[index])),
                    .init("type", .string("function")),
                    .init(
                        "function",
                        .object([.init("name", .string(call.name)), .init("arguments", .string(call.arguments))])),
                ]
                    + [call.extra.flatMap { try? JSONNode.read(Array($0.utf8)) }].compactMap(\.self).map {
                        .init("extra_content", $0)
                    })
        }
        let hasOnlyCalls = plan.turn.text.isEmpty && !calls.isEmpty
        var message: [JSONNode.Member] = [
            .init("role", .string("assistant")),
            .init("content", hasOnlyCalls ? .null : .string(plan.turn.text)),
        ]
        if !plan.turn.reasoning.isEmpty { message.append(.init("reasoning_content", .string(plan.turn.reasoning))) }
        if !calls.isEmpty { message.append(.init("tool_calls", .array(calls))) }
        var answer: [JSONNode.Member] = [
            .init("id", .string("chatcmpl-\(number)")),
            .init("object", .string("chat.completion")),
            .init("created", .integer(created)),
            .init("model", .string(model)),
            .init(
                "choices",
                .array([
                    .object([
                        .init("index", .integer(0)), .init("message", .object(message)),
                        .init("finish_reason", .string(plan.finishReason)),
                    ])
                ])),
        ]
        if plan.usage != nil { answer.append(.init("usage", usage)) }
        return Array(JSONNode.object(answer).json.utf8)
    }

    private func chunk(
        _ delta: String, finishReason: String = "null", isLast: Bool = false, to bytes: inout [UInt8]
    ) {
        var delta = delta
        if has(.roleEveryChunk), delta.hasPrefix("{\""), !delta.hasPrefix(#"{"role""#) {
            delta = #"{"role":"assistant","# + delta.dropFirst()
        }
        let reason = has(.emptyFinish) && finishReason == "null" ? "\"\"" : finishReason
        let isTold = includesUsage && (has(.usageEveryChunk) || isLast && has(.usageWithFinish))
        let inChoice = includesUsage && isLast && has(.usageInChoice) ? ",\"usage\":\(usage.json)" : ""
        let after = isTold ? ",\"usage\":\(usage.json)" : includesUsage ? ",\"usage\":null" : ""
        bytes += opening
        bytes.append(contentsOf: #""choices":[{"index":0,"delta":"#.utf8)
        bytes.append(contentsOf: delta.utf8)
        bytes.append(contentsOf: ",\"finish_reason\":\(reason)\(inChoice)}]\(after)}\n\n".utf8)
    }

    private var usage: JSONNode {
        guard let usage = plan.usage else { return .null }
        return .object([
            .init("prompt_tokens", .integer(usage.promptTokens)),
            .init("completion_tokens", .integer(usage.completionTokens)),
            .init("total_tokens", .integer(usage.promptTokens + usage.completionTokens)),
            .init("prompt_tokens_details", .object([.init("cached_tokens", .integer(usage.cachedTokens))])),
        ])
    }
}

extension ScriptQuirk {
    /// Usage is somewhere else than in a chunk of its own.
    fileprivate static let usages: Set<ScriptQuirk> = [.usageWithFinish, .usageEveryChunk, .usageInChoice]
}
