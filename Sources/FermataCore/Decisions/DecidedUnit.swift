public import FermataProtocol

/// A decision with all that comes of it for other runs: it is written as a whole, or not at all.
public struct DecidedUnit: Sendable {
    /// In the order in which they were made; a run may have several. The first is what the input itself came to.
    public internal(set) var decisions: [Decision]

    /// Decides what the first decision comes to for other runs, and what that comes to.
    ///
    /// - Parameters:
    ///   - run: as it is before the unit; nil of one that cannot be had, which is left out. One that is launched by the unit is
    ///     not asked for.
    ///   - context: of decisions about a run.
    /// - Throws: what the first run that refuses says: then nothing of the unit happens.
    public init(
        _ first: consuming Decision, run: (RunID) -> Run?, context: (RunID) -> Context
    ) throws(Refusal) {
        let comesToMore = !first.consequences.isEmpty
        decisions = [first]
        guard comesToMore else { return }
        // The runs after the decisions so far.
        var after = [decisions[0].run.id: decisions[0].run]
        var next = 0
        while next < decisions.count {
            for consequence in decisions[next].consequences {
                let id = consequence.run
                var known = after[id]
                if known == nil {
                    if case .command(.launch, _) = consequence.input { known = Run(id: id) } else { known = run(id) }
                }
                guard let known else { continue }
                let decision = try known.decide(consequence.input, context(id))
                after[id] = decision.run
                decisions.append(decision)
            }
            next += 1
        }
    }

    /// Hands the events of a decision over, to somebody who changes them: nobody else holds them then.
    public mutating func takeEvents(_ index: Int) -> [FermataEvent] { decisions[index].takeEvents() }
}
