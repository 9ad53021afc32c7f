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
    private enum Role: String { case user, assistant }

    private let signsReasoning: Bool
    /// Of the message that is open.
    private var role: Role?
    private(set) var systemPrompt = ""

    init(_ profile: ModelProfile) { signsReasoning = profile.signsReasoning }

    var closing: [UInt8] { role == nil ? [] : Array("]}".utf8) }

    mutating func append(_ batch: [ModelMessage], to json: inout [UInt8]) {
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
    private mutating func begin(_ role: Role, _ json: inout [UInt8]) {
        if self.role == role {
            json.append(UInt8(ascii: ","))
            return
        }
        if self.role != nil { json += "]},".utf8 }
        json += #"{"role":"\#(role.rawValue)","content":["#.utf8
        self.role = role
    }

    // MARK: - Of people and tools

    private mutating func append(_ content: ModelContent, to json: inout [UInt8]) {
        guard !content.parts.isEmpty else {
            return append(text: content.text, to: &json)
        }
        guard content.parts.contains(where: { !$0.isBlank }) else { return append(text: "", to: &json) }
        for part in content.parts where !part.isBlank {
            begin(.user, &json)
            Self.append(part, to: &json)
        }
    }

    private mutating func append(text: String, to json: inout [UInt8]) {
        // Beside another one it is left out.
        guard !text.isBlank || role != .user else { return }
        begin(.user, &json)
        Self.append(text: text.isBlank ? ModelContent.empty : text, to: &json)
    }

    private mutating func append(resultOf id: String, _ content: ModelContent, to json: inout [UInt8]) {
        begin(.user, &json)
        json += #"{"type":"tool_result","tool_use_id":"#.utf8
        json.append(string: WireName.call(id))
        json += #","content":"#.utf8
        if content.parts.isEmpty {
            json.append(string: content.text)
        } else {
            json.append(list: content.parts.filter { !$0.isBlank }) { Self.append($0, to: &$1) }
        }
        json.append(UInt8(ascii: "}"))
    }

    private static func append(text: String, to json: inout [UInt8]) {
        json += #"{"type":"text","text":"#.utf8
        json.append(string: text)
        json.append(UInt8(ascii: "}"))
    }

    private static func append(_ part: ModelContent.Part, to json: inout [UInt8]) {
        switch part {
        case .text(let text): append(text: text, to: &json)
        case .image(let image):
            json += #"{"type":"image","source":"#.utf8
            append(source: image, to: &json)
            json.append(UInt8(ascii: "}"))
        case .file(let file):
            // PDF and plain text are what documents may be; what is neither cannot be shown.
            if file.type == "application/pdf" {
                json += #"{"type":"document","source":"#.utf8
                append(source: file, to: &json)
                append(title: file, to: &json)
            } else if let text = file.text, !text.isBlank {
                json += #"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"#.utf8
                json.append(string: text)
                json.append(UInt8(ascii: "}"))
                append(title: file, to: &json)
            } else {
                append(text: "[File \(file.label): this model cannot be shown it]", to: &json)
            }
        }
    }

    private static func append(title file: ModelMedia, to json: inout [UInt8]) {
        if !file.name.isEmpty {
            json += #","title":"#.utf8
            json.append(string: file.name)
        }
        json.append(UInt8(ascii: "}"))
    }

    private static func append(source media: ModelMedia, to json: inout [UInt8]) {
        json += #"{"type":"base64","media_type":"#.utf8
        json.append(string: media.type)
        json += #","data":""#.utf8
        json += Data(media.data).base64EncodedData()
        json += "\"}".utf8
    }

    // MARK: - Of models

    private mutating func append(
        _ text: String, _ calls: [ModelToolCall], _ blocks: [ModelBlock], to json: inout [UInt8]
    ) {
        var pieces: [(json: [UInt8], isReasoning: Bool)] = []
        func add(_ isReasoning: Bool = false, _ write: (inout [UInt8]) -> Void) {
            var piece: [UInt8] = []
            write(&piece)
            pieces.append((piece, isReasoning))
        }
        var rest = text.utf8[...]
        let isLast = { (index: Int) in calls.isEmpty && index == blocks.lastIndex(where: \.isText) }
        for (index, block) in blocks.enumerated() {
            switch block {
            case .text(let length, _):
                var piece = String(decoding: rest.prefix(length), as: UTF8.self)
                rest = rest.dropFirst(length)
                // An answer may not end in white space, and no text may be blank.
                if isLast(index) { piece.trimEnd() }
                if !piece.isBlank { add { Self.append(text: piece, to: &$0) } }
            case .reasoning(_, let own):
                if !own.isEmpty, !signsReasoning || Self.isSigned(own) { add(true) { $0 += own.utf8 } }
            case .opaque(_, let own):
                if !own.isEmpty { add(true) { $0 += own.utf8 } }
            case .call(let index): if calls.indices.contains(index) { add { Self.append(calls[index], to: &$0) } }
            }
        }
        if blocks.isEmpty {
            var text = text
            if calls.isEmpty { text.trimEnd() }
            if !text.isBlank { add { Self.append(text: text, to: &$0) } }
            for call in calls { add { Self.append(call, to: &$0) } }
        }
        // It may not end in reasoning either.
        while pieces.last?.isReasoning == true { pieces.removeLast() }
        for piece in pieces {
            begin(.assistant, &json)
            json += piece.json
        }
    }

    /// Whether reasoning has what proves that its maker has written it.
    private static func isSigned(_ own: String) -> Bool {
        (try? JSONNode.read(Array(own.utf8)))?["signature"]?.text?.isEmpty == false
    }

    private static func append(_ call: ModelToolCall, to json: inout [UInt8]) {
        json += #"{"type":"tool_use","id":"#.utf8
        json.append(string: WireName.call(call.id))
        json += #","name":"#.utf8
        json.append(string: WireName.tool(call.name))
        json += #","input":"#.utf8
        json += call.arguments.utf8
        json.append(membersOf: call.extra)
        json.append(UInt8(ascii: "}"))
    }
}

extension ModelBlock {
    fileprivate var isText: Bool { if case .text = self { true } else { false } }
}

extension ModelContent.Part {
    /// A text that says nothing.
    fileprivate var isBlank: Bool { if case .text(let text) = self { text.isBlank } else { false } }
}

extension String {
    /// Nothing but white space.
    var isBlank: Bool { allSatisfy(\.isWhitespace) }

    mutating func trimEnd() {
        while last?.isWhitespace == true { removeLast() }
    }
}
