internal import ModelScript

/// The bytes of one answer as OpenAI's Responses send them: server-sent events, or one object.
/// <https://platform.openai.com/docs/api-reference/responses-streaming>
struct ResponsesStream: AnswerStream {
    let plan: ScriptPlan
    private let number: Int
    private let model: String
    private let created: Int64
    /// Of each piece: which item it is of.
    private let places: [Int]
    /// The first piece of each item.
    private let firsts: [Int]

    init(plan: ScriptPlan, request: ResponsesRequest, number: Int, created: Int64) {
        self.plan = plan
        self.number = number
        self.created = created
        model = request.model
        (places, firsts) = ScriptPiece.groups(plan.turn.pieces)
    }

    func begin() -> [UInt8] {
        event("response.created", [.init("response", response("in_progress", output: []))])
            + event("response.in_progress", [.init("response", response("in_progress", output: []))])
    }

    func chunks(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in range {
            let place = places[index]
            if firsts[place] == index {
                if place > 0 { bytes += done(place - 1) }
                bytes += event(
                    "response.output_item.added",
                    [.init("output_index", .integer(place)), .init("item", item(place, isDone: false))])
                bytes += partAdded(place)
            }
            let (type, text): (String, String)
            switch plan.turn.pieces[index] {
            case .reasoning(let piece): (type, text) = ("response.reasoning_summary_text.delta", piece)
            case .text(let piece): (type, text) = ("response.output_text.delta", piece)
            case .arguments(_, let piece): (type, text) = ("response.function_call_arguments.delta", piece)
            case .call: continue
            }
            bytes += event(
                type,
                [
                    .init("item_id", .string(id(place))), .init("output_index", .integer(place)),
                    .init("content_index", .integer(0)), .init("summary_index", .integer(0)),
                    .init("delta", .string(text)),
                ] + (plan.turn.quirks.contains(.obfuscation) ? [.init("obfuscation", .string("x7Fq"))] : []))
        }
        return bytes
    }

    /// Texts come in parts of their items.
    private func partAdded(_ place: Int) -> [UInt8] {
        let (type, index, part): (String, String, [JSONNode.Member])
        switch plan.turn.pieces[firsts[place]] {
        case .reasoning:
            (type, index) = ("response.reasoning_summary_part.added", "summary_index")
            part = [.init("type", .string("summary_text")), .init("text", .string(""))]
        case .text:
            (type, index) = ("response.content_part.added", "content_index")
            part = [
                .init("type", .string("output_text")), .init("text", .string("")), .init("annotations", .array([])),
            ]
        case .call, .arguments: return []
        }
        return event(
            type,
            [
                .init("item_id", .string(id(place))), .init("output_index", .integer(place)),
                .init(index, .integer(0)), .init("part", .object(part)),
            ])
    }

    private func done(_ place: Int) -> [UInt8] {
        event(
            "response.output_item.done",
            [
                .init("output_index", .integer(place)),
                .init("item", item(place, isDone: true, isBound: !plan.turn.quirks.contains(.litellm))),
            ])
    }

    private func id(_ place: Int) -> String {
        switch plan.turn.pieces[firsts[place]] {
        case .reasoning: "rs_\(number)_\(place)"
        case .text: "msg_\(number)_\(place)"
        case .call, .arguments: "fc_\(number)_\(place)"
        }
    }

    /// - Parameter isBound: an item of reasoning has what its maker wants back.
    private func item(_ place: Int, isDone: Bool, isBound: Bool = true) -> JSONNode {
        let status = JSONNode.Member("status", .string(isDone ? "completed" : "in_progress"))
        switch plan.turn.pieces[firsts[place]] {
        case .reasoning:
            let summary = JSONNode.object([
                .init("type", .string("summary_text")), .init("text", .string(plan.turn.reasoning)),
            ])
            let content = isDone ? ResponsesRequest.encrypted(id(place), plan.turn.reasoning) : "partial"
            return .object(
                [
                    .init("id", .string(id(place))), .init("type", .string("reasoning")),
                    .init("summary", .array(isDone ? [summary] : [])),
                ] + (isBound ? [.init("encrypted_content", .string(content))] : []))
        case .text:
            let part = JSONNode.object([
                .init("type", .string("output_text")), .init("annotations", .array([])),
                .init("text", .string(plan.turn.text)),
            ])
            return .object([
                .init("id", .string(id(place))), .init("type", .string("message")), status,
                .init("role", .string("assistant")),
                .init("phase", .string(plan.turn.calls.isEmpty ? "final_answer" : "commentary")),
                .init("content", .array(isDone ? [part] : [])),
            ])
        case .call(let index), .arguments(let index, _):
            return .object([
                .init("id", .string(id(place))), .init("type", .string("function_call")), status,
                .init("call_id", .string(plan.callIDs[index])), .init("name", .string(plan.turn.calls[index].name)),
                .init("arguments", .string(isDone ? plan.turn.calls[index].arguments : "")),
            ])
        }
    }

