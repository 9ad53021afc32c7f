internal import FoundationEssentials
internal import JSON

/// Items of the list `input` of OpenAI's Responses.
///
/// Nothing is left at the server (`store: false`), so that each request says all: a cut call may leave a server with items
/// that were never seen here, or without those that were. What a provider made goes back in its order, as it came.
struct ResponsesEncoder: HistoryEncoder {
    private var isEmpty = true
    /// What came last is what people, or tools, say.
    private var endsWithPeople = false
    private(set) var systemPrompt = ""
    let closing: [UInt8] = []

    mutating func append(_ batch: [ModelMessage], to json: inout JSONWriter) {
        for message in batch {
            switch message {
            case .system(let text): systemPrompt += (systemPrompt.isEmpty ? "" : "\n\n") + text
            case .user(let content):
                // Beside another one it is left out.
                guard !content.isBlank || !endsWithPeople else { continue }
                endsWithPeople = true
                begin(&json)
                json.append(#"{"type":"message","role":"user","content":"#)
                Self.append(content.isBlank ? ModelContent(ModelContent.empty) : content, to: &json)
                json.append(UInt8(ascii: "}"))
            case .tool(let id, let content):
                endsWithPeople = true
                begin(&json)
                json.append(#"{"type":"function_call_output","call_id":"#)
                json.append(string: WireName.call(id))
                json.append(#","output":"#)
                if content.parts.isEmpty { json.append(string: content.text) } else { Self.append(content, to: &json) }
                json.append(UInt8(ascii: "}"))
            case .assistant(let text, let calls, let blocks):
                endsWithPeople = false
                append(text, calls, blocks, to: &json)
            }
        }
    }

    private mutating func begin(_ json: inout JSONWriter) {
        if !isEmpty { json.append(UInt8(ascii: ",")) }
        isEmpty = false
    }

    private static func append(_ content: ModelContent, to json: inout JSONWriter) {
        let parts = content.parts.isEmpty ? [.text(content.text)] : content.parts
        json.append(list: parts.filter { $0 != .text("") }) { append($0, to: &$1) }
    }

    private static func append(_ part: ModelContent.Part, to json: inout JSONWriter) {
        switch part {
        case .text(let text): append(text: text, to: &json)
        case .image(let image):
            json.append(#"{"type":"input_image","detail":"auto","image_url":"#)
            json.append(dataURL: image)
            json.append(UInt8(ascii: "}"))
        case .file(let file):
            // Text is text to every model.
            if let text = file.text { return append(text: "[File \(file.label)]\n\(text)", to: &json) }
            json.append(#"{"type":"input_file","filename":"#)
            json.append(string: file.name.isEmpty ? "file" : file.name)
            json.append(#","file_data":"#)
            json.append(dataURL: file)
            json.append(UInt8(ascii: "}"))
        }
    }

    private static func append(text: String, to json: inout JSONWriter) {
        json.append(#"{"type":"input_text","text":"#)
        json.append(string: text)
        json.append(UInt8(ascii: "}"))
    }

    // MARK: - Of models

    private mutating func append(
        _ text: String, _ calls: [ModelToolCall], _ blocks: [ModelBlock], to json: inout JSONWriter
    ) {
        var parts = AnswerPart.all(text, calls, blocks)
        parts.removeAll { if case .text(let text, _) = $0 { text.isEmpty } else { false } }
        // Reasoning stands before what came of it, or not at all.
        parts.trimBound()
        for part in parts {
            begin(&json)
            switch part {
            case .text(let text, let own): Self.append(text, own, to: &json)
            case .reasoning(let own), .opaque(let own): json.append(json: own)
            case .call(let index): Self.append(calls[index], to: &json)
            }
        }
    }

    private static func append(_ text: String, _ own: String, to json: inout JSONWriter) {
        json.append(#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"#)
        json.append(string: text)
        json.append(#","annotations":[]}]"#)
        json.append(membersOf: own)
        json.append(UInt8(ascii: "}"))
    }

    private static func append(_ call: ModelToolCall, to json: inout JSONWriter) {
        json.append(#"{"type":"function_call","call_id":"#)
        json.append(string: WireName.call(call.id))
        json.append(#","name":"#)
        json.append(string: WireName.tool(call.name))
        json.append(#","arguments":"#)
        json.append(string: call.arguments)
        json.append(membersOf: call.extra)
        json.append(UInt8(ascii: "}"))
    }
}

extension ModelContent {
    /// It says nothing.
    fileprivate var isBlank: Bool { parts.isEmpty ? text.isEmpty : parts.allSatisfy { $0 == .text("") } }
}
