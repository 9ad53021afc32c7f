import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// Runs that were launched for others, driven as the loop drives them: each input with all that comes of it.
private struct Family {
    private(set) var runs: [RunID: Run] = [:]
    private(set) var journals: [RunID: [FermataEvent]] = [:]
    private var auditors: [RunID: Auditor] = [:]
    var now: Int64 = 1_000_000
    static let root = Scenario.id

    static func id(_ number: UInt64) -> RunID { RunID(high: root.high, low: root.low + number) }

    static let launched = FermataLaunched.with {
        $0.model = "mock/x"
        $0.tools = Scenario.tools
        $0.modelAttempts = 1
    }

    init(task: String = "go") throws {
        runs[Self.root] = Run(id: Self.root)
        try command(.launch(Self.launched, task: Content(task)), to: Self.root)
    }

    /// The names of the new events, by run and in order.
    @discardableResult
    mutating func decide(_ input: Input, _ id: RunID) throws -> [String] {
        let context = Context(
            now: now, answerSoFar: { _ in "half" },
            outputSoFar: { _ in ToolReply(outcome: .callInterrupted, output: "") })
        let known = runs
        let unit = try DecidedUnit(
            try #require(known[id]).decide(input, context), run: { known[$0] }, context: { _ in context })
        var names: [String] = []
        for decision in unit.decisions {
            let run = decision.run
            var folded = runs[run.id] ?? Run(id: run.id)
            for event in decision.events {
                #expect(folded.problem(withNext: event) == nil)
                folded.apply(event)
                try auditors[run.id, default: Auditor(tools: Scenario.tools)].read(event)
                journals[run.id, default: []].append(event)
                names.append("\(run.id.low - Self.root.low) \(event.name)")
            }
            #expect(folded == run)
            runs[run.id] = run
        }
        return names
    }

    @discardableResult
    mutating func command(_ request: RunRequest, to id: RunID, by: String = "ann") throws -> [String] {
        try decide(.command(request, Provenance(by: by, reason: "why")), id)
    }

    @discardableResult
    mutating func launch(_ child: UInt64, for parent: UInt64, task: String = "help") throws -> [String] {
        try command(.launchChild(Self.id(child), Self.launched, task: Content(task)), to: Self.id(parent))
    }

    subscript(number: UInt64) -> Run { runs[Self.id(number)]! }

    func owners(_ number: UInt64) -> [UInt64?] {
        self[number].holds.map { RunID($0.owner).map { $0.low - Self.root.low } }
    }
}

/// Holds and stops of a run go over all that descend from it, in one decision.
@Suite struct FamilyTests {
    /// 0 has 1 and 2, 1 has 3.
    private static func family() throws -> Family {
        var family = try Family()
        try family.launch(1, for: 0)
        try family.launch(2, for: 0)
        try family.launch(3, for: 1)
        return family
    }

    @Test func theLinkAndTheLaunchAreOneDecision() throws {
        var family = try Family()
        #expect(
            try family.launch(1, for: 0) == ["0 childLaunched", "1 launched", "1 messageQueued", "1 modelCalled"])
        #expect(family[0].lineage.children == [Family.id(1)] && family[0].status == .running)
        #expect(family[1].lineage.parent == Family.root && family[1].lineage.depth == 1)
        #expect(family[1].summary.parent == Family.root.description && family[0].summary.children == 1)
    }

    @Test func aPauseHoldsAll() throws {
        var family = try Self.family()
        let names = try family.command(.pause(), to: Family.id(0))
        #expect(names == ["0 held", "1 held", "2 held", "3 held"])
        for number: UInt64 in 1...3 {
            #expect(family.owners(number) == [0])
            let event = try #require(family.journals[Family.id(number)]?.last)
            #expect(event.by == "ann" && event.reason == "why" && event.heldValue?.cause == .byParent)
            // A pause lets model calls end.
            #expect(family[number].status == .pausing)
        }
        #expect(try family.command(.pause(), to: Family.id(0)) == [])
        #expect(
            try family.command(.resume(text: ""), to: Family.id(0)) == [
                "0 holdLifted", "1 holdLifted", "2 holdLifted", "3 holdLifted",
            ])
        for number: UInt64 in 0...3 { #expect(family[number].status == .running) }
    }

