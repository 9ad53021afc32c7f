import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf

/// Runs that go elsewhere, and copies of their beginnings.
extension Simulation {
    /// The run's journal is brought to another server: handed off before, or of a server that is lost with all that it
    /// had in flight.
    mutating func move() throws {
        if random.chance(50) { try command(.handOff) }
        if isTraced { trace.append("move") }
        outside = []
        run = journal.reduce(into: Run(id: run.id)) { $0.apply($1) }
        let answer = auditor.openAsks.count == 1 && random.chance(40) ? importAnswer() : nil
        do {
            try decide(.command(.import(FermataImported(), start: random.chance(50), answer), Provenance(by: "ann")))
        } catch let refusal as Refusal {
            guard answer != nil, [.expired, .wrongStatus].contains(refusal.code) else {
                throw Broken("refused: \(refusal)")
            }
            try decide(.command(.import(FermataImported(), start: true, nil), Provenance(by: "ann")))
        }
        guard run.isStopped || journal.last?.name != "imported" || run.hold == nil else { throw Broken("no hold") }
        guard run.wanted.allSatisfy({ outside.contains($0) }) else { throw Broken("what was begun elsewhere goes on") }
        try decide(.timePassed)
    }

    private mutating func importAnswer() -> AskAnswer {
        var answer = goodAnswer(to: auditor.openAsks[0])
        answer.ask = 0
        answer.argumentsDigest = nil
        answer.via = .viaImport
        return answer
    }

    /// Every moment that is a cut makes a fork that keeps the promises; some are played to their end.
    mutating func forkSomewhere() throws {
        var prefix = Run(id: RunID(microseconds: 2_000_000_000, random: random.next()))
        var reader = Auditor(tools: Array(run.spec.tools))
        for (index, event) in journal.enumerated() {
            prefix.apply(event)
            try reader.read(event)
            guard prefix.isCut else { continue }
            var fork = self
            fork.run = prefix
            fork.auditor = reader
            fork.journal = Array(journal[...index])
            fork.outside = []
            fork.leases = []
            fork.random = SplitMix64(state: random.next())
            seen.insert("forked")
            if isTraced { fork.trace = ["fork at \(event.seq), \(event.name)"] }
            do {
                try fork.beginFork()
                guard random.chance(15) else { continue }
                for _ in 0..<8 { try fork.playOne() }
                try fork.comeToRest()
            } catch let broken as Broken {
                trace += fork.trace
                throw Broken("a fork at \(event.seq): \(broken)")
            }
        }
    }

    private mutating func beginFork() throws {
        let started = auditor.calls.mapValues(\.starts)
        let isToStart = random.chance(50)
        try decide(.command(.fork(FermataForked(), ForkTerms(start: isToStart)), Provenance(by: "ann")))
        guard isToStart == (run.hold == nil) else {
            throw Broken("told to start \(isToStart), and it is \(run.status)")
        }
        for (number, call) in auditor.calls where call.starts > started[number]! {
            guard auditor.policy.gate(tool: call.tool, arguments: call.arguments) == .allow else {
                throw Broken("a fork lets call \(number) run")
            }
        }
    }
}
