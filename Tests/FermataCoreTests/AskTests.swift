import FermataCore
import FermataProtocol
import RunAudit
import Testing

/// DESIGN, "Asks", as far as questions of ask_human go.
@Suite struct AskTests {
    private func asking(_ calls: [ModelReply.Call] = [.ask("Which?")]) throws -> Scenario {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: calls)
        return scenario
    }

    @Test func aQuestionIsOpenedAndNeverStarted() throws {
        var scenario = try asking([.init(CoreTool.askHuman.name, #"{"question":"Which?","context":"Two doors."}"#)])
        let opened = try #require(scenario.last.last?.askOpened)
        #expect(opened.kind == .question)
        #expect(opened.number == 1)
        #expect(opened.question == "Which?")
        #expect(opened.context == "Two doors.")
        #expect(opened.call == 1)
        #expect(scenario.run.status == .waiting)
        #expect(scenario.run.wanted.isEmpty)
        #expect(try scenario.command(.answer(ask: 1, text: "Left.")) == ["askAnswered", "callEnded", "modelCalled"])
        #expect(scenario.count("callStarted") == 0)
        #expect(scenario.shown == ["user: go", "assistant:  #1", "#1: Left."])
    }

    @Test func itIsAnsweredOnce() throws {
        var scenario = try asking()
        try scenario.command(.answer(ask: 1, text: "Left."), by: "ann")
        let before = scenario.run
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Right."), by: "bob") } == .alreadyAnswered)
        #expect(scenario.run == before)
        #expect(scenario.events.first { $0.name == "askAnswered" }?.by == "ann")
        // Whatever the status has become since.
        try scenario.modelAnswers("Done.")
        #expect(scenario.run.status == .finished)
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Right.")) } == .alreadyAnswered)
        try scenario.command(.stop)
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Right.")) } == .alreadyAnswered)
    }

    @Test(arguments: [0, 2, UInt32.max]) func thereIsNoSuchAsk(_ number: UInt32) throws {
        var scenario = try asking()
        #expect(refusal { try scenario.command(.answer(ask: number, text: "Left.")) } == .noSuchAsk)
    }

    @Test func anAskThatWasClosedSaysSo() throws {
        var scenario = try asking()
        try scenario.send("Neither.", .now)
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Left.")) } == .askClosed)
    }

    @Test func anAnswerUnderAHoldTakesEffectOnResume() throws {
        var scenario = try asking([.ask("Which?"), .terminal("a")])
        try scenario.command(.pause())
        #expect(try scenario.command(.answer(ask: 1, text: "Left.")) == ["askAnswered", "callEnded"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "callStarted"])
    }

    @Test func anAnswerSurvivesACrash() throws {
        var scenario = try asking()
        try scenario.command(.pause())
        try scenario.command(.answer(ask: 1, text: "Left."))
        try scenario.crash()
        #expect(refusal { try scenario.command(.answer(ask: 1, text: "Right.")) } == .alreadyAnswered)
        try scenario.command(.resume(text: ""))
        #expect(scenario.shown.last == "#1: Left.")
    }

    @Test func questionsOfOneStepAreAskedOneAfterTheOther() throws {
        var scenario = try asking([.ask("First?"), .ask("Second?")])
        #expect(scenario.run.summary.openAsks == [1])
        #expect(try scenario.command(.answer(ask: 1, text: "1")) == ["askAnswered", "callEnded", "askOpened"])
        #expect(scenario.run.summary.openAsks == [2])
        #expect(try scenario.command(.answer(ask: 2, text: "2")) == ["askAnswered", "callEnded", "modelCalled"])
        #expect(scenario.shown.suffix(2) == ["#1: 1", "#2: 2"])
    }

    @Test func parallelQuestionsAreAnsweredInAnyOrder() throws {
        let tools = [Scenario.tool(CoreTool.askHuman.name, requires: "question", parallel: true)]
        var scenario = try Scenario(task: "go", tools: tools)
        try scenario.modelAnswers("", calls: [.ask("First?"), .ask("Second?")])
        #expect(scenario.run.summary.openAsks == [1, 2])
        #expect(try scenario.command(.answer(ask: 2, text: "2")) == ["askAnswered", "callEnded"])
        #expect(scenario.run.status == .waiting)
        try scenario.command(.answer(ask: 1, text: "1"))
        #expect(scenario.shown.suffix(2) == ["#1: 1", "#2: 2"])
    }

    @Test func aRunWithAToolExecutingIsNotWaiting() throws {
        let tools =
            Scenario.tools.dropLast() + [Scenario.tool(CoreTool.askHuman.name, requires: "question", parallel: true)]
        var scenario = try Scenario(task: "go", tools: Array(tools))
        try scenario.modelAnswers("", calls: [.ask("First?"), .search("a")])
        #expect(scenario.run.status == .running)
        try scenario.toolEnds(2)
        #expect(scenario.run.status == .waiting)
    }

    @Test func asksAreNumberedOverTheRun() throws {
        var scenario = try asking()
        try scenario.send("Neither.", .now)
        try scenario.modelAnswers("", calls: [.ask("And now?")])
        #expect(scenario.run.summary.openAsks == [2])
        #expect(scenario.run.calls[number: 2]?.ask == 2)
    }
}
