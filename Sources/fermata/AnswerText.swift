internal import ArgumentParser
internal import FermataProtocol

/// An answer as a person reads it, also piece by piece: reasoning is marked as such, on lines of its own.
struct AnswerText {
    private var isReasoning = false
    private var isEmpty = true
    private var isAtLineStart = true

    /// - Returns: what is to be shown of a piece that follows what was written before.
    mutating func add(_ text: String, isReasoning: Bool) -> String {
        guard !text.isEmpty else { return "" }
        var shown = ""
        if isReasoning != self.isReasoning {
            if !isEmpty, !isAtLineStart { shown += "\n" }
            if isReasoning { shown += "[reasoning] " }
        }
        self.isReasoning = isReasoning
        isEmpty = false
        isAtLineStart = text.hasSuffix("\n")
        return shown + text
    }

    private mutating func addLine(_ line: String) -> String {
        add((isEmpty || isAtLineStart ? "" : "\n") + line, isReasoning: false)
    }

    private static func line(of blob: FermataBlob, _ kind: String) -> String {
        let name = blob.name.isEmpty ? "" : "\(blob.name), "
        return "[\(kind): \(name)\(blob.mediaType), \(blob.bytes) bytes, \(blob.sha256)]\n"
    }

    /// The text of an event, with what its blocks say of it.
    static func of(_ text: String, _ blocks: [FermataBlock], withReasoning: Bool = true) -> String {
        guard !blocks.isEmpty else { return text }
        var (writer, shown, rest) = (AnswerText(), "", text.utf8[...])
        for block in blocks {
            switch block.kind {
            case .text(let length):
                let piece = rest.prefix(Int(clamping: length))
                rest = rest[piece.endIndex...]
                shown += writer.add(String(decoding: piece, as: UTF8.self), isReasoning: false)
            case .reasoning where !withReasoning: break
            case .reasoning(let text): shown += writer.add(text, isReasoning: true)
            case .image(let blob): shown += writer.addLine(line(of: blob, "image"))
            case .file(let blob): shown += writer.addLine(line(of: blob, "file"))
            case .call, .opaque, nil: break
            }
        }
        return shown
    }
}

/// Whether a command shows what the model shows of its reasoning.
struct ReasoningOption: ParsableArguments {
    @Flag(inversion: .prefixedNo, help: "Show the model's reasoning.") var reasoning = true
}
