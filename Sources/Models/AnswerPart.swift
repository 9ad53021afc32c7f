/// What an answer is made of, in its order, as it goes back to a model.
enum AnswerPart {
    /// - Parameter own: members of its JSON that its maker wants back; may be empty.
    case text(String, own: String)
    /// As its maker wrote it.
    case reasoning(String)
    /// As its maker wrote it; what it is, only that one knows.
    case opaque(String)
    /// By its place among the calls.
    case call(Int)

    /// Without what has no form of its maker's to go back in.
    static func all(_ text: String, _ calls: [ModelToolCall], _ blocks: [ModelBlock]) -> [AnswerPart] {
        guard !blocks.isEmpty else { return [.text(text, own: "")] + calls.indices.map { .call($0) } }
        var rest = text.utf8[...]
        return blocks.compactMap { block in
            switch block {
            case .text(let length, let own):
                defer { rest = rest.dropFirst(length) }
                return .text(String(decoding: rest.prefix(length), as: UTF8.self), own: own)
            // Stores have some, of servers that sent no object.
            case .reasoning(_, let own): return own.utf8.first == UInt8(ascii: "{") ? .reasoning(own) : nil
            case .opaque(_, let own): return own.utf8.first == UInt8(ascii: "{") ? .opaque(own) : nil
            case .call(let index): return calls.indices.contains(index) ? .call(index) : nil
            }
        }
    }

    var isText: Bool { if case .text = self { true } else { false } }

    /// Only its maker takes it, and not at the end of an answer.
    var isBound: Bool {
        switch self {
        case .reasoning, .opaque: true
        case .text, .call: false
        }
    }
}

extension [AnswerPart] {
    /// Leaves out what is bound at the end.
    mutating func trimBound() {
        while last?.isBound == true { removeLast() }
    }
}