    @Test func anInterruptCutsAll() throws {
        var family = try Self.family()
        let names = try family.command(.interrupt(), to: Family.id(0))
        #expect(
            names == [
                "0 held", "0 modelCut", "1 held", "1 modelCut", "2 held", "2 modelCut", "3 held", "3 modelCut",
            ])
        for number: UInt64 in 0...3 { #expect(family[number].status == .paused && family[number].begun.isEmpty) }
        // Those that are held already are cut as well.
        try family.command(.resume(text: ""), to: Family.id(0))
        try family.command(.pause(), to: Family.id(0))
        #expect(family[3].status == .pausing)
        #expect(
            try family.command(.interrupt(), to: Family.id(0)) == [
                "0 held", "0 modelCut", "1 modelCut", "2 modelCut", "3 modelCut",
            ])
    }

    @Test func aStopEndsAll() throws {
        var family = try Self.family()
        try family.command(.pause(), to: Family.id(2))
        try family.command(.stop, to: Family.id(0))
        for number: UInt64 in 0...3 {
            #expect(family[number].status == .stopped && family[number].wanted.isEmpty && family[number].holds.isEmpty)
        }
        #expect(try family.command(.stop, to: Family.id(0)) == [])
        #expect(throws: Refusal.self) { try family.launch(4, for: 0) }
        #expect(family.runs[Family.id(4)] == nil)
    }

    /// An ancestor lifts what it has set, and nothing else; and nobody else lifts that.
    @Test func holdsHaveOwners() throws {
        var family = try Self.family()
        try family.command(.pause(), to: Family.id(3))
        try family.command(.pause(), to: Family.id(1))
        try family.command(.pause(), to: Family.id(0))
        #expect(family.owners(3) == [nil, 1, 0] && family.owners(1) == [nil, 0] && family.owners(2) == [0])
        #expect(family[3].hold?.cause == .requested && family[3].summary.holds.count == 3)
        for number: UInt64 in 1...3 {
            let seq = family[number].seq
            do {
                try family.command(.resume(text: "go on"), to: Family.id(number))
                Issue.record("\(number) was resumed")
            } catch let refusal as Refusal { #expect(refusal.code == .heldByParent) }
            #expect(family[number].seq == seq)
        }
        #expect(
            try family.command(.resume(text: ""), to: Family.id(0)) == [
                "0 holdLifted", "1 holdLifted", "2 holdLifted", "3 holdLifted",
            ])
        #expect(family.owners(3) == [nil, 1] && family.owners(1) == [nil] && family[2].status == .running)
        try family.command(.resume(text: ""), to: Family.id(1))
        #expect(family.owners(3) == [nil])
        try family.command(.resume(text: ""), to: Family.id(3))
        #expect(family[3].holds.isEmpty && family[3].status == .running)
    }

    /// A child that comes later is held from its beginning: no model call of it is ever made under the hold.
    @Test func whoIsLaunchedUnderAHoldIsHeld() throws {
        var family = try Self.family()
        try family.command(.pause(), to: Family.id(1))
        try family.command(.pause(), to: Family.id(0))
        #expect(
            try family.launch(4, for: 3) == [
                "3 childLaunched", "4 launched", "4 held", "4 held", "4 messageQueued",
            ])
        #expect(Set(family.owners(4)) == [0, 1] && family[4].status == .paused)
        try family.command(.resume(text: ""), to: Family.id(0))
        #expect(family[4].status == .paused)
        #expect(
            try family.command(.resume(text: ""), to: Family.id(1)).last == "4 modelCalled"
                || family[4].status == .running)
        #expect(family[4].wanted == [.model(step: 1, attempt: 1)])
    }

    @Test func aHoldThatLiftsItselfIsLiftedFromAll() throws {
        var family = try Self.family()
        try family.command(.pause(HoldTerms(resumeAfter: 1000)), to: Family.id(0))
        #expect(family.owners(3) == [0] && family[3].due == nil)
        family.now += 1000
        #expect(
            try family.decide(.timePassed, Family.id(0)) == [
                "0 holdLifted", "1 holdLifted", "2 holdLifted", "3 holdLifted",
            ])
    }

    /// Where a run holds by itself, its children go on.
    @Test func aSelectionHoldsItsOwnRunOnly() throws {
        var family = try Family(task: "")
        try family.command(.resume(ResumeTerms(text: "go", holdAt: .selection)), to: Family.root)
        try family.launch(1, for: 0)
        try family.decide(
            .modelAnswered(
                step: 1, attempt: 1,
                ModelReply(text: "", calls: [.init(modelID: "a", tool: "terminal", arguments: #"{"command":"ls"}"#)])),
            Family.root)
        #expect(family[0].hold?.cause == .selection && family[1].status == .running)
        try family.launch(2, for: 0)
        #expect(family[2].status == .running)
        // Somebody who pauses it means all.
        #expect(try family.command(.pause(), to: Family.root) == ["1 held", "2 held"])
        try family.command(.resume(text: ""), to: Family.root)
        #expect(family[1].holds.isEmpty && family[2].holds.isEmpty)
    }

    @Test func familiesHaveLimits() throws {
        var family = try Family()
        for depth in 0..<UInt64(Run.mostAncestors) { try family.launch(depth + 1, for: depth) }
        #expect(throws: Refusal.self) { try family.launch(100, for: UInt64(Run.mostAncestors)) }
        for child in 0..<UInt64(Run.mostChildren - 1) { try family.launch(200 + child, for: 0) }
        #expect(throws: Refusal.self) { try family.launch(999, for: 0) }
        #expect(family.runs[Family.id(100)] == nil && family.runs[Family.id(999)] == nil)
    }

    /// A copy, or a run that is somewhere else, has neither the original's parent nor its children, and none of their holds.
    @Test func copiesAreNobodysChildren() throws {
        var family = try Self.family()
        for number: UInt64 in [0, 1, 2, 3] {
            try family.decide(
                .modelAnswered(step: 1, attempt: 1, ModelReply(text: "Done.")), Family.id(number))
        }
        try family.command(.send("more", .nextStep), to: Family.id(1))
        try family.command(.interrupt(), to: Family.id(1))
        try family.command(.pause(), to: Family.id(1))
        let copy = family[1]
        let forked = try copy.decide(
            .command(
                .fork(.with { $0.source = "\(copy.id)" }, ForkTerms(start: true)), Provenance(by: "ann")),
            Context(now: family.now)
        ).run
        #expect(forked.lineage.children.isEmpty && forked.lineage.parent == nil && forked.holds.isEmpty)
        // One that comes home is what it was, and is not held with its parent any more.
        let moved = try copy.decide(
            .command(.import(.init(), start: false, nil), Provenance(by: "ann")), Context(now: family.now)
        ).run
        #expect(moved.lineage.children == [Family.id(3)] && moved.lineage.parent == copy.lineage.parent)
        #expect(moved.holds.map(\.owner) == [""])
    }

    /// Who is held by a run that goes elsewhere stands still, and can be resumed by itself.
    @Test func aRunThatIsHandedOffLeavesItsHoldsToPeople() throws {
        var family = try Self.family()
        for number: UInt64 in 0...3 {
            try family.decide(.modelAnswered(step: 1, attempt: 1, ModelReply(text: "Done.")), Family.id(number))
        }
        try family.command(.send("more", .nextStep), to: Family.id(0))
        try family.command(.interrupt(), to: Family.id(0))
        try family.command(.resume(text: ""), to: Family.id(0))
        try family.command(.interrupt(), to: Family.id(0))
        #expect(
            try family.command(.handOff, to: Family.id(0)) == [
                "0 handedOff", "1 held", "1 holdLifted", "2 held", "2 holdLifted", "3 held", "3 holdLifted",
            ])
        for number: UInt64 in 1...3 {
            #expect(family.owners(number) == [nil] && family[number].status == .paused)
        }
        try family.command(.resume(text: "go on"), to: Family.id(3))
        #expect(family[3].status == .running && family.owners(1) == [nil])
    }
}

extension FermataEvent {
    fileprivate var heldValue: FermataHeld? { if case .held(let held) = kind { held } else { nil } }
}
