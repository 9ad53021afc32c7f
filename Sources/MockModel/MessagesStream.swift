internal import ModelScript

/// The bytes of one answer as Anthropic's API sends them: server-sent events, or one object.
/// <https://docs.claude.com/en/api/messages-streaming>
struct MessagesStream: AnswerStream {
    let plan: ScriptPlan
    private let number: Int
    private let model: String
    private let prefix: String
    /// Of each piece: which block it is of.
    private let places: [Int]

    init(plan: ScriptPlan, request: MessagesRequest, number: Int) {
        self.plan = plan
        self.number = number
        model = request.model
        prefix = request.prefix
        (places, _) = ScriptPiece.groups(plan.turn.pieces)
    }

    func begin() -> [UInt8] {
        let usage: [JSONNode.Member] = inputUsage + [.init("output_tokens", .integer(1))]
        let message = JSONNode.object([
            .init("id", .string("msg_\(number)")), .init("type", .string("message")),
            .init("role", .string("assistant")),
            .init("model", .string(model)), .init("content", .array([])), .init("stop_reason", .null),
            .init("stop_sequence", .null), .init("usage", .object(usage)),
        ])
        let start = Self.event("message_start", [.init("message", message)])
        // Of the first nobody has seen any text.
        let first =
            plan.turn.quirks.contains(.startTwice)
            ? start
                + Self.event(
                    "content_block_start",
                    [
                        .init("index", .integer(0)),
                        .init("content_block", .object([.init("type", .string("text")), .init("text", .string(""))])),
                    ]) : []
        return first + start + Self.event("ping", [])
    }

    func chunks(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in range {
            let place = JSONNode.integer(places[index])
            if index == 0 || places[index - 1] != places[index] {
                if index > 0 { bytes += stop(index - 1) }
                bytes += Self.event(
                    "content_block_start",
                    [.init("index", place), .init("content_block", start(plan.turn.pieces[index]))])
            }
            guard let delta = delta(plan.turn.pieces[index]) else { continue }
            bytes += Self.event("content_block_delta", [.init("index", place), .init("delta", delta)])
        }
        return bytes
    }

    /// Ends the block that a piece is of; reasoning is signed.
    private func stop(_ piece: Int) -> [UInt8] {
        let place = JSONNode.integer(places[piece])
        var bytes: [UInt8] = []
        if case .reasoning = plan.turn.pieces[piece] {
            bytes += Self.event(
                "content_block_delta",
                [
                    .init("index", place),
                    .init(
                        "delta",
                        .object([
                            .init("type", .string("signature_delta")), .init("signature", .string(signature)),
                        ])),
                ])
        }
        return bytes + Self.event("content_block_stop", [.init("index", place)])
    }

    private var signature: String { MessagesRequest.signature(prefix, plan.turn.reasoning) }

    private func start(_ piece: ScriptPiece) -> JSONNode {
        switch piece {
        case .reasoning:
            .object([
                .init("type", .string("thinking")), .init("thinking", .string("")), .init("signature", .string("")),
            ])
        case .text: .object([.init("type", .string("text")), .init("text", .string(""))])
        case .call(let index), .arguments(let index, _):
            .object([
                .init("type", .string("tool_use")), .init("id", .string(plan.callIDs[index])),
                .init("name", .string(plan.turn.calls[index].name)), .init("input", .object([])),
            ])
        }
    }

    private func delta(_ piece: ScriptPiece) -> JSONNode? {
        func delta(_ type: String, _ key: String, _ text: String) -> JSONNode {
            .object([.init("type", .string(type)), .init(key, .string(text))])
        }
        return switch piece {
        case .reasoning(let text): delta("thinking_delta", "thinking", text)
        case .text(let text): delta("text_delta", "text", text)
        case .call: nil
        case .arguments(_, let part): delta("input_json_delta", "partial_json", part)
        }
    }

    func end() -> [UInt8] {
        var bytes = plan.turn.pieces.isEmpty ? [] : stop(plan.turn.pieces.count - 1)
        let delta = JSONNode.object([
            .init("stop_reason", .string(stopReason)), .init("stop_sequence", .null),
        ])
        bytes += Self.event(
            "message_delta", [.init("delta", delta)] + (plan.usage == nil ? [] : [.init("usage", .object(usage))]))
        return bytes + Self.event("message_stop", [])
    }

    func malformed() -> [UInt8] { Array("event: content_block_delta\ndata: {\"type\":\"content_bl\n\n".utf8) }

    func whole() -> [UInt8] {
        var content: [JSONNode] = []
        if !plan.turn.reasoning.isEmpty {
            content.append(
                .object([
                    .init("type", .string("thinking")), .init("thinking", .string(plan.turn.reasoning)),
                    .init("signature", .string(signature)),
                ]))
        }
        if !plan.turn.text.isEmpty {
            content.append(.object([.init("type", .string("text")), .init("text", .string(plan.turn.text))]))
        }
        for (call, id) in zip(plan.turn.calls, plan.callIDs) {
            content.append(
                .object([
                    .init("type", .string("tool_use")), .init("id", .string(id)), .init("name", .string(call.name)),
                    .init("input", (try? JSONNode.read(Array(call.arguments.utf8))) ?? .object([])),
                ]))
        }
        let message = JSONNode.object(
            [
                .init("id", .string("msg_\(number)")), .init("type", .string("message")),
                .init("role", .string("assistant")), .init("model", .string(model)), .init("content", .array(content)),
                .init("stop_reason", .string(stopReason)), .init("stop_sequence", .null),
            ] + (plan.usage == nil ? [] : [.init("usage", .object(usage))]))
        return Array(message.json.utf8)
    }

    func error(_ error: MockRefusal) -> [UInt8] { error.messagesBody }

    func failed(_ error: MockRefusal) -> [UInt8] {
        Array("event: error\ndata: ".utf8) + error.messagesBody + Array("\n\n".utf8)
    }

    /// Scripts use the words of chat completions, or this API's own.
    private var stopReason: String {
        switch plan.finishReason {
        case "stop": "end_turn"
        case "tool_calls": "tool_use"
        case "length": "max_tokens"
        case "content_filter": "refusal"
        case let other: other
        }
    }

    /// Input without what the cache has, as this API counts it.
    private var inputUsage: [JSONNode.Member] {
        guard let usage = plan.usage else { return [] }
        return [
            .init("input_tokens", .integer(usage.promptTokens - min(usage.promptTokens, usage.cachedTokens))),
            .init("cache_creation_input_tokens", .integer(0)),
            .init("cache_read_input_tokens", .integer(usage.cachedTokens)),
        ]
    }

    private var usage: [JSONNode.Member] {
        inputUsage + [.init("output_tokens", .integer(plan.usage?.completionTokens ?? 0))]
    }

    private static func event(_ type: String, _ members: [JSONNode.Member]) -> [UInt8] {
        let data = JSONNode.object([.init("type", .string(type))] + members).json
        return Array("event: \(type)\ndata: \(data)\n\n".utf8)
    }
}

extension MockRefusal {
    /// In Anthropic's layout.
    var messagesBody: [UInt8] {
        let usual =
            switch status {
            case 401: "authentication_error"
            case 402: "billing_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 529: "overloaded_error"
            case 500...: "api_error"
            default: "invalid_request_error"
            }
        let error = JSONNode.object([.init("type", .string(code ?? usual)), .init("message", .string(message))])
        return Array(
            JSONNode.object([
                .init("type", .string("error")), .init("error", error), .init("request_id", .string("req_mock")),
            ]).json.utf8)
    }
}
