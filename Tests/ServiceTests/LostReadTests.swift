import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// A read that a crash cut is no unknown outcome: it runs again. What may have changed something does not.
    @Suite(.timeLimit(.minutes(2))) struct LostReadTests {
        private static let runs = 30

        @Test func viewsRunAgainAndChangesDoNot() async throws {
            // The file tool does one call after the other, of all runs: behind many views of a large directory one that
            // came last is in flight for as long as the others take.
            let workspace = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: workspace) }
            for number in 0..<8000 {
                _ = FileManager.default.createFile(atPath: "\(workspace)/\(number)", contents: nil)
            }
            func call(_ task: String, _ arguments: String) -> String {
                #"{"match": "user: \#(task)", "tool_calls": [{"name": "file_editor", "arguments": {\#(arguments)}}]}"#
            }
            let script = """
                [\(call("view", #""command": "view", "path": ".""#)),
                 \(call("undo", #""command": "undo", "path": "0""#)), {"match": "", "text": "Done."}]
                """
            try await Service.run(script: script) { service, _ in
                func launch(_ task: String) async throws -> String {
                    try await service.launch(task) { $0.workspace = workspace }
                }
                var views: [String] = []
                for _ in 0..<Self.runs { views.append(try await launch("view")) }
                let change = try await launch("undo")
                try await service.event(change) { if case .callStarted = $0 { true } else { false } }
                service.kill()
                try await service.start()

                var lost = 0
                for view in views {
                    try await service.wait(view, .finished)
                    let events = try await service.events(view)
                    lost += events.count { $0.kindName == "callLost" }
                    let ends = events.compactMap(\.callEndedValue)
                    #expect(ends.count == 1 && ends[0].outcome == .callFinished, "\(events.map(\.kindName))")
                    #expect(ends[0].attempt == (events.contains { $0.kindName == "callLost" } ? 2 : 1))
                }
                #expect(lost > 0)
                try await service.wait(change, .finished)
                let ends = try await service.events(change).compactMap(\.callEndedValue)
                #expect(ends.map(\.outcome) == [.callUnknown])
                try await service.check()
            }
        }

        /// A worker says of its tool which calls only read.
        @Test func aWorkersReadIsReadyAgainAndItsChangeIsAsked() async throws {
            let script = #"""
                [{"match": "user: read", "tool_calls": [{"name": "store", "arguments": {"mode": "read"}}]},
                 {"match": "user: write", "tool_calls": [{"name": "store", "arguments": {"mode": "write"}}]},
                 {"match": "", "text": "Done."}]
                """#
            try await Service.run(script: script) { service, _ in
                var worker = Worker(client: service.client)
                worker.tools = ["store"]
                let reading = FermataCondition.with {
                    $0.pointer = "/mode"
                    $0.equals = #""read""#
                }
                try await worker.register(
                    Worker.spec("store") {
                        $0.parameters = #"{"type":"object"}"#
                        $0.idempotentWhen = [reading]
                    })
                let listed = try await service.cli("tools")
                #expect(listed.output.contains(#"idempotent if /mode = "read""#), "\(listed.output)")
                for (task, kind) in [("read", "callLost"), ("write", "askOpened")] {
                    let run = try await service.launch(task) { $0.tools = ["store"] }
                    _ = try await worker.begin(leaseMs: 1000)
                    let event = try await service.event(run) {
                        switch $0 {
                        case .callLost, .askOpened: true
                        default: false
                        }
                    }
                    #expect(event.kindName == kind)
                    try await service.stop(run)
                }
            }
        }

        @Test func conditionsThatAreNoneAreRefused() async throws {
            try await Service.run(script: "[]") { service, _ in
                let worker = Worker(client: service.client)
                let good = FermataCondition.with {
                    $0.pointer = "/q"
                    $0.equals = "\"1\""
                }
                for (conditions, field) in [
                    ([FermataCondition.with { $0.pointer = "q" }], "tools.idempotent_when[0].pointer"),
                    ([good, .with { $0.pointer = "/q" }], "tools.idempotent_when[1].test"),
                    ([.with { $0.matches = "(" }], "tools.idempotent_when[0].matches"),
                    ([.with { $0.equals = "{" }], "tools.idempotent_when[0].equals"),
                    (Array(repeating: good, count: 33), "tools.idempotent_when"),
                ] {
                    do {
                        try await worker.register(Worker.spec { $0.idempotentWhen = conditions })
                        Issue.record("it was taken")
                    } catch ClientError.refused(let error) {
                        #expect(error.code == "INVALID_ARGUMENT")
                        #expect(error.details.first?.value == field, "\(error)")
                    }
                }
                #expect(
                    try await worker.register(Worker.spec { $0.idempotentWhen = Array(repeating: good, count: 32) }))
            }
        }
    }
}
