import FermataCore
import FermataProtocol
import RunAudit
import Testing

/// Holds that lift themselves at a time, and holds that a token lifts.
@Suite struct HoldTests {
    private let token: [UInt8] = [1, 2, 3]

    @Test func aHoldLiftsItselfAtItsTime() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        let time = scenario.now + 5_000_000
        #expect(try scenario.command(.pause(HoldTerms(resumeAt: time)), reason: "lunch") == ["held"])
        try scenario.toolEnds(1)
        #expect(scenario.run.due == time)
        #expect(scenario.run.hold?.resumeAt == time)
        #expect(scenario.run.hold?.seq == scenario.events.first { $0.name == "held" }?.seq)
        scenario.now = time - 1
        #expect(try scenario.decide(.timePassed) == [])
        #expect(scenario.run.status == .paused)
        scenario.now = time
        #expect(try scenario.decide(.timePassed) == ["holdLifted", "modelCalled"])
        #expect(scenario.last.first?.holdLifted.cause == .byTime)
        #expect(scenario.last.first?.by == "")
        #expect(scenario.run.due == nil)
    }

    /// Its time comes while a tool still finishes: the hold is gone, the tool is not disturbed.
    @Test func itLiftsInTheMiddleOfPausing() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        for time in [Int64.max, Run.latestTime + 1] {
            let refusal = #expect(throws: Refusal.self) { try scenario.command(.pause(HoldTerms(resumeAt: time))) }
            #expect(refusal?.details["field"] == "resume_at")
        }
        try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 10)))
        #expect(scenario.run.status == .pausing)
        scenario.now += 10
        #expect(try scenario.decide(.timePassed) == ["holdLifted"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
        #expect(try scenario.toolEnds(1) == ["callEnded", "callStarted"])
    }

    @Test func itsTimeComesWhileTheServiceIsDown() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.interrupt(HoldTerms(resumeAt: scenario.now + 10)))
        try scenario.toolEnds(1)
        scenario.now += 3600_000_000
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["holdLifted", "modelCalled"])
        #expect(scenario.count("holdLifted") == 1)
    }

    @Test func aTimeThatIsOverIsRefused() throws {
        var scenario = try Scenario(task: "go")
        let now = scenario.now
        #expect(refusal { try scenario.command(.pause(HoldTerms(resumeAt: now))) } == .invalidArgument)
        #expect(refusal { try scenario.command(.interrupt(HoldTerms(resumeAt: now - 1))) } == .invalidArgument)
        #expect(scenario.run.hold == nil)
    }

    /// The hold is the first one's; the second pause says that nothing changed.
    @Test func aSecondPauseKeepsTheTimeOfTheFirst() throws {
        var scenario = try Scenario(task: "go")
        let time = scenario.now + 5_000_000
        try scenario.command(.pause(HoldTerms(resumeAt: time, tokenDigest: token)))
        #expect(try scenario.command(.pause(HoldTerms(resumeAt: time + 1))) == [])
        #expect(try scenario.command(.pause()) == [])
        #expect(scenario.run.due == time)
        #expect(scenario.run.hold?.hasToken_p == true)
    }

    /// Who interrupts wants the run to stand still: what the pause before had promised does not let it go on.
    @Test func anInterruptReplacesTheTimeAndTheTokenOfAPause() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 5, tokenDigest: token)))
        try scenario.command(.interrupt())
        #expect(scenario.run.due == nil)
        scenario.now += 10
        #expect(try scenario.decide(.timePassed) == [])
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: token)) } == .tokenUsed)
        #expect(scenario.run.status == .paused)
    }

    /// On hold and still, an interrupt has nothing to do: the hold stays as it is.
    @Test func anInterruptOfWhatIsStillLeavesTheHoldItsTime() throws {
        var scenario = try Scenario()
        try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 5, tokenDigest: token)))
        #expect(try scenario.command(.interrupt()) == [])
        #expect(scenario.run.due == scenario.now + 5)
    }

    @Test func aTokenLiftsItsHoldOnce() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.pause(HoldTerms(tokenDigest: token)))
        try scenario.toolEnds(1)
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: [9])) } == .tokenUsed)
        #expect(
            try scenario.command(.resume(text: "", tokenDigest: token), by: "build") == ["holdLifted", "modelCalled"])
        #expect(scenario.last.first?.holdLifted.cause == .byToken)
        #expect(scenario.last.first?.by == "build")
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: token)) } == .tokenUsed)
        // A later hold is another one.
        try scenario.command(.pause())
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: token)) } == .tokenUsed)
        #expect(scenario.run.hold != nil)
    }

    @Test func aTokenCanBringAMessage() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("Done.")
        try scenario.send("more", .whenIdle)
        try scenario.modelAnswers("Again.")
        try scenario.send("and more")
        try scenario.command(.pause(HoldTerms(tokenDigest: token)))
        try scenario.modelAnswers("Ok.")
        #expect(
            try scenario.command(.resume(text: "The build is green.", tokenDigest: token))
                == ["messageQueued", "holdLifted", "modelCalled"])
    }

    /// A stop is for good, whatever time or token there is.
    @Test func aStopEndsTimeAndToken() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 5, tokenDigest: token)))
        try scenario.command(.stop)
        #expect(scenario.run.due == nil)
        scenario.now += 10
        #expect(try scenario.decide(.timePassed) == [])
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: token)) } == .tokenUsed)
        #expect(scenario.run.status == .stopped)
    }

    @Test func aResumeEndsTheTime() throws {
        var scenario = try Scenario()
        try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 5)))
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.last.first?.holdLifted.cause == .byResume)
        scenario.now += 10
        #expect(try scenario.decide(.timePassed) == [])
    }
}
