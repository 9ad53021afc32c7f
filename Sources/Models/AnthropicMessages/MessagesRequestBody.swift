internal import Curl
internal import JSON

/// The body of a request to Anthropic's API, in pieces: those of the history are not copied.
enum MessagesRequestBody {
    /// What an answer may have at most where neither the run nor the table of models says it. The API needs a number; one
    /// that is larger than the model's own limit is refused.
    static let usualOutputTokens: UInt32 = 8192
    /// What models that may say more are asked for where the run does not say it.
    static let longestOutputTokens: UInt32 = 64_000

    static func encode(_ request: ModelRequest, _ profile: ModelProfile) -> [BodyPiece] {
        [BodyPiece(JSONWriter.bytes { head(request, profile, to: &$0) })] + request.history.jsonPieces
            + [BodyPiece(Array("]}".utf8))]
    }

    private static func head(_ request: ModelRequest, _ profile: ModelProfile, to json: inout JSONWriter) {
        json.append(#"{"model":"#)
        json.append(string: request.model)
        let known = request.info?.outputLimit.map { UInt32(min($0, UInt64(longestOutputTokens))) }
        let limit = request.options.maximumOutputTokens ?? known ?? usualOutputTokens
        json.append(json: #","max_tokens":\#(limit),"stream":true"#)
        append(request.options, limit, request.info, to: &json)
        // The provider finds by itself how much of the request is as it was.
        if profile.marksCache { json.append(#","cache_control":{"type":"ephemeral"}"#) }
        let system = request.history.systemPrompt
        if !system.isBlank {
            json.append(#","system":"#)
            json.append(string: system)
        }
        if !request.tools.isEmpty {
            json.append(#","tools":"#)
            json.append(list: request.tools) { append($0, to: &$1) }
        }
        json.append(#","messages":["#)
    }

    private static func append(_ options: ModelOptions, _ limit: UInt32, _ info: ModelInfo?, to json: inout JSONWriter)
    {
        if let temperature = options.temperature { json.append(json: ",\"temperature\":\(temperature)") }
        if let topP = options.topP { json.append(json: ",\"top_p\":\(topP)") }
        if !options.reasoningEffort.isEmpty {
            appendReasoning(options.reasoningEffort, limit, info, to: &json)
        }
        guard !options.stop.isEmpty else { return }
        json.append(#","stop_sequences":"#)
        json.append(list: options.stop) { $1.append(string: $0) }
    }

    /// Newer models decide themselves how much they reason, and refuse a number; older ones want one, and refuse to decide.
    /// Of what is not known it is taken that it is new.
    private static func appendReasoning(
        _ effort: String, _ limit: UInt32, _ info: ModelInfo?, to json: inout JSONWriter
    ) {
        if info?.adaptsReasoning ?? true {
            json.append(#","thinking":{"type":"adaptive"},"output_config":{"effort":"#)
            json.append(string: effort)
            json.append(UInt8(ascii: "}"))
            return
        }
        // At least 1,024, and less than all of the answer.
        let budgets: [String: UInt32] = ["minimal": 1024, "low": 4096, "medium": 16_384]
        let budget = max(1024, min(budgets[effort] ?? 32_768, limit / 2))
        guard info?.reasons == true, effort != "none", budget < limit else { return }
        json.append(json: #","thinking":{"type":"enabled","budget_tokens":\#(budget)}"#)
    }

    private static func append(_ tool: ModelTool, to json: inout JSONWriter) {
        json.append(#"{"name":"#)
        json.append(string: WireName.tool(tool.name))
        json.append(#","description":"#)
        json.append(string: tool.description)
        json.append(#","input_schema":"#)
        json.append(json: ToolParameters.objectSchema(tool.parametersJSON))
        json.append(UInt8(ascii: "}"))
    }
}
