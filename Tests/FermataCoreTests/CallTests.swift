import FermataCore
import FermataProtocol
import RunAudit
import Testing

/// DESIGN, "Calls": what is executed when, and what cannot be executed at all.
@Suite struct CallTests {
    @Test func withoutParallelACallStartsWhenAllBeforeItHaveResults() throws {
        var scenario = try Scenario(task: "go")
        let began = try scenario.modelAnswers("", calls: [.terminal("a"), .terminal("b")])
        #expect(began == ["modelAnswered", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
        #expect(try scenario.toolEnds(1) == ["callEnded", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 2, attempt: 1)])
    }

    @Test func parallelCallsExecuteTogetherButNotBesideOthers() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.search("a"), .search("b"), .terminal("c"), .search("d")])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1), .tool(call: 2, attempt: 1)])
        #expect(try scenario.toolEnds(2) == ["callEnded"])
        #expect(try scenario.toolEnds(1) == ["callEnded", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 3, attempt: 1)])
        #expect(try scenario.toolEnds(3) == ["callEnded", "callStarted"])
        #expect(scenario.run.wanted == [.tool(call: 4, attempt: 1)])
    }

    @Test func callsAreNumberedOverTheRun() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        try scenario.toolEnds(1)
        try scenario.modelAnswers("", calls: [.terminal("b")])
        #expect(scenario.run.wanted == [.tool(call: 2, attempt: 1)])
    }

    @Test(arguments: [
        ModelReply.Call("no_such_tool", "{}"),
        ModelReply.Call("", "{}"),
        ModelReply.Call("terminal", ""),
        ModelReply.Call("terminal", "{"),
        ModelReply.Call("terminal", #"{"command":"a"} and more"#),
        ModelReply.Call("terminal", "[]"),
        ModelReply.Call("terminal", "null"),
        ModelReply.Call("terminal", "{}"),
        ModelReply.Call("terminal", #"{"command":7}"#),
        ModelReply.Call(CoreTool.askHuman.name, "{}"),
        ModelReply.Call("terminal", String(repeating: "[", count: 200_000)),
        ModelReply.Call("terminal\u{0}", #"{"command":"a"}"#),
    ]) func aBadCallIsAnErrorResultAndNotAFailedRun(_ call: ModelReply.Call) throws {
        var scenario = try Scenario(task: "go")
        #expect(try scenario.modelAnswers("", calls: [call]) == ["modelAnswered", "callEnded", "modelCalled"])
        let ended = scenario.last[1].callEnded
        #expect(ended.outcome == .callFailed)
        #expect(ended.attempt == 0)
        #expect(!ended.output.isEmpty)
        #expect(ended.output.utf8.count < 20_000)
        #expect(scenario.run.status == .running)
        #expect(scenario.shown.last?.hasPrefix("#1: [Error] ") == true)
    }

    @Test func aBadCallDoesNotKeepItsNeighboursFromExecuting() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a"), .init("nope", "{}"), .terminal("b")])
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
        #expect(try scenario.toolEnds(1) == ["callEnded", "callStarted"])
        try scenario.toolEnds(3)
        #expect(scenario.shown.suffix(3).map { $0.prefix(2) } == ["#1", "#2", "#3"])
    }

    @Test func aBadCallHasItsResultUnderAHoldToo() throws {
        var scenario = try Scenario(task: "go")
        try scenario.command(.pause())
        #expect(try scenario.modelAnswers("", calls: [.init("nope", "{}")]) == ["modelAnswered", "callEnded"])
        #expect(scenario.run.status == .paused)
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "modelCalled"])
    }

    @Test func aToolsSchemaThatCannotBeUsedIsAnErrorResult() throws {
        let broken = FermataToolSpec(name: "broken", parameters: "{not json")
        var scenario = try Scenario(task: "go", tools: [broken])
        let came = try scenario.modelAnswers("", calls: [.init("broken", "{}")])
        #expect(came == ["modelAnswered", "callEnded", "modelCalled"])
    }

    @Test func theResultIsJournaledAsItCame() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.terminal("a")])
        let reply = ToolReply(
            outcome: .callTimedOut, output: "\u{FFFD}\u{0}x", exitCode: -9, omittedBytes: .max, repaired: true)
        try scenario.decide(.toolEnded(call: 1, attempt: 1, reply))
        let ended = scenario.last[0].callEnded
        #expect(ended.outcome == .callTimedOut)
        #expect(ended.output == reply.output)
        #expect(ended.exitCode == -9)
        #expect(ended.omittedBytes == .max)
        #expect(ended.repaired)
        #expect(!ended.killing)
    }

    @Test func aThousandParallelCallsAreOneDecision() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: (0..<1000).map { .search("\($0)") })
        #expect(scenario.run.wanted.count == 1000)
        try scenario.command(.interrupt())
        #expect(scenario.run.wanted.isEmpty)
        #expect(scenario.run.begun.count == 1000)
    }
}

extension FermataToolSpec {
    fileprivate init(name: String, parameters: String) {
        self.init()
        self.name = name
        self.parameters = parameters
    }
}
