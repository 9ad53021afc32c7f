import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// A call whose execution was lost while the service lived on: nobody knows how it ended, and it is never made again by
/// itself unless that does no harm.
@Suite struct UnknownOutcomeTests {
    private static func unknown(_ call: UInt32, attempt: UInt32 = 1, _ output: String = "") -> Input {
        .toolEnded(call: call, attempt: attempt, ToolReply(outcome: .callUnknown, output: output))
    }

    private static func asking(_ tool: String) -> FermataPolicy {
        .with {
            $0.tools = [
                .with {
                    $0.tool = tool
                    $0.gate = .allow
                    $0.whenUnknown = .askPeople
                }
            ]
        }
    }

    @Test func theModelIsTold() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        #expect(try scenario.decide(Self.unknown(1, "half")) == ["callEnded", "modelCalled"])
        #expect(scenario.last[0].callEnded.outcome == .callUnknown)
        #expect(scenario.last[0].callEnded.output == Marker.unknownOutcome(outputSoFar: "half"))
        #expect(scenario.count("callStarted") == 1)
    }

    @Test func peopleAreAskedWhereThePolicySaysSo() throws {
        var scenario = try Scenario(task: "go", policy: Self.asking("terminal"))
        try scenario.modelAnswers("", calls: [.terminal("a")])
        #expect(try scenario.decide(Self.unknown(1, "half")) == ["askOpened"])
        #expect(scenario.last[0].askOpened.kind == .outcome)
        #expect(scenario.last[0].askOpened.context == "What it had written when it was heard of last:\nhalf")
        #expect(scenario.run.status == .waiting && scenario.run.wanted.isEmpty)
        #expect(try scenario.answer(1, .runAgain) == ["askAnswered", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 2)])
        // And it is asked again if that is lost as well.
        #expect(try scenario.decide(Self.unknown(1, attempt: 2)) == ["askOpened"])
    }

    /// What does no harm runs again, but not without end: what executes it may be lost each time.
    @Test func oneThatMayRunAgainRunsAgainTwice() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a")])
        #expect(try scenario.decide(Self.unknown(1)) == ["callLost", "callStarted"])
        #expect(try scenario.decide(Self.unknown(1, attempt: 2)) == ["callLost", "callStarted"])
        #expect(try scenario.decide(Self.unknown(1, attempt: 3)) == ["callEnded", "modelCalled"])
        #expect(scenario.last[0].callEnded.outcome == .callUnknown && scenario.count("callStarted") == 3)
    }

    @Test func underAHoldItIsDecidedAndNothingStarts() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.look("a"), .look("b")])
        try scenario.command(.pause())
        #expect(try scenario.decide(Self.unknown(1)) == ["callLost"])
        #expect(try scenario.toolEnds(2) == ["callEnded"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "callStarted"])
    }

    /// Of a call that was cut its result is written down: that it was lost then changes nothing.
    @Test(arguments: [RunRequest.interrupt(), .stop]) func afterACutItIsGone(_ request: RunRequest) throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.command(request)
        #expect(try scenario.decide(Self.unknown(1)) == ["callGone"])
        #expect(scenario.outcome(1) == .callInterrupted && scenario.run.begun.isEmpty)
    }

    @Test func oneOfAnotherAttemptChangesNothing() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a")])
        try scenario.decide(Self.unknown(1))
        #expect(try scenario.decide(Self.unknown(1)) == [])
        #expect(try scenario.decide(Self.unknown(1, attempt: 3)) == [])
        #expect(try scenario.decide(Self.unknown(2)) == [])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 2)])
    }

    /// The model is told what is true: what executed it may live on.
    @Test func aCutCallMayGoOn() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        let context = Context(
            now: scenario.now,
            outputSoFar: { _ in
                var reply = ToolReply(outcome: .callInterrupted, output: "half")
                reply.mayGoOn = true
                return reply
            })
        let decision = try scenario.run.decide(.command(.interrupt(), Provenance(by: "ann")), context)
        let ended = try #require(decision.events.first { if case .callEnded = $0.kind { true } else { false } })
        #expect(ended.callEnded.output == Marker.interruptedInService(outputSoFar: "half"))
        #expect(ended.callEnded.killing)
    }
}
