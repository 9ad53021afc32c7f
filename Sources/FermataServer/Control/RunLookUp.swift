internal import FermataProtocol
internal import Journal
internal import RunRows

/// Finds runs by what commands and reads call them.
struct RunLookUp: Sendable {
    let readers: ReaderPool

    /// Finds a run by its id, or by the beginning of one.
    ///
    /// - Parameter body: called once: here and now for an id, else on the thread that looks things up.
    /// - Throws: INVALID_ARGUMENT for what is neither; then `body` is not called.
    func find(_ text: String, _ body: @escaping @Sendable (Result<RunID, Refusal>) -> Void) throws(Refusal) {
        if let id = RunID(text) { return body(.success(id)) }
        guard let range = RunID.range(prefix: text) else {
            throw Refusal(
                .invalidArgument, "run is not the id of a run, nor the beginning of one", details: ["field": "run"])
        }
        readers.lookUp { reader in
            body(
                Result {
                    let found = try reader.runs(
                        from: range.lowerBound.journaled, through: range.upperBound.journaled, limit: 2)
                    guard let first = found.first else { throw Refusal(.noSuchRun, "no run's id begins so") }
                    guard found.count == 1 else {
                        throw Refusal(.ambiguousRun, "several runs' ids begin so: give more digits")
                    }
                    return RunID(first.run)
                })
        }
    }

    /// As above, for a read: what is wrong and what `body` throws is its answer.
    func find(
        _ text: String, for complete: @escaping Exchange.Completion,
        _ body: @escaping @Sendable (RunID) throws -> Void
    ) throws(Refusal) {
        try find(text) { found in
            do {
                try body(found.get())
            } catch {
                complete(.failure(Refusal(thrown: error)))
            }
        }
    }
}
