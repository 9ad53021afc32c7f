import FermataProtocol
import SwiftProtobuf
import Testing

@testable import FermataCore

/// What is looked at again although it was looked at before.
@Suite struct GateTests {
    private func pause(deadlineMs: UInt32 = 0) -> WorkerResult {
        .pause(
            .with {
                $0.question = "Which?"
                $0.deadlineMs = deadlineMs
                $0.atDeadline = deadlineMs > 0 ? .rejectIt : .never
            })
    }

    /// Two calls of workers that have paused, each with an ask.
    private func twoAsks(_ first: UInt32 = 0, _ second: UInt32 = 0) throws -> Scenario {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.fetch("a"), .fetch("b")])
        try scenario.start(1)
        try scenario.start(2)
        try scenario.complete(1, pause(deadlineMs: first))
        try scenario.complete(2, pause(deadlineMs: second))
        return scenario
    }

    @Test func anEditIsHeldAgainstThePolicy() throws {
        let policy = FermataPolicy.with {
            $0.tools = [
                .with {
                    $0.tool = "terminal"
                    $0.rules = [
                        .with {
                            $0.when = [
                                .with {
                                    $0.pointer = "/command"
                                    $0.matches = "^rm"
                                }
                            ]
                            $0.gate = .deny
                        }
                    ]
                    $0.gate = .allow
                }
            ]
        }
        var scenario = try Scenario(task: "go", policy: policy, holdAt: .selection)
        try scenario.modelAnswers("", calls: [.terminal("ls")])
        let edit = CallDecision(call: 1, verdict: .edit, arguments: #"{"command": "rm -r ."}"#)
        #expect(try scenario.command(.decideCall(edit)) == ["callEdited", "callEnded"])
        #expect(scenario.outcome(1) == .callDenied)
    }

    @Test func deadlinesPassInTheirOrder() throws {
        var scenario = try twoAsks(5000, 1000)
        scenario.now += 6_000_000
        try scenario.decide(.timePassed)
        let closed = scenario.last.compactMap { event -> UInt32? in
            if case .askClosed(let closed) = event.kind { closed.number } else { nil }
        }
        #expect(closed == [2, 1])
    }

    @Test(arguments: [0, 2, .max] as [UInt32]) func aCallStartsAsTheAttemptThatIsNext(_ attempt: UInt32) throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.fetch("a")])
        #expect(refusal { try scenario.start(1, attempt: attempt) } == .callTaken)
        try scenario.start(1, attempt: 1)
    }

    @Test func anImportAnswersTheOneAskThatIsOpen() throws {
        let scenario = try twoAsks()
        let copy = scenario.events.reduce(into: Run(id: Scenario.id)) { $0.apply($1) }
        let answer = AskAnswer(ask: 0, text: "This one.", via: .viaImport)
        #expect(
            refusal {
                _ = try copy.decide(
                    .command(.import(FermataImported(), start: true, answer), Provenance(by: "ann")),
                    Context(now: scenario.now))
            } == .invalidArgument)
    }
}
