internal import Curl
internal import JSON

/// The body of a chat completions request, as JSON that is written, not reflected: each message is encoded by itself,
/// so that a conversation's bytes can be kept and only what is new is encoded again.
enum ChatRequestBody {
    /// The whole body, in pieces that are sent one after the other: those of the history are not copied.
    static func encode(_ request: ModelRequest, _ profile: ModelProfile = ModelProfile()) -> [BodyPiece] {
        // Tools before messages: the part that never changes comes first, as providers' prompt caches want it.
        [BodyPiece(JSONWriter.bytes { head(request, profile, to: &$0) })] + request.history.jsonPieces + [end]
    }

    private static let end = BodyPiece(Array("]}".utf8))

    private static func head(_ request: ModelRequest, _ profile: ModelProfile, to json: inout JSONWriter) {
        json.append(#"{"model":"#)
        json.append(string: request.model)
        json.append(#","stream":true,"stream_options":{"include_usage":true}"#)
        append(request.options, profile.outputLimitName, to: &json)
        let tools = request.tools
        // An empty list is refused by some.
        if !tools.isEmpty {
            json.append(#","tools":"#)
            json.append(list: tools) { append($0, to: &$1) }
        }
        json.append(#","messages":["#)
    }

    private static func append(
        _ options: ModelOptions, _ limit: ModelProfile.OutputLimitName, to json: inout JSONWriter
    ) {
        func add(_ name: String, _ value: (some CustomStringConvertible)?) {
            if let value { json.append(json: ",\"\(name)\":\(value)") }
        }
        add("temperature", options.temperature)
        add("top_p", options.topP)
        add(limit.rawValue, options.maximumOutputTokens)
        add("seed", options.seed)
        if !options.reasoningEffort.isEmpty {
            json.append(#","reasoning_effort":"#)
            json.append(string: options.reasoningEffort)
        }
        guard !options.stop.isEmpty else { return }
        json.append(#","stop":"#)
        json.append(list: options.stop) { $1.append(string: $0) }
    }

    static func append(_ tool: ModelTool, to json: inout JSONWriter) {
        json.append(#"{"type":"function","function":{"name":"#)
        json.append(string: WireName.tool(tool.name))
        json.append(#","description":"#)
        json.append(string: tool.description)
        if !tool.parametersJSON.isEmpty {
            json.append(#","parameters":"#)
            json.append(json: ToolParameters.objectSchema(tool.parametersJSON))
        }
        json.append("}}")
    }

    /// The messages of the list `messages` for these. A result can only be text there: what else it is made of follows
    /// the results of its step in a message of its own.
    static func messages(_ batch: [ModelMessage]) -> [ModelMessage] {
        guard batch.contains(where: \.isResultOfParts) else { return batch }
        var (all, media): ([ModelMessage], [ModelContent.Part]) = ([], [])
        for message in batch {
            if case .tool(let id, let content) = message {
                media += ChatContent.media(ofResult: content, of: id)
            } else if !media.isEmpty {
                all.append(.user(ModelContent(parts: media)))
                media = []
            }
            all.append(message)
        }
        return media.isEmpty ? all : all + [.user(ModelContent(parts: media))]
    }

    /// Appends one message of the list `messages`. Pure: the same message gives the same bytes for ever.
    static func append(_ message: ModelMessage, _ profile: ModelProfile = ModelProfile(), to json: inout JSONWriter) {
        switch message {
        case .system(let text):
            json.append(#"{"role":"system","content":"#)
            json.append(string: text)
        case .user(let content):
            json.append(#"{"role":"user","content":"#)
            ChatContent.append(content, to: &json)
        case .assistant(let text, let calls, let blocks):
            json.append(#"{"role":"assistant","content":"#)
            let signed = signedParts(of: text, blocks, hasCalls: !calls.isEmpty)
            if !signed.isEmpty {
                json.append(list: signed) { append($0, to: &$1) }
            } else {
                if text.isEmpty, !calls.isEmpty { json.append("null") } else { json.append(string: text) }
                append(reasoningIn: blocks, hasCalls: !calls.isEmpty, profile, to: &json)
            }
            append(calls, profile, to: &json)
        case .tool(let callID, let content):
            json.append(#"{"role":"tool","tool_call_id":"#)
            json.append(string: Self.callID(callID, profile))
            json.append(#","content":"#)
            json.append(string: ChatContent.text(ofResult: content))
        }
        json.append("}")
    }

    /// The content in parts, where some of the reasoning is signed: it goes back in its place. Only a server that sent it
    /// is shown it. Empty: none is signed.
    private static func signedParts(of text: String, _ blocks: [ModelBlock], hasCalls: Bool) -> [AnswerPart] {
        guard blocks.contains(where: \.isBound) else { return [] }
        var parts = AnswerPart.all(text, [], blocks)
        // Who signs reasoning refuses blank text.
        parts.removeAll { if case .text(let text, _) = $0 { text.isBlank } else { false } }
        // An answer may not end in reasoning either.
        if !hasCalls { parts.trimBound() }
        return parts.contains(where: \.isBound) ? parts : []
    }

    private static func append(_ part: AnswerPart, to json: inout JSONWriter) {
        switch part {
        case .text(let text, _):
            json.append(#"{"type":"text","text":"#)
            json.append(string: text)
            json.append(UInt8(ascii: "}"))
        case .reasoning(let own), .opaque(let own): json.append(json: own)
        case .call: break
        }
    }

    /// Some refuse a turn with calls whose reasoning is missing; of an answer that had none it is empty.
    private static func append(
        reasoningIn blocks: [ModelBlock], hasCalls: Bool, _ profile: ModelProfile, to json: inout JSONWriter
    ) {
        guard let field = profile.reasoningField else { return }
        let reasoning = blocks.reasoning
        guard hasCalls && profile.needsReasoning || !reasoning.isEmpty else { return }
        json.append(json: ",\"\(field)\":")
        json.append(string: reasoning)
    }

    static func callID(_ id: String, _ profile: ModelProfile) -> String {
        if profile.isMistral { return WireName.mistralCall(id) }
        return id.utf8.count <= profile.callIDLimit ?? .max ? id : WireName.shortCall(id)
    }

    private static func append(_ calls: [ModelToolCall], _ profile: ModelProfile, to json: inout JSONWriter) {
        guard !calls.isEmpty else { return }
        json.append(#","tool_calls":"#)
        var isFirst = true
        json.append(list: calls) { call, json in
            defer { isFirst = false }
            json.append(#"{"type":"function","id":"#)
            json.append(string: callID(call.id, profile))
            json.append(#","function":{"name":"#)
            json.append(string: WireName.tool(call.name))
            json.append(#","arguments":"#)
            json.append(string: call.arguments)
            json.append("}")
            if !call.extra.isEmpty {
                json.append(#","extra_content":"#)
                json.append(json: call.extra)
            } else if isFirst, let signature = profile.foreignSignature {
                json.append(json: #","extra_content":{"google":{"thought_signature":"\#(signature)"}}"#)
            }
            json.append("}")
        }
    }
}

extension ModelMessage {
    /// A tool's result that may have more than text.
    fileprivate var isResultOfParts: Bool {
        if case .tool(_, let content) = self { !content.parts.isEmpty } else { false }
    }
}

/// Elements of the list `messages` of chat completions.
struct ChatEncoder: HistoryEncoder {
    private let profile: ModelProfile
    private var isEmpty = true
    private var endsWithResult = false
    /// The last message is a text of people's, which what they say next goes on in.
    private var isOpen = false
    var closing: [UInt8] { isOpen ? Array("\"}".utf8) : [] }
    let systemPrompt = ""

    init(_ profile: ModelProfile) { self.profile = profile }

    mutating func append(_ batch: [ModelMessage], to json: inout JSONWriter) {
        for message in ChatRequestBody.messages(batch) {
            // Mistral takes nothing of people directly after a result.
            if profile.isMistral, endsWithResult, case .user = message {
                add(.assistant(text: "Go on.", calls: []), to: &json)
            }
            if case .tool = message { endsWithResult = true } else { endsWithResult = false }
            add(message, to: &json)
        }
    }

    private mutating func add(_ message: ModelMessage, to json: inout JSONWriter) {
        if profile.mergesUserMessages, case .user(let content) = message, content.parts.isEmpty {
            if isOpen {
                json.append(inString: "\n\n")
            } else {
                if !isEmpty { json.append(UInt8(ascii: ",")) }
                json.append(#"{"role":"user","content":""#)
            }
            json.append(inString: content.text)
            (isEmpty, isOpen) = (false, true)
            return
        }
        if isOpen { json.append("\"}") }
        isOpen = false
        if !isEmpty { json.append(UInt8(ascii: ",")) }
        isEmpty = false
        ChatRequestBody.append(message, profile, to: &json)
    }
}
