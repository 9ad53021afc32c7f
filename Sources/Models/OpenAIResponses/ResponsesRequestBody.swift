internal import JSON

/// The body of a request to OpenAI's Responses, in pieces: those of the history are not copied.
enum ResponsesRequestBody {
    static func encode(_ request: ModelRequest, _ profile: ModelProfile) -> [[UInt8]] {
        [head(request, profile)] + request.history.jsonPieces + [Array("]}".utf8)]
    }

    private static func head(_ request: ModelRequest, _ profile: ModelProfile) -> [UInt8] {
        var json: [UInt8] = Array(#"{"model":"#.utf8)
        json.append(string: request.model)
        json += #","stream":true,"store":false,"include":["reasoning.encrypted_content"]"#.utf8
        append(request.options, to: &json)
        if profile.marksCache {
            // Requests of one conversation are to come to where its beginning is kept.
            json += #","prompt_cache_key":"#.utf8
            json.append(string: request.conversation)
        }
        let system = request.history.systemPrompt
        if !system.isEmpty {
            json += #","instructions":"#.utf8
            json.append(string: system)
        }
        if !request.tools.isEmpty {
            json += #","tools":"#.utf8
            json.append(list: request.tools) { append($0, to: &$1) }
        }
        json += #","input":["#.utf8
        return json
    }

    private static func append(_ options: ModelOptions, to json: inout [UInt8]) {
        if let temperature = options.temperature { json += ",\"temperature\":\(temperature)".utf8 }
        if let topP = options.topP { json += ",\"top_p\":\(topP)".utf8 }
        if let limit = options.maximumOutputTokens { json += ",\"max_output_tokens\":\(limit)".utf8 }
        if !options.reasoningEffort.isEmpty {
            json += #","reasoning":{"effort":"#.utf8
            json.append(string: options.reasoningEffort)
            json.append(UInt8(ascii: "}"))
        }
    }

    private static func append(_ tool: ModelTool, to json: inout [UInt8]) {
        json += #"{"type":"function","name":"#.utf8
        json.append(string: WireName.tool(tool.name))
        json += #","description":"#.utf8
        json.append(string: tool.description)
        json += #","parameters":"#.utf8
        json += ToolParameters.objectSchema(tool.parametersJSON)
        // Without it the API takes schemas for stricter ones than they are, and refuses those that are not.
        json += #","strict":false}"#.utf8
    }
}
