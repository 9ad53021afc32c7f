internal import EventStreams
internal import JSON
internal import ModelScript
internal import Secrets

/// Puts an answer together from what comes of it. A value of one transfer.
protocol AnswerAssembler: Sendable {
    init()

    /// Who answers is known before anything of the answer.
    mutating func begin(fromLiteLLM: Bool)

    /// Takes an event of the stream.
    ///
    /// - Returns: what is new to read, perhaps nothing.
    /// - Throws: `ModelFailure`: what the event reports, or that it is none. Its text shows no secret.
    mutating func add(_ event: StreamEvent, without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece]

    /// Takes an answer that came as one document.
    mutating func add(whole document: [UInt8], without secrets: SecretTable) throws(ModelFailure) -> [ModelPiece]

    /// Whether an event that was left without its empty line is whole.
    func isWhole(_ event: StreamEvent) -> Bool

    /// Why it ends has been said, or its explicit end has come.
    var isComplete: Bool { get }
    /// The explicit end has come: nothing follows.
    var isOver: Bool { get }

    /// - Throws: `ModelFailure` of kind `brokenStream` where its end has not come.
    func finish() throws(ModelFailure) -> ModelAnswer
}

extension AnswerAssembler {
    mutating func begin(fromLiteLLM: Bool) {}
}

extension ModelFailure {
    /// A stream is over, and its answer is not.
    static var endedEarly: ModelFailure {
        ModelFailure(
            kind: .brokenStream, message: "the stream ended before the answer was complete", retryable: true)
    }
}

extension [ModelBlock] {
    /// The blocks where they say more of an answer than its text and its calls do, which is another order, or what a
    /// provider wants back; else none.
    func sayingMore(than calls: [ModelToolCall]) -> [ModelBlock] {
        let isPlain = allSatisfy { block in
            switch block {
            case .text(_, let json): json.isEmpty
            case .call(let index): calls[index].extra.isEmpty
            case .reasoning, .opaque: false
            }
        }
        guard isPlain else { return self }
        let firstCall = firstIndex { if case .call = $0 { true } else { false } } ?? endIndex
        return self[firstCall...].allSatisfy { if case .call = $0 { true } else { false } } ? [] : self
    }
}

extension JSONNode {
    /// An object of the members but these; empty: there are no others.
    func others(than names: Set<String>) -> String {
        guard case .object(let members) = self else { return "" }
        let others = members.filter { !names.contains($0.key) }
        return others.isEmpty ? "" : JSONNode.object(others).json
    }
}
