import FermataCore
import FermataProtocol
import RunAudit
import Testing

/// A call whose end nobody will tell runs again if it is idempotent: by its tool, or by its arguments.
struct IdempotenceTests {
    private static let view = FermataCondition.at("/command", .equals(#""view""#))
    private static let tools = [
        Scenario.tool("editor", requires: "command", idempotentWhen: view),
        Scenario.tool(
            "browser", requires: "command", idempotentWhen: view, .at("/depth", .less(3)), byWorker: true),
        Scenario.tool(CoreTool.askHuman.name, requires: "question"),
    ]

    private func lost(_ tool: String, _ arguments: String) throws -> [String] {
        var scenario = try Scenario(task: "go", tools: Self.tools)
        try scenario.modelAnswers("", calls: [.init(tool, arguments)])
        guard tool == "browser" else {
            try scenario.crash()
            return scenario.last.map(\.name)
        }
        try scenario.start(1)
        return try scenario.decide(.leaseEnded(call: 1, attempt: 1))
    }

    @Test(arguments: [
        (#"{"command":"view","path":"a"}"#, true), (#"{"command":"create","path":"a"}"#, false),
        (#"{"path":"view","command":"undo"}"#, false), (#"{ "command" : "vi\u0065w" }"#, true),
        (#"{"command":"View"}"#, false), (#"{"command":"view "}"#, false), (#"{"command":""}"#, false),
    ])
    func ofTheServersOwnToolItIsTheArguments(_ arguments: String, _ runsAgain: Bool) throws {
        #expect(
            try lost("editor", arguments) == (runsAgain ? ["callLost", "callStarted"] : ["callEnded", "modelCalled"]))
    }

    /// All conditions have to apply for certain: what cannot be told is no read.
    @Test(arguments: [
        (#"{"command":"view","depth":2}"#, true), (#"{"command":"view","depth":3}"#, false),
        (#"{"command":"view"}"#, false), (#"{"command":"view","depth":"2"}"#, false),
        (#"{"command":"move","depth":2}"#, false),
    ])
    func ofAWorkersToolTheSame(_ arguments: String, _ runsAgain: Bool) throws {
        #expect(try lost("browser", arguments) == (runsAgain ? ["callLost"] : ["askOpened"]))
    }

    /// The arguments that it was started with count, whoever wrote them.
    @Test(arguments: [("view", "create", false), ("create", "view", true)])
    func anEditChangesIt(_ chosen: String, _ edited: String, _ runsAgain: Bool) throws {
        var scenario = try Scenario(task: "go", tools: Self.tools, policy: .asking("editor"))
        try scenario.modelAnswers("", calls: [.init("editor", #"{"command":"\#(chosen)"}"#)])
        try scenario.answer(1, .edit, arguments: #"{"command":"\#(edited)"}"#)
        #expect(scenario.run.wanted == [.tool(call: 1, attempt: 1)])
        try scenario.crash()
        #expect(scenario.last.map(\.name) == (runsAgain ? ["callLost", "callStarted"] : ["callEnded", "modelCalled"]))
    }

    @Test func aReadThatWasLostMayBecomeAnotherCallUnderAHold() throws {
        var scenario = try Scenario(task: "go", tools: Self.tools)
        try scenario.modelAnswers("", calls: [.init("editor", #"{"command":"view"}"#)])
        try scenario.command(.pause())
        try scenario.crash()
        #expect(scenario.last.map(\.name) == ["callLost"])
        let edit = CallDecision(call: 1, verdict: .edit, arguments: #"{"command":"create"}"#)
        #expect(try scenario.command(.decideCall(edit)) == ["callEdited"])
        #expect(try scenario.command(.resume(text: "")) == ["holdLifted", "callStarted"])
        try scenario.crash()
        #expect(scenario.outcome(1) == .callUnknown || scenario.last.first?.name == "callEnded")
    }

    /// What was decided is in the event: a fold that knows nothing of the tool comes to the same.
    @Test func foldingAsksNoRule() throws {
        var scenario = try Scenario(task: "go", tools: Self.tools)
        try scenario.modelAnswers("", calls: [.init("editor", #"{"command":"view"}"#)])
        try scenario.crash()
        var bare = Run(id: Scenario.id)
        for var event in scenario.events {
            if case .launched(var launched) = event.kind {
                for index in launched.tools.indices { launched.tools[index].idempotentWhen = [] }
                event.kind = .launched(launched)
            }
            bare.apply(event)
        }
        #expect(bare.wanted == scenario.run.wanted && bare.callMessages == scenario.run.callMessages)
    }
}
