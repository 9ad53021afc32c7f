/// Text and reasoning of an answer as they come, in their order.
public struct ModelAnswerParts: Sendable {
    private struct Part {
        let isReasoning: Bool
        var length = 0
        var reasoning = ""
    }

    /// All of the text.
    public private(set) var text = ""
    private var parts: [Part] = []

    public init() {}

    public mutating func append(_ piece: ModelPiece) {
        let isReasoning = if case .reasoning = piece { true } else { false }
        if parts.last?.isReasoning != isReasoning { parts.append(Part(isReasoning: isReasoning)) }
        // In its place: what grows is not copied for each piece.
        switch piece {
        case .text(let piece):
            text += piece
            parts[parts.count - 1].length += piece.utf8.count
        case .reasoning(let piece): parts[parts.count - 1].reasoning += piece
        }
    }

    public var blocks: [ModelBlock] { parts.map { $0.isReasoning ? .reasoning($0.reasoning) : .text($0.length) } }
}
