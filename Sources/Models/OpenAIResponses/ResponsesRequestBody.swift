internal import Curl
internal import JSON

/// The body of a request to OpenAI's Responses, in pieces: those of the history are not copied.
enum ResponsesRequestBody {
    static func encode(_ request: ModelRequest, _ profile: ModelProfile) -> [BodyPiece] {
        [BodyPiece(JSONWriter.bytes { head(request, profile, to: &$0) })] + request.history.jsonPieces
            + [BodyPiece(Array("]}".utf8))]
    }

    private static func head(_ request: ModelRequest, _ profile: ModelProfile, to json: inout JSONWriter) {
        json.append(#"{"model":"#)
        json.append(string: request.model)
        json.append(#","stream":true,"store":false,"include":["reasoning.encrypted_content"]"#)
        append(request.options, to: &json)
        if profile.marksCache {
            // Requests of one conversation are to come to where its beginning is kept.
            json.append(#","prompt_cache_key":"#)
            json.append(string: request.conversation)
        }
        let system = request.history.systemPrompt
        if !system.isEmpty {
            json.append(#","instructions":"#)
            json.append(string: system)
        }
        if !request.tools.isEmpty {
            json.append(#","tools":"#)
            json.append(list: request.tools) { append($0, to: &$1) }
        }
        json.append(#","input":["#)
    }

    private static func append(_ options: ModelOptions, to json: inout JSONWriter) {
        if let temperature = options.temperature { json.append(json: ",\"temperature\":\(temperature)") }
        if let topP = options.topP { json.append(json: ",\"top_p\":\(topP)") }
        if let limit = options.maximumOutputTokens { json.append(json: ",\"max_output_tokens\":\(limit)") }
        if !options.reasoningEffort.isEmpty {
            json.append(#","reasoning":{"effort":"#)
            json.append(string: options.reasoningEffort)
            json.append(UInt8(ascii: "}"))
        }
    }

    private static func append(_ tool: ModelTool, to json: inout JSONWriter) {
        json.append(#"{"type":"function","name":"#)
        json.append(string: WireName.tool(tool.name))
        json.append(#","description":"#)
        json.append(string: tool.description)
        json.append(#","parameters":"#)
        json.append(json: ToolParameters.objectSchema(tool.parametersJSON))
        // Without it the API takes schemas for stricter ones than they are, and refuses those that are not.
        json.append(#","strict":false}"#)
    }
}
