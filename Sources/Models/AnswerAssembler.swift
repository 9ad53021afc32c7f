internal import EventStreams
internal import ModelScript
internal import Secrets

/// Puts an answer together from what comes of it. A value of one transfer.
protocol AnswerAssembler: Sendable {
    init()

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
