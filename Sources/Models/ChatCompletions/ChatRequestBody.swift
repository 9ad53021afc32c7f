internal import JSON

/// The body of a chat completions request, as JSON that is written, not reflected: each message is encoded by itself,
/// so that a conversation's bytes can be kept and only what is new is encoded again.
enum ChatRequestBody {
    /// The whole body, in pieces that are sent one after the other: those of the history are not copied.
    static func encode(_ request: ModelRequest, _ profile: ModelProfile = ModelProfile()) -> [[UInt8]] {
        // Tools before messages: the part that never changes comes first, as providers' prompt caches want it.
        [head(request, profile)] + request.history.jsonPieces + [end]
    }

    private static let end = Array("]}".utf8)

    private static func head(_ request: ModelRequest, _ profile: ModelProfile) -> [UInt8] {
        var json: [UInt8] = Array(#"{"model":"#.utf8)
        json.append(string: request.model)
        json += #","stream":true,"stream_options":{"include_usage":true}"#.utf8
        append(request.options, profile.outputLimitName, to: &json)
        let tools = request.tools
        // An empty list is refused by some.
        if !tools.isEmpty {
            json += #","tools":"#.utf8
            json.append(list: tools) { $1 += encode($0) }
        }
        json += #","messages":["#.utf8
        return json
    }

    private static func append(_ options: ModelOptions, _ limit: ModelProfile.OutputLimitName, to json: inout [UInt8]) {
        func add(_ name: String, _ value: (some CustomStringConvertible)?) {
            if let value { json += ",\"\(name)\":\(value)".utf8 }
        }
        add("temperature", options.temperature)
        add("top_p", options.topP)
        add(limit.rawValue, options.maximumOutputTokens)
        add("seed", options.seed)
        if !options.reasoningEffort.isEmpty {
            json += #","reasoning_effort":"#.utf8
            json.append(string: options.reasoningEffort)
        }
        guard !options.stop.isEmpty else { return }
        json += #","stop":"#.utf8
        json.append(list: options.stop) { $1.append(string: $0) }
    }

    static func encode(_ tool: ModelTool) -> [UInt8] {
        var json: [UInt8] = Array(#"{"type":"function","function":{"name":"#.utf8)
        json.append(string: WireName.tool(tool.name))
        json += #","description":"#.utf8
        json.append(string: tool.description)
        if !tool.parametersJSON.isEmpty {
            json += #","parameters":"#.utf8
            json += ToolParameters.objectSchema(tool.parametersJSON)
        }
        json += "}}".utf8
        return json
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
    static func append(_ message: ModelMessage, _ profile: ModelProfile = ModelProfile(), to json: inout [UInt8]) {
        switch message {
        case .system(let text):
            json += #"{"role":"system","content":"#.utf8
            json.append(string: text)
        case .user(let content):
            json += #"{"role":"user","content":"#.utf8
            ChatContent.append(content, to: &json)
        case .assistant(let text, let calls, let blocks):
            json += #"{"role":"assistant","content":"#.utf8
            let signed = signedParts(of: text, blocks, hasCalls: !calls.isEmpty)
            if !signed.isEmpty {
                json.append(list: signed) { $1 += $0 }
            } else {
                if text.isEmpty, !calls.isEmpty { json += "null".utf8 } else { json.append(string: text) }
                append(reasoningIn: blocks, hasCalls: !calls.isEmpty, profile, to: &json)
            }
            append(calls, profile, to: &json)
        case .tool(let callID, let content):
            json += #"{"role":"tool","tool_call_id":"#.utf8
            json.append(string: Self.callID(callID, profile))
            json += #","content":"#.utf8
            json.append(string: ChatContent.text(ofResult: content))
        }
        json += "}".utf8
    }

    /// The content in parts, where some of the reasoning is signed: it goes back in its place. Only a server that sent it
    /// is shown it. Empty: none is signed.
    private static func signedParts(of text: String, _ blocks: [ModelBlock], hasCalls: Bool) -> [[UInt8]] {
        var parts: [(json: [UInt8], isReasoning: Bool)] = []
        var rest = text.utf8[...]
        for block in blocks {
            switch block {
            case .text(let length, _):
                let piece = String(decoding: rest.prefix(length), as: UTF8.self)
                rest = rest.dropFirst(length)
                // Who signs reasoning refuses blank text.
                guard !piece.isBlank else { continue }
                var json = Array(#"{"type":"text","text":"#.utf8)
                json.append(string: piece)
                json.append(UInt8(ascii: "}"))
                parts.append((json, false))
            case .reasoning(_, let own), .opaque(_, let own):
                if !own.isEmpty { parts.append((Array(own.utf8), true)) }
            case .call: break
            }
        }
        // An answer may not end in reasoning either.
        if !hasCalls { while parts.last?.isReasoning == true { parts.removeLast() } }
        return parts.contains { $0.isReasoning } ? parts.map { $0.json } : []
    }

    /// Some refuse a turn with calls whose reasoning is missing; of an answer that had none it is empty.
    private static func append(
        reasoningIn blocks: [ModelBlock], hasCalls: Bool, _ profile: ModelProfile, to json: inout [UInt8]
    ) {
        guard let field = profile.reasoningField else { return }
        let reasoning = blocks.reasoning
        guard hasCalls && profile.needsReasoning || !reasoning.isEmpty else { return }
        json += ",\"\(field)\":".utf8
        json.append(string: reasoning)
    }

    static func callID(_ id: String, _ profile: ModelProfile) -> String {
        if profile.isMistral { return WireName.mistralCall(id) }
        return id.utf8.count <= profile.callIDLimit ?? .max ? id : WireName.shortCall(id)
    }

    private static func append(_ calls: [ModelToolCall], _ profile: ModelProfile, to json: inout [UInt8]) {
        guard !calls.isEmpty else { return }
        json += #","tool_calls":"#.utf8
        var isFirst = true
        json.append(list: calls) { call, json in
            defer { isFirst = false }
            json += #"{"type":"function","id":"#.utf8
            json.append(string: callID(call.id, profile))
            json += #","function":{"name":"#.utf8
            json.append(string: WireName.tool(call.name))
            json += #","arguments":"#.utf8
            json.append(string: call.arguments)
            json += "}".utf8
            if !call.extra.isEmpty {
                json += #","extra_content":\#(call.extra)"#.utf8
            } else if isFirst, let signature = profile.foreignSignature {
                json += #","extra_content":{"google":{"thought_signature":"\#(signature)"}}"#.utf8
            }
            json += "}".utf8
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
    var closing: [UInt8] { isOpen ? Self.end : [] }
    private static let end = Array("\"}".utf8)
    let systemPrompt = ""

    init(_ profile: ModelProfile) { self.profile = profile }

    mutating func append(_ batch: [ModelMessage], to json: inout [UInt8]) {
        for message in ChatRequestBody.messages(batch) {
            // Mistral takes nothing of people directly after a result.
            if profile.isMistral, endsWithResult, case .user = message {
                add(.assistant(text: "Go on.", calls: []), to: &json)
            }
            if case .tool = message { endsWithResult = true } else { endsWithResult = false }
            add(message, to: &json)
        }
    }

    private mutating func add(_ message: ModelMessage, to json: inout [UInt8]) {
        if profile.mergesUserMessages, case .user(let content) = message, content.parts.isEmpty {
            var text: [UInt8] = []
            text.append(string: (isOpen ? "\n\n" : "") + content.text)
            if !isOpen {
                json += (isEmpty ? "" : ",").utf8
                json += #"{"role":"user","content":""#.utf8
            }
            json += text.dropFirst().dropLast()
            (isEmpty, isOpen) = (false, true)
            return
        }
        json += closing
        isOpen = false
        if !isEmpty { json.append(UInt8(ascii: ",")) }
        isEmpty = false
        ChatRequestBody.append(message, profile, to: &json)
    }
}
