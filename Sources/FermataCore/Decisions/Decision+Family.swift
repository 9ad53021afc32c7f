internal import FermataProtocol
internal import SwiftProtobuf

/// Runs that were launched for others: they stand still and stop with them, in one decision over all of them.
///
/// A hold that comes from an ancestor is that ancestor's: it is lifted with the ancestor's own and by nothing else, and no
/// other hold with it. What a run hears of an ancestor it tells its own children.
extension Decision {
    mutating func launchChild(_ child: RunID, _ launched: FermataLaunched, _ task: Content) throws(Refusal) {
        try refuse("launching a child", in: .stopped)
        guard run.lineage.children.count < Run.mostChildren else {
            throw Refusal(
                .invalidArgument, "the run has \(Run.mostChildren) children, and can have no more",
                details: ["field": "parent"])
        }
        guard run.lineage.depth < Run.mostAncestors else {
            throw Refusal(
                .invalidArgument, "the run has \(Run.mostAncestors) ancestors, and can have no children",
                details: ["field": "parent"])
        }
        emit(.childLaunched(.with { $0.run = child.description }), isCommanded: true)
        var launched = launched
        launched.parent = run.id.description
        launched.depth = run.lineage.depth + 1
        var owners = run.holds.map(\.owner).filter { !$0.isEmpty }
        if run.isHeldWithChildren { owners.append(run.id.description) }
        consequences.append(
            Consequence(
                run: child, input: .command(.launch(launched, task: task, heldBy: owners), provenance)))
    }

    mutating func tellChildren(_ news: AncestorNews) {
        for child in run.lineage.children {
            consequences.append(Consequence(run: child, input: .ancestor(news, provenance)))
        }
    }

    mutating func hear(_ news: AncestorNews, _ context: Context) {
        switch news {
        case .held(let owner, let cuts):
            if !run.isStopped {
                holdByAncestor(owner.description)
                if cuts { cutEverything(.byInterrupt, context) }
            }
        case .lifted(let owner): liftHold(of: owner)
        case .left(let owner):
            // Nobody could lift it any more, and nothing is to begin by itself.
            if run.holds[of: owner.description] != nil, run.holds.operators == nil {
                emit(.held(.with { $0.cause = .requested }), isCommanded: true)
            }
            liftHold(of: owner)
        // Its children are told by its own stop.
        case .stopped: return stop(context)
        }
        tellChildren(news)
    }

    private mutating func liftHold(of owner: RunID) {
        guard run.holds[of: owner.description] != nil else { return }
        emit(
            .holdLifted(
                .with {
                    $0.cause = .liftedByParent
                    $0.owner = owner.description
                }), isCommanded: true)
    }

    mutating func holdByAncestor(_ owner: String) {
        guard run.holds[of: owner] == nil else { return }
        emit(
            .held(
                .with {
                    $0.cause = .byParent
                    $0.owner = owner
                }), isCommanded: true)
    }

    private var provenance: Provenance { Provenance(by: context.by, reason: context.reason) }
}

extension Run {
    /// How many children a run can have, and how many ancestors.
    public static let mostChildren = 64
    public static let mostAncestors: UInt32 = 7

    /// Whether children that come now are held with it: people wanted that it stand still. Where it holds by itself after a
    /// selection, or because it was copied, its children go on.
    var isHeldWithChildren: Bool {
        holds.operators.map { [.requested, .interrupted].contains($0.shown.cause) } ?? false
    }
}
