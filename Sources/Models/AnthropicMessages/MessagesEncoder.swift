internal import FoundationEssentials
internal import JSON
internal import ModelScript

/// Elements of the list `messages` of Anthropic's API.
///
/// Neighbours of one role are one message there. So the last message stays open at its end: what closes it is sent with
/// each request and not kept, and the next message of its role goes on in it.
///
/// What the API refuses is never written: an empty message, blank text, an assistant's message that ends in reasoning or in
/// white space, reasoning that has no signature where signatures are wanted.
struct MessagesEncoder: HistoryEncoder {
    private enum Role { case user, assistant }

    private let signsReasoning: Bool
    /// Of the message that is open.
    private var role: Role?
    private(set) var systemPrompt = ""

    init(_ profile: ModelProfile) { signsReasoning = profile.signsReasoning }

    var closing: [UInt8] { role == nil ? [] : Array("]}".utf8) }

    mutating func append(_ batch: [ModelMessage], to json: inout JSONWriter) {
        for message in batch {
            switch message {
            case .system(let text): systemPrompt += (systemPrompt.isEmpty ? "" : "\n\n") + text
            case .user(let content): append(content, to: &json)
            case .assistant(let text, let calls, let blocks): append(text, calls, blocks, to: &json)
            case .tool(let id, let content): append(resultOf: id, content, to: &json)
            }
        }
    }

    /// Begins the next block of a message: the open one goes on, or is closed and another one begins.
    private mutating func begin(_ role: Role, _ json: inout JSONWriter) {
        if self.role == role {
            json.append(UInt8(ascii: ","))
            return
        }
        if self.role != nil { json.append("]},") }
        json.append(role == .user ? #"{"role":"user","content":["# : #"{"role":"assistant","content":["#)
        self.role = role
    }

    // MARK: - Of people and tools

    private mutating func append(_ content: ModelContent, to json: inout JSONWriter) {
        guard !content.parts.isEmpty else {
            return append(text: content.text, to: &json)
        }
        guard content.parts.contains(where: { !$0.isBlank }) else { return append(text: "", to: &json) }
        for part in content.parts where !part.isBlank {
            begin(.user, &json)
            Self.append(part, to: &json)
        }
    }

    private mutating func append(text: String, to json: inout JSONWriter) {
        // Beside another one it is left out.
        guard !text.isBlank || role != .user else { return }
        begin(.user, &json)
        Self.append(text: text.isBlank ? ModelContent.empty : text, to: &json)
    }

    private mutating func append(resultOf id: String, _ content: ModelContent, to json: inout JSONWriter) {
        begin(.user, &json)
        json.append(#"{"type":"tool_result","tool_use_id":"#)
        json.append(string: WireName.call(id))
        json.append(#","content":"#)
        if content.parts.isEmpty {
            json.append(string: content.text)
        } else {
            json.append(list: content.parts.filter { !$0.isBlank }) { Self.append($0, to: &$1) }
        }
        json.append(UInt8(ascii: "}"))
    }

    private static func append(text: String, to json: inout JSONWriter) {
        json.append(#"{"type":"text","text":"#)
        json.append(string: text)
        json.append(UInt8(ascii: "}"))
    }

    private static func append(_ part: ModelContent.Part, to json: inout JSONWriter) {
        switch part {
        case .text(let text): append(text: text, to: &json)
        case .image(let image):
            json.append(#"{"type":"image","source":"#)
            append(source: image, to: &json)
            json.append(UInt8(ascii: "}"))
        case .file(let file):
            // PDF and plain text are what documents may be; what is neither cannot be shown.
            if file.type == "application/pdf" {
                json.append(#"{"type":"document","source":"#)
                append(source: file, to: &json)
                append(title: file, to: &json)
            } else if let text = file.text, !text.isBlank {
                json.append(#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"#)
                json.append(string: text)
                json.append(UInt8(ascii: "}"))
                append(title: file, to: &json)
            } else {
                append(text: "[File \(file.label): this model cannot be shown it]", to: &json)
            }
        }
    }

    private static func append(title file: ModelMedia, to json: inout JSONWriter) {
        if !file.name.isEmpty {
            json.append(#","title":"#)
            json.append(string: file.name)
        }
        json.append(UInt8(ascii: "}"))
    }

    private static func append(source media: ModelMedia, to json: inout JSONWriter) {
        json.append(#"{"type":"base64","media_type":"#)
        json.append(string: media.type)
        json.append(#","data":""#)
        json.append(json: Data(media.data).base64EncodedData())
        json.append("\"}")
    }

    // MARK: - Of models

    private mutating func append(
        _ text: String, _ calls: [ModelToolCall], _ blocks: [ModelBlock], to json: inout JSONWriter
    ) {
        var parts = AnswerPart.all(text, calls, blocks)
        // An answer may not end in white space, and no text may be blank.
        let last = calls.isEmpty ? parts.lastIndex(where: \.isText) : nil
        if let last, case .text(var text, let own) = parts[last] {
            text.trimEnd()
            parts[last] = .text(text, own: own)
        }
        parts.removeAll { part in
            switch part {
            case .text(let text, _): text.isBlank
            case .reasoning(let own): signsReasoning && !Self.isSigned(own)
            case .opaque, .call: false
            }
        }
        // It may not end in reasoning either.
        parts.trimBound()
        for part in parts {
            begin(.assistant, &json)
            switch part {
            case .text(let text, _): Self.append(text: text, to: &json)
            case .reasoning(let own), .opaque(let own): json.append(json: own)
            case .call(let index): Self.append(calls[index], to: &json)
            }
        }
    }

    /// Whether reasoning has what proves that its maker has written it.
    private static func isSigned(_ own: String) -> Bool {
        (try? JSONNode.read(Array(own.utf8)))?["signature"]?.text?.isEmpty == false
    }

    private static func append(_ call: ModelToolCall, to json: inout JSONWriter) {
        json.append(#"{"type":"tool_use","id":"#)
        json.append(string: WireName.call(call.id))
        json.append(#","name":"#)
        json.append(string: WireName.tool(call.name))
        json.append(#","input":"#)
        json.append(json: call.arguments)
        json.append(membersOf: call.extra)
        json.append(UInt8(ascii: "}"))
    }
}

extension ModelContent.Part {
    /// A text that says nothing.
    fileprivate var isBlank: Bool { if case .text(let text) = self { text.isBlank } else { false } }
}

extension String {
    /// Nothing but white space.
    var isBlank: Bool { allSatisfy(\.isWhitespace) }

    mutating func trimEnd() {
        // Of most texts one byte says it.
        if let byte = utf8.last, byte > 0x20, byte < 0x7F { return }
        while last?.isWhitespace == true { removeLast() }
    }
}