    func end() -> [UInt8] {
        let last = firsts.isEmpty ? [] : done(firsts.count - 1)
        let done = plan.turn.quirks.contains(.doneMark) ? Array("data: [DONE]\n\n".utf8) : []
        return last + event("response.\(status)", [.init("response", wholeResponse)]) + done
    }

    func malformed() -> [UInt8] { Array("event: response.output_text.delta\ndata: {\"type\":\"resp\n\n".utf8) }

    func whole() -> [UInt8] { Array(wholeResponse.json.utf8) }

    func error(_ error: MockRefusal) -> [UInt8] { error.body }

    /// An event of its own, and then the response that has failed with it.
    func failed(_ error: MockRefusal) -> [UInt8] {
        let members: [JSONNode.Member] = [
            .init("code", .optional(error.code ?? "server_error")), .init("message", .string(error.message)),
        ]
        let told = JSONNode.object([.init("type", .string(error.type))] + members + [.init("param", .null)])
        let response = JSONNode.object([
            .init("id", .string("resp_\(number)")), .init("object", .string("response")),
            .init("status", .string("failed")), .init("error", .object(members)), .init("output", .array([])),
        ])
        return event("error", [.init("error", told)]) + event("response.failed", [.init("response", response)])
    }

    private var wholeResponse: JSONNode { response(status, output: firsts.indices.map { item($0, isDone: true) }) }

    /// Scripts use the words of chat completions.
    private var status: String {
        ["length", "content_filter"].contains(plan.finishReason) ? "incomplete" : "completed"
    }

    private func response(_ status: String, output: [JSONNode]) -> JSONNode {
        var members: [JSONNode.Member] = [
            .init("id", .string("resp_\(number)")), .init("object", .string("response")),
            .init("created_at", .integer(created)), .init("status", .string(status)), .init("error", .null),
            .init("model", .string(model)), .init("output", .array(output)),
            .init(
                "incomplete_details",
                status == "incomplete"
                    ? .object([
                        .init("reason", .string(plan.finishReason == "length" ? "max_output_tokens" : "content_filter"))
                    ]) : .null),
        ]
        if status != "in_progress", let usage = plan.usage {
            members.append(
                .init(
                    "usage",
                    .object([
                        .init("input_tokens", .integer(usage.promptTokens)),
                        .init("input_tokens_details", .object([.init("cached_tokens", .integer(usage.cachedTokens))])),
                        .init("output_tokens", .integer(usage.completionTokens)),
                        .init("output_tokens_details", .object([.init("reasoning_tokens", .integer(0))])),
                        .init("total_tokens", .integer(usage.promptTokens + usage.completionTokens)),
                    ])))
        }
        return .object(members)
    }

    private func event(_ type: String, _ members: [JSONNode.Member]) -> [UInt8] {
        let data = JSONNode.object([.init("type", .string(type))] + members).json
        return Array("event: \(type)\ndata: \(data)\n\n".utf8)
    }
}

extension ScriptPiece {
    /// Which pieces belong together: all of the reasoning, all of the text, each call.
    ///
    /// - Returns: of each piece the number of its group; of each group its first piece.
    static func groups(_ pieces: [ScriptPiece]) -> (places: [Int], firsts: [Int]) {
        var (places, firsts): ([Int], [Int]) = ([], [])
        for (index, piece) in pieces.enumerated() {
            let begins =
                switch (piece, index > 0 ? pieces[index - 1] : nil) {
                case (.call, _), (_, nil): true
                case (.reasoning, .reasoning), (.text, .text), (.arguments, _): false
                default: true
                }
            if begins { firsts.append(index) }
            places.append(firsts.count - 1)
        }
        return (places, firsts)
    }
}
