import FermataProtocol
import JSON
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// The tools of the core's own, as a table.
struct CoreToolTests {
    @Test func eachRowIsATool() throws {
        #expect(Set(CoreTool.all.map(\.name)).count == CoreTool.all.count)
        #expect(CoreTool.all.map(\.spec).problems(field: "tools").isEmpty)
        for tool in CoreTool.all {
            #expect(tool.spec.origin == .core && tool.spec.resolvedOrigin == .core)
            #expect(throws: Never.self) { try JSONSchema(parsing: tool.spec.parameters) }
            #expect(CoreTool(tool.spec)?.name == tool.name)
        }
    }

    /// A worker's tool is the worker's, whatever it is called, and so is one that the server executes.
    @Test(arguments: [FermataToolOrigin.worker, .builtIn]) func theOriginCountsAndNotTheName(
        _ origin: FermataToolOrigin
    ) throws {
        var spec = CoreTool.askHuman.spec
        spec.origin = origin
        #expect(CoreTool(spec) == nil)
        var scenario = try Scenario(task: "go", tools: [spec])
        try scenario.modelAnswers("", calls: [.ask("Which?")])
        #expect(scenario.run.summary.openAsks.isEmpty)
        #expect(scenario.run.wanted == (origin == .builtIn ? [.tool(call: 1, attempt: 1)] : []))
        #expect(scenario.run.ready.count == (origin == .worker ? 1 : 0))
    }

    /// What a later version decides, this one cannot: the call says so, and those beside it go on.
    @Test func aToolOfALaterVersionsCoreEndsAtOnce() throws {
        let later = FermataToolSpec.with {
            $0.name = "wait"
            $0.parameters = "{}"
            $0.origin = .core
        }
        var scenario = try Scenario(task: "go", tools: Scenario.tools + [later])
        try scenario.modelAnswers("", calls: [.init("wait", "{}"), .terminal("a")])
        #expect(scenario.last.map(\.name) == ["modelAnswered", "callEnded", "callStarted"])
        #expect(scenario.outcome(1) == .callFailed)
        #expect(scenario.last[1].callEnded.output == "This server does not have the tool.")
        #expect(scenario.run.wanted == [.tool(call: 2, attempt: 1)])
    }
}
