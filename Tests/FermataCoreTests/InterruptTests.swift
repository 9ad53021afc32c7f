import FermataCore
import FermataProtocol
import Testing

/// DESIGN, "Commands on a run": interrupt.
@Suite struct InterruptTests {
    @Test func theTextReceivedSoFarStaysAndTheNextRequestShowsItWithAMarker() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "The answer is"
        #expect(try scenario.command(.interrupt()) == ["held", "modelCut"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.hold?.cause == .interrupted)
        #expect(scenario.run.wanted.isEmpty)
        #expect(scenario.last[1].modelCut.text == "The answer is")
        #expect(scenario.last[1].modelCut.cause == .byInterrupt)
        try scenario.command(.resume(text: "Go on."))
        #expect(scenario.shown == ["user: go", "assistant: The answer is", "user: \(Marker.cut)", "user: Go on."])
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [2, 1])
    }

    @Test func anEmptyPartialStaysInTheJournalOnly() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.interrupt())
        #expect(scenario.count("modelCut") == 1)
        try scenario.command(.resume(text: ""))
        #expect(scenario.modelInFlight != nil)
        #expect(scenario.shown == ["user: go"])
    }

    @Test func anInterruptInTheInstantAfterLaunchIsNotLost() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.interrupt())
        #expect(scenario.run.status == .paused)
        // The model call's end comes late, whatever it is.
        #expect(try scenario.decide(.modelAnswered(step: 1, attempt: 1, ModelReply(text: "Hello."))) == [])
        #expect(scenario.run.status == .paused)
        #expect(scenario.shown == ["user: go"])
    }

    @Test func executingToolsAreKilledAndTheirOutputSoFarIsTheirResult() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.search("a"), .search("b"), .terminal("c")])
        #expect(scenario.run.wanted.count == 2)
        scenario.partialOutput = "half"
        #expect(try scenario.command(.interrupt()) == ["held", "callEnded", "callEnded"])
        #expect(scenario.run.wanted.isEmpty)
        #expect(scenario.run.begun.count == 2)
        #expect(scenario.run.status == .pausing)
        for event in scenario.last.dropFirst() {
            #expect(event.callEnded.outcome == .callInterrupted)
            #expect(event.callEnded.killing)
            #expect(event.callEnded.output == Marker.interrupted(outputSoFar: "half"))
            #expect(event.callEnded.output.hasPrefix("half\n["))
        }
        #expect(scenario.run.calls[number: 3]?.state == .selected)
        #expect(try scenario.toolEnds(2, "too late") == ["callGone"])
        #expect(scenario.run.status == .pausing)
        #expect(try scenario.toolEnds(1, "too late") == ["callGone"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.calls[number: 3]?.state == .selected)
    }

    /// A killed tool may still write where the next one reads.
    @Test func noToolStartsBesideOneThatIsBeingKilled() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        try scenario.command(.interrupt())
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.status == .running)
        #expect(scenario.run.wanted.isEmpty)
        #expect(try scenario.toolEnds(1) == ["callGone", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 2, attempt: 1)])
    }

    @Test func anInterruptWhilePausingCutsWhatThePauseSpared() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        scenario.partialText = "Half"
        #expect(try scenario.command(.interrupt()) == ["held", "modelCut"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.hold?.cause == .interrupted)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
    }

    @Test func twoInterruptsAreOneEvent() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.interrupt())
        #expect(try scenario.command(.interrupt()) == [])
        try scenario.toolEnds(1)
        #expect(try scenario.command(.interrupt()) == [])
        #expect(scenario.count("held") == 1)
    }

    @Test func asksStayOpen() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.ask("Which?"), .terminal("a")])
        #expect(try scenario.command(.interrupt()) == ["held"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.run.summary.openAsks == [1])
        try scenario.command(.resume(text: ""))
        #expect(scenario.run.status == .waiting)
    }

    @Test func itEndsAWaitBetweenTwoAttempts() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        #expect(try scenario.command(.interrupt()) == ["held"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
    }

    @Test func aCutCallCountsAsOneOfUnknownCost() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.interrupt())
        #expect(scenario.run.summary.usage.modelCalls == 1)
        #expect(scenario.run.summary.usage.callsOfUnknownCost == 1)
    }

    @Test func stopGivesEveryOpenCallAResultAndClosesTheAsks() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.search("a"), .search("b"), .ask("Which?"), .terminal("c")])
        try scenario.toolEnds(1)
        scenario.partialOutput = "half"
        #expect(try scenario.command(.stop) == ["callEnded", "callEnded", "callEnded", "stopped"])
        #expect(scenario.run.status == .stopped)
        #expect(
            (1...4).map { scenario.outcome($0) } == [
                .callFinished, .callInterrupted, .callCancelled, .callCancelled,
            ])
        #expect(scenario.run.begun == [.tool(call: 2, attempt: 1)])
        #expect(try scenario.toolEnds(2) == ["callGone"])
        #expect(scenario.run.status == .stopped)
        #expect(scenario.run.begun.isEmpty)
    }

    @Test func stopClosesAnOpenAsk() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.ask("Which?")])
        #expect(try scenario.command(.stop) == ["askClosed", "callEnded", "stopped"])
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Left.")) } == .askClosed)
        #expect(refusal { try scenario.command(.answer(ask: 2, text: "Left.")) } == .wrongStatus)
    }

    @Test func stopKeepsTheTextOfTheModelCallThatItCuts() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "Half an"
        #expect(try scenario.command(.stop) == ["modelCut", "stopped"])
        #expect(scenario.last[0].modelCut.text == "Half an")
        #expect(scenario.last[0].modelCut.cause == .byStop)
    }

    @Test func stopUnderAHoldEndsTheHold() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.modelAnswers("", calls: [.terminal("a")])
        #expect(try scenario.command(.stop) == ["callEnded", "stopped"])
        #expect(scenario.run.hold == nil)
        #expect(scenario.run.status == .stopped)
    }

    @Test(arguments: ["timePassed", "shutdown", "lost"]) func aStoppedRunStaysAsItIs(_ input: String) throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.stop)
        let inputs: [String: Input] = [
            "timePassed": .timePassed, "shutdown": .shutdown, "lost": .lost(.model(step: 1, attempt: 1)),
        ]
        #expect(try scenario.decide(#require(inputs[input])) == [])
    }
}
