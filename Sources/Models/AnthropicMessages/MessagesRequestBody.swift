internal import JSON

/// The body of a request to Anthropic's API, in pieces: those of the history are not copied.
enum MessagesRequestBody {
    /// What an answer may have at most where neither the run nor the table of models says it. The API needs a number; one
    /// that is larger than the model's own limit is refused.
    static let usualOutputTokens: UInt32 = 8192
    /// What models that may say more are asked for where the run does not say it.
    static let longestOutputTokens: UInt32 = 64_000

    static func encode(_ request: ModelRequest, _ profile: ModelProfile) -> [[UInt8]] {
        [head(request, profile)] + request.history.jsonPieces + [Array("]}".utf8)]
    }

    private static func head(_ request: ModelRequest, _ profile: ModelProfile) -> [UInt8] {
        var json: [UInt8] = Array(#"{"model":"#.utf8)
        json.append(string: request.model)
        let known = request.info?.outputLimit.map { UInt32(min($0, UInt64(longestOutputTokens))) }
        let limit = request.options.maximumOutputTokens ?? known ?? usualOutputTokens
        json += #","max_tokens":\#(limit),"stream":true"#.utf8
        append(request.options, limit, request.info, to: &json)
        // The provider finds by itself how much of the request is as it was.
        if profile.marksCache { json += #","cache_control":{"type":"ephemeral"}"#.utf8 }
        let system = request.history.systemPrompt
        if !system.isBlank {
            json += #","system":"#.utf8
            json.append(string: system)
        }
        if !request.tools.isEmpty {
            json += #","tools":"#.utf8
            json.append(list: request.tools) { append($0, to: &$1) }
        }
        json += #","messages":["#.utf8
        return json
    }

    private static func append(_ options: ModelOptions, _ limit: UInt32, _ info: ModelInfo?, to json: inout [UInt8]) {
        if let temperature = options.temperature { json += ",\"temperature\":\(temperature)".utf8 }
        if let topP = options.topP { json += ",\"top_p\":\(topP)".utf8 }
        if !options.reasoningEffort.isEmpty {
            appendReasoning(options.reasoningEffort, limit, info, to: &json)
        }
        guard !options.stop.isEmpty else { return }
        json += #","stop_sequences":"#.utf8
        json.append(list: options.stop) { $1.append(string: $0) }
    }

    /// Newer models decide themselves how much they reason, and refuse a number; older ones want one, and refuse to decide.
    /// Of what is not known it is taken that it is new.
    private static func appendReasoning(
        _ effort: String, _ limit: UInt32, _ info: ModelInfo?, to json: inout [UInt8]
    ) {
        if info?.adaptsReasoning ?? true {
            json += #","thinking":{"type":"adaptive"},"output_config":{"effort":"#.utf8
            json.append(string: effort)
            json.append(UInt8(ascii: "}"))
            return
        }
        // At least 1,024, and less than all of the answer.
        let budgets: [String: UInt32] = ["minimal": 1024, "low": 4096, "medium": 16_384]
        let budget = max(1024, min(budgets[effort] ?? 32_768, limit / 2))
        guard info?.reasons == true, effort != "none", budget < limit else { return }
        json += #","thinking":{"type":"enabled","budget_tokens":\#(budget)}"#.utf8
    }

    private static func append(_ tool: ModelTool, to json: inout [UInt8]) {
        json += #"{"name":"#.utf8
        json.append(string: WireName.tool(tool.name))
        json += #","description":"#.utf8
        json.append(string: tool.description)
        json += #","input_schema":"#.utf8
        json += ToolParameters.objectSchema(tool.parametersJSON)
        json.append(UInt8(ascii: "}"))
    }
}
