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

    mutating func append(_ batch: [ModelMessage], to json: inout [UInt8]) {
        for message in batch {
            switch message {
            case .system(let text): systemPrompt += (systemPrompt.isEmpty ? "" : "\n\n") + text
            case .user(let content):
                // Beside another one it is left out.
                guard !content.isBlank || !endsWithPeople else { continue }
                endsWithPeople = true
                begin(&json)
                json += #"{"type":"message","role":"user","content":"#.utf8
                Self.append(content.isBlank ? ModelContent(ModelContent.empty) : content, to: &json)
                json.append(UInt8(ascii: "}"))
            case .tool(let id, let content):
                endsWithPeople = true
                begin(&json)
                json += #"{"type":"function_call_output","call_id":"#.utf8
                json.append(string: WireName.call(id))
                json += #","output":"#.utf8
                if content.parts.isEmpty { json.append(string: content.text) } else { Self.append(content, to: &json) }
                json.append(UInt8(ascii: "}"))
            case .assistant(let text, let calls, let blocks):
                endsWithPeople = false
                append(text, calls, blocks, to: &json)
            }
        }
    }

    private mutating func begin(_ json: inout [UInt8]) {
        if !isEmpty { json.append(UInt8(ascii: ",")) }
        isEmpty = false
    }

    private static func append(_ content: ModelContent, to json: inout [UInt8]) {
        let parts = content.parts.isEmpty ? [.text(content.text)] : content.parts
        json.append(list: parts.filter { $0 != .text("") }) { append($0, to: &$1) }
    }

    private static func append(_ part: ModelContent.Part, to json: inout [UInt8]) {
        switch part {
        case .text(let text): append(text: text, to: &json)
        case .image(let image):
            json += #"{"type":"input_image","detail":"auto","image_url":"#.utf8
            json.append(dataURL: image)
            json.append(UInt8(ascii: "}"))
        case .file(let file):
            // Text is text to every model.
            if let text = file.text { return append(text: "[File \(file.label)]\n\(text)", to: &json) }
            json += #"{"type":"input_file","filename":"#.utf8
            json.append(string: file.name.isEmpty ? "file" : file.name)
            json += #","file_data":"#.utf8
            json.append(dataURL: file)
            json.append(UInt8(ascii: "}"))
        }
    }

    private static func append(text: String, to json: inout [UInt8]) {
        json += #"{"type":"input_text","text":"#.utf8
        json.append(string: text)
        json.append(UInt8(ascii: "}"))
    }

    // MARK: - Of models

    private mutating func append(
        _ text: String, _ calls: [ModelToolCall], _ blocks: [ModelBlock], to json: inout [UInt8]
    ) {
        var items: [(json: [UInt8], isReasoning: Bool)] = []
        var rest = text.utf8[...]
        let order: [ModelBlock] =
            blocks.isEmpty ? [.text(text.utf8.count)] + calls.indices.map { ModelBlock.call($0) } : blocks
        for block in order {
            switch block {
            case .text(let length, let own):
                let piece = String(decoding: rest.prefix(length), as: UTF8.self)
                rest = rest.dropFirst(length)
                if !piece.isEmpty { items.append((Self.message(piece, own), false)) }
            case .reasoning(_, let own), .opaque(_, let own):
                if !own.isEmpty { items.append((Array(own.utf8), true)) }
            case .call(let index):
                if calls.indices.contains(index) { items.append((Self.call(calls[index]), false)) }
            }
        }
        // Reasoning stands before what came of it, or not at all.
        while items.last?.isReasoning == true { items.removeLast() }
        for item in items {
            begin(&json)
            json += item.json
        }
    }

    private static func message(_ text: String, _ own: String) -> [UInt8] {
        var json = Array(#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"#.utf8)
        json.append(string: text)
        json += #","annotations":[]}]"#.utf8
        json.append(membersOf: own)
        return json + [UInt8(ascii: "}")]
    }

    private static func call(_ call: ModelToolCall) -> [UInt8] {
        var json = Array(#"{"type":"function_call","call_id":"#.utf8)
        json.append(string: WireName.call(call.id))
        json += #","name":"#.utf8
        json.append(string: WireName.tool(call.name))
        json += #","arguments":"#.utf8
        json.append(string: call.arguments)
        json.append(membersOf: call.extra)
        return json + [UInt8(ascii: "}")]
    }
}

extension ModelContent {
    /// It says nothing.
    fileprivate var isBlank: Bool { parts.isEmpty ? text.isEmpty : parts.allSatisfy { $0 == .text("") } }
}
