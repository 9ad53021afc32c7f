import FermataCore
import FermataProtocol
import Testing

/// DESIGN, "Commands on a run": send and withdraw.
@Suite struct SendTests {
    // MARK: - Next step

    @Test func aMessageWaitsForTheResultsOfTheCallsInProgress() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        #expect(try scenario.send("And this.") == ["messageQueued"])
        #expect(scenario.message == 2)
        #expect(try scenario.toolEnds(1) == ["callEnded", "callStarted"])
        #expect(try scenario.toolEnds(2) == ["callEnded", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [2])
        #expect(scenario.shown == ["user: go", "assistant:  #1 #2", "#1: done", "#2: done", "user: And this."])
    }

    @Test func aMessageDuringTheLastModelCallIsAnswered() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("And this.")
        #expect(try scenario.modelAnswers("Done.") == ["modelAnswered", "modelCalled"])
        #expect(scenario.run.status == .running)
        #expect(scenario.shown == ["user: go", "assistant: Done.", "user: And this."])
    }

    @Test func unspecifiedIsNextStep() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("And this.", .unspecified)
        #expect(scenario.last[0].messageQueued.delivery == .nextStep)
    }

    @Test func messagesAreDeliveredTogetherAndInOrder() throws {
        var scenario = try Scenario(task: "go")
        for text in ["one", "two", "three"] { try scenario.send(text) }
        try scenario.modelAnswers("")
        #expect(scenario.last[1].modelCalled.delivered == [2, 3, 4])
        #expect(scenario.shown == ["user: go", "user: one", "user: two", "user: three"])
    }

    @Test func aNewMessageStartsANewTurnOfAFinishedRun() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("Done.")
        #expect(try scenario.send("Once more.") == ["messageQueued", "modelCalled"])
        #expect(scenario.modelInFlight?.step == 2)
    }

    @Test func aMessageNeverLiftsAHold() throws {
        for delivery in [FermataDelivery.nextStep, .now, .whenIdle] {
            var scenario = try Scenario(task: "go")
            try scenario.command(.pause())
            try scenario.modelAnswers("Done.")
            #expect(try scenario.send("More.", delivery) == ["messageQueued"])
            #expect(scenario.run.status == .paused)
            #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        }
    }

    @Test func aMessageNeverAnswersAnAsk() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.ask("Which?")])
        #expect(try scenario.send("The left one.") == ["messageQueued"])
        #expect(scenario.run.status == .waiting)
        #expect(scenario.run.summary.openAsks == [1])
    }

    @Test func aMessageToAFailedRunWaitsForItsResume() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelFails()
        #expect(try scenario.send("More.", .now) == ["messageQueued"])
        #expect(scenario.run.status == .failed)
        try scenario.command(.resume(text: ""))
        #expect(scenario.last.last?.modelCalled.delivered == [2])
    }

    // MARK: - Now

    @Test func nowCutsTheModelCallAndIsShownAfterItsText() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "I think"
        #expect(try scenario.send("Stop thinking.", .now) == ["messageQueued", "modelCut", "modelCalled"])
        #expect(scenario.last[1].modelCut.cause == .byMessage)
        #expect(scenario.last[2].modelCalled.delivered == [2])
        #expect(scenario.run.wanted == [.model(step: 2, attempt: 1)])
        #expect(scenario.shown == ["user: go", "assistant: I think", "user: \(Marker.cut)", "user: Stop thinking."])
    }

    @Test func nowSupersedesCallsNotStartedAndExecutingToolsGoOn() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b"), .ask("Which?")])
        #expect(try scenario.send("Do c instead.", .now) == ["messageQueued", "callEnded", "callEnded"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
        #expect(scenario.outcome(2) == .callSuperseded)
        #expect(scenario.outcome(3) == .callSuperseded)
        #expect(try scenario.toolEnds(1) == ["callEnded", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [2])
        #expect(
            scenario.shown == [
                "user: go", "assistant:  #1 #2 #3", "#1: done", "#2: \(Marker.superseded)", "#3: \(Marker.superseded)",
                "user: Do c instead.",
            ])
    }

    @Test func nowClosesTheAsksOfSupersededCalls() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.ask("Which?"), .terminal("a")])
        #expect(
            try scenario.send("Neither.", .now)
                == ["messageQueued", "askClosed", "callEnded", "callEnded", "modelCalled"])
        #expect(scenario.last[1].askClosed.outcome == .callSuperseded)
        #expect(scenario.run.status == .running)
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Left.")) } == .askClosed)
    }

    @Test func nowEndsAWaitBetweenTwoAttempts() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        #expect(try scenario.send("Hurry.", .now) == ["messageQueued", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [2])
        #expect(scenario.modelInFlight.map { [$0.step, $0.attempt] } == [1, 2])
    }

    @Test func otherMessagesDoNotEndAWaitBetweenTwoAttempts() throws {
        var scenario = try Scenario(task: "go", attempts: 3)
        try scenario.modelFails(retryable: true)
        #expect(try scenario.send("By the way.") == ["messageQueued"])
        let due = try #require(scenario.run.due)
        scenario.now = due - 1
        #expect(try scenario.decide(.timePassed) == [])
        scenario.now = due
        #expect(try scenario.decide(.timePassed) == ["modelCalled"])
        #expect(scenario.last[0].modelCalled.delivered == [2])
    }

    @Test func nowUnderAHoldSupersedesTheSelectedCallsAndTheHoldStays() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        #expect(try scenario.send("Do c instead.", .now) == ["messageQueued", "callEnded", "callEnded"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [2])
    }

    @Test func nowUnderAHoldSparesTheModelCallInFlight() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        #expect(try scenario.send("Do c instead.", .now) == ["messageQueued"])
        #expect(scenario.run.wanted == [.model(step: 1, attempt: 1)])
        #expect(try scenario.modelAnswers("Done.") == ["modelAnswered"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.shown == ["user: go", "assistant: Done."])
    }

    /// Whether the spared answer came before or after the message makes no difference to what is executed.
    @Test func callsOfASparedAnswerAreSupersededByTheMessageThatWaitedForIt() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.send("Do not touch a.", .now)
        #expect(
            try scenario.modelAnswers("", calls: [.terminal("rm a"), .ask("Which?")])
                == ["modelAnswered", "callEnded", "callEnded"])
        #expect(scenario.run.status == .paused)
        #expect(scenario.outcome(1) == .callSuperseded)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [2])
        #expect(scenario.count("callStarted") == 0)
    }

    @Test func aWithdrawnMessageSupersedesNothing() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        try scenario.send("Do not touch a.", .now)
        try scenario.command(.withdraw(message: 2))
        #expect(try scenario.modelAnswers("", calls: [.terminal("a")]) == ["modelAnswered"])
        #expect(scenario.run.calls[number: 1]?.state == .selected)
    }

    /// It was started, and the service died: that it was not executed would be a lie.
    @Test(arguments: [RunRequest.stop, .send("Never mind.", .now)])
    func aLostCallIsNeverSaidNotToHaveBeenExecuted(_ request: RunRequest) throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.read("a"), .read("b")])
        try scenario.command(.pause())
        try scenario.crash()
        #expect(scenario.run.calls[number: 1]?.state == .selected)
        try scenario.command(request)
        #expect(scenario.outcome(1) == .callUnknown)
        #expect(scenario.outcome(2) == (scenario.run.status == .stopped ? .callCancelled : .callSuperseded))
    }

    // MARK: - When idle

    @Test func whenIdleIsOneTurnPerMessage() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("second turn", .whenIdle)
        try scenario.send("third turn", .whenIdle)
        try scenario.modelAnswers("", calls: [.terminal("a")])
        #expect(try scenario.toolEnds(1) == ["callEnded", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [])
        try scenario.modelAnswers("First.")
        #expect(scenario.last[1].modelCalled.delivered == [2])
        try scenario.modelAnswers("Second.")
        #expect(scenario.last[1].modelCalled.delivered == [3])
        #expect(try scenario.modelAnswers("Third.") == ["modelAnswered"])
        #expect(scenario.run.status == .finished)
        #expect(scenario.shown.count { $0.hasPrefix("user") } == 3)
    }

    @Test func aMessageForTheNextStepGoesBeforeOnesThatWaitForTheEnd() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("later", .whenIdle)
        try scenario.send("sooner")
        try scenario.modelAnswers("First.")
        #expect(scenario.last[1].modelCalled.delivered == [3])
        try scenario.modelAnswers("Second.")
        #expect(scenario.last[1].modelCalled.delivered == [2])
    }

    @Test func whenIdleWaitsForATurnThatEndsWell() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("later", .whenIdle)
        try scenario.modelFails()
        #expect(scenario.run.status == .failed)
        #expect(try scenario.command(.resume(text: "")) == ["retried", "modelCalled"])
        #expect(scenario.last[1].modelCalled.delivered == [])
        try scenario.modelAnswers("First.")
        #expect(scenario.last[1].modelCalled.delivered == [2])
    }

    @Test func whenIdleToAnIdleRunStartsItsFirstTurn() throws {
        var scenario = try Scenario()
        #expect(try scenario.send("go", .whenIdle) == ["messageQueued", "modelCalled"])
    }

    // MARK: - Withdraw

    @Test func aMessageCanBeWithdrawnUntilItIsDelivered() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("one")
        try scenario.send("two")
        #expect(try scenario.command(.withdraw(message: 2)) == ["messageWithdrawn"])
        #expect(scenario.run.queuedMessages.map(\.number) == [3])
        try scenario.modelAnswers("")
        #expect(scenario.shown == ["user: go", "user: two"])
        #expect(refusal { try scenario.command(.withdraw(message: 3)) } == .alreadyDelivered)
    }

    @Test(arguments: [0, 2, 4, UInt32.max]) func thereIsNoSuchMessage(_ number: UInt32) throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("one")
        try scenario.command(.withdraw(message: 2))
        #expect(refusal { try scenario.command(.withdraw(message: number)) } == .noSuchMessage)
    }

    @Test func theLastMessageWithdrawnLeavesNothingToDo() throws {
        var scenario = try Scenario()
        try scenario.command(.pause())
        try scenario.send("go")
        try scenario.command(.withdraw(message: 1))
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted"])
        #expect(scenario.run.status == .idle)
    }

    @Test func aStoppedRunKeepsItsQueueAsItIs() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("one")
        try scenario.command(.stop)
        #expect(refusal { try scenario.command(.withdraw(message: 2)) } == .wrongStatus)
    }

    @Test func theSummarysTaskIsBoundedInBytes() throws {
        // One character to a reader, a megabyte to a list of runs.
        let scenario = try Scenario(task: "e" + String(repeating: "\u{0301}", count: 500_000))
        #expect(scenario.run.summary.task.utf8.count <= 800)
        #expect(scenario.run.summary.task.utf8.first == UInt8(ascii: "e"))
    }
}
