import FermataCore
import FermataProtocol
import RunAudit
import Testing

/// The transcript handed to a model is always valid, and shows what happened.
@Suite struct TranscriptTests {
    @Test func resultsStandInTheOrderOfTheCallsWhateverOrderTheyCameIn() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("Three.", calls: [.search("a"), .search("b"), .search("c")])
        try scenario.toolEnds(3, "third")
        try scenario.toolEnds(1, "first")
        #expect(scenario.shown == ["user: go", "assistant: Three. #1 #2 #3"], "no half step is shown")
        try scenario.toolEnds(2, "second")
        #expect(scenario.shown.suffix(3) == ["#1: first", "#2: second", "#3: third"])
    }

    @Test func everyKindOfEndIsOneResult() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers(
            "", calls: [.search("a"), .init("nope", "{}"), .search("c"), .terminal("d"), .ask("Which?")])
        // The first is lost, the third ends, the fourth is interrupted, the fifth superseded.
        try scenario.toolEnds(3, "third")
        try scenario.crash()
        #expect(scenario.run.wanted == [.tool(call: 4, attempt: 1)])
        try scenario.command(.interrupt())
        try scenario.toolEnds(4)
        try scenario.send("Never mind.", .now)
        try scenario.command(.resume(text: ""))
        #expect(scenario.shown.suffix(6).map { String($0.prefix(3)) } == ["#1:", "#2:", "#3:", "#4:", "#5:", "use"])
        #expect(scenario.shown.suffix(6).first == "#1: \(Marker.unknownOutcome)")
        #expect(scenario.shown.suffix(3).first == "#4: \(Marker.interrupted(outputSoFar: ""))")
        #expect(scenario.shown.suffix(2).first == "#5: \(Marker.superseded)")
        #expect(brokenTranscript(scenario.transcript) == nil)
    }

    @Test func aKilledCallsLateEndIsNoSecondResult() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.command(.interrupt())
        try scenario.command(.resume(text: ""))
        #expect(scenario.modelInFlight != nil)
        let shown = scenario.shown
        try scenario.toolEnds(1, "late")
        #expect(scenario.shown == shown)
    }

    @Test func aMessageIsShownWhereItWasDeliveredAndNotWhereItWasSent() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("Sent early.")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.toolEnds(1)
        #expect(scenario.shown == ["user: go", "assistant:  #1", "#1: done", "user: Sent early."])
    }

    @Test func aWithdrawnMessageNeverAppears() throws {
        var scenario = try Scenario(task: "go")
        try scenario.send("Secret.")
        try scenario.command(.withdraw(message: 2))
        try scenario.send("Open.")
        try scenario.modelAnswers("")
        #expect(scenario.shown == ["user: go", "user: Open."])
    }

    @Test func messagesAreShownInTheOrderInWhichTheyWereSent() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        for number in 1...20 { try scenario.send("\(number)", number % 3 == 0 ? .now : .nextStep) }
        try scenario.modelAnswers("Done.")
        try scenario.command(.resume(text: "21"))
        #expect(scenario.shown.dropFirst(2) == (1...21).map { "user: \($0)" }[...])
    }

    @Test(arguments: [FermataCutCause.byInterrupt, .byMessage, .byShutdown])
    func cutTextIsFollowedByTheMarker(_ cause: FermataCutCause) throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "Half a sen"
        switch cause {
        case .byInterrupt:
            try scenario.command(.interrupt())
            try scenario.command(.resume(text: ""))
        case .byMessage: try scenario.send("Wait.", .now)
        default:
            scenario.mayStart = false
            try scenario.decide(.shutdown)
            try scenario.crash()
        }
        #expect(scenario.last.contains { $0.name == "modelCalled" })
        #expect(Array(scenario.shown.prefix(3)) == ["user: go", "assistant: Half a sen", "user: \(Marker.cut)"])
    }

    @Test func textOfAFailedAttemptIsNotShown() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "Half"
        try scenario.modelFails()
        try scenario.command(.resume(text: ""))
        #expect(scenario.shown == ["user: go"])
    }

    @Test func anEmptyAnswerLeavesNothing() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("")
        #expect(scenario.run.status == .finished)
        #expect(scenario.shown == ["user: go"])
    }

    @Test func theModelReadsWhatItCannotTellFromTheOutput() throws {
        func shown(_ reply: ToolReply) throws -> String {
            var scenario = try Scenario(task: "go")
            try scenario.modelAnswers("", calls: [.terminal("a")])
            try scenario.decide(.toolEnded(call: 1, attempt: 1, reply))
            return try String(#require(scenario.shown.last).dropFirst("#1: ".count))
        }
        #expect(try shown(ToolReply(outcome: .callFinished, output: "out", exitCode: 0)) == "out")
        #expect(try shown(ToolReply(outcome: .callFinished, output: "out", exitCode: 3)) == "out\n[exit code 3]")
        #expect(try shown(ToolReply(outcome: .callFinished, output: "", exitCode: 0)) == "[no output, exit code 0]")
        #expect(try shown(ToolReply(outcome: .callFailed, output: "no such file")) == "[Error] no such file")
        #expect(try shown(ToolReply(outcome: .callTimedOut, output: "out")).hasPrefix("out\n[The command was killed"))
    }

    @Test func itIsTheSameAfterEveryRestart() throws {
        var scenario = try Scenario(task: "go")
        scenario.partialText = "Half"
        try scenario.send("Now.", .now)
        try scenario.modelAnswers("", calls: [.search("a"), .look("b")])
        try scenario.crash()
        try scenario.toolEnds(2, attempt: 2)
        var again = Transcript()
        for event in scenario.events { again.append(event) }
        #expect(again == scenario.transcript)
        #expect(again.seq == scenario.run.seq)
    }
}
