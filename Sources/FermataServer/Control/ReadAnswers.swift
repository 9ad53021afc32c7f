internal import FermataProtocol
internal import Journal
internal import SwiftProtobuf

extension Refusal {
    /// What is thrown and is no refusal is a mistake of the server's.
    init(thrown error: any Error) { self = error as? Refusal ?? Refusal(.internalError, "\(error)") }
}

extension Result where Failure == Refusal {
    init(_ body: () throws -> Success) {
        do {
            self = .success(try body())
        } catch {
            self = .failure(Refusal(thrown: error))
        }
    }
}

/// Reads that are answered by what the journal has. What is thrown is their answer.
extension ReaderPool {
    typealias Reading<Reply> = @Sendable (any JournalReading) throws -> Reply

    /// Answers with a page of a list or of events.
    ///
    /// - Throws: OVERLOADED; then it is not answered.
    func answerPage<Reply: SwiftProtobuf.Message>(
        _ complete: @escaping Exchange.Completion, _ reply: @escaping Reading<Reply>
    ) throws(Refusal) {
        try readPage { reader in complete(Result { try reply(reader).serializedBytes() }) }
    }

    /// Answers with what takes microseconds.
    func answerLookUp<Reply: SwiftProtobuf.Message>(
        _ complete: @escaping Exchange.Completion, _ reply: @escaping Reading<Reply>
    ) {
        lookUp { reader in complete(Result { try reply(reader).serializedBytes() }) }
    }
}
