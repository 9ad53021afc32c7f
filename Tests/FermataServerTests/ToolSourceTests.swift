import FermataClient
import FermataProtocol
import Foundation
import LineTools
import RawServer
import SwiftProtobuf
import Testing
import Tools

@testable import FermataServer
import RunRows

/// Calls that a lasting process executes, in a whole server: each test has a process of its own for it.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct ToolSourceTests {
    static func call(_ verb: String, _ text: String = "", tool: String = "line") -> String {
        #"{"name": "\#(tool)", "arguments": {"verb": "\#(verb)", "text": "\#(text)"}}"#
    }

    static func calls(_ calls: String...) -> String { #""tool_calls": [\#(calls.joined(separator: ", "))]"# }

    /// Runs a body with a server in a directory that is removed afterwards.
    static func run(
        _ script: String, tools: [ToolDefinition] = [LineSource.tool()], environment: [String: String] = [:],
        _ body: (SourceServer) async throws -> Void
    ) async throws {
        let directory = try SourceServer.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let server = try SourceServer(directory, script: script, tools: tools, environment: environment)
        try await body(server)
        await server.shutDown()
    }

    @Test func manyCallsOverOneProcessAndTwoAtOnce() async {
        await #expect(processExitsWith: .success) {
            let script = """
                [{\(ToolSourceTests.calls(ToolSourceTests.call("meet", "a"), ToolSourceTests.call("meet", "a")))},
                 {\(ToolSourceTests.calls(ToolSourceTests.call("pid")))}, {\(ToolSourceTests.calls(ToolSourceTests.call("pid")))},
                 {"text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                let runs = [try await server.launch("go"), try await server.launch("go")]
                var numbers: Set<String> = []
                for run in runs {
                    try await server.wait(run, .finished, .failed)
                    let ends = try await server.ends(run)
                    #expect(ends.count == 4 && ends.allSatisfy { $0.outcome == .callFinished }, "\(ends)")
                    #expect(ends.prefix(2).map(\.output) == ["a", "a"])
                    numbers.formUnion(ends.suffix(2).map(\.output))
                }
                #expect(numbers.count == 1)
            }
        }
    }

    /// Its bytes are in the journal with the event that names them.
    @Test func aResultHasAnImageAndWhatIsNoneIsAFile() async {
        await #expect(processExitsWith: .success) {
            let png = "89504e470d0a1a0a0102"
            let script = """
                [{\(ToolSourceTests.calls(ToolSourceTests.call("echo", "media image/jpeg \(png)")))},
                 {\(ToolSourceTests.calls(ToolSourceTests.call("echo", "media image/png 3c7376672f3e")))},
                 {"match": "file: shot.png, application/octet-stream, 6 bytes", "text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                let run = try await server.launch("go")
                try await server.wait(run, .finished, .failed)
                let ends = try await server.ends(run)
                #expect(ends.map(\.output) == ["Seen:below", "Seen:below"])
                let blobs = ends.map { $0.blocks.compactMap(\.blob) }.flatMap(\.self)
                #expect(ends.map { $0.blocks.count } == [3, 3] && blobs.map(\.name) == ["shot.png", "shot.png"])
                #expect(blobs.map(\.mediaType) == ["image/png", "application/octet-stream"])
                #expect(ends[0].blocks[1].image.bytes == 10 && ends[1].blocks[1].file.bytes == 6)
                let kept = try await server.client.send(FermataGetBlob.with { $0.sha256 = blobs[1].sha256 }).data
                #expect(kept == Data("<svg/>".utf8))
            }
        }
    }

    /// The model is told what is true: the process lives on. Others' calls are not touched.
    @Test func anInterruptedCallEndsAndTheProcessLivesOn() async {
        await #expect(processExitsWith: .success) {
            let script = """
                [{"match": "user: wait", \(ToolSourceTests.calls(ToolSourceTests.call("wait", "w")))},
                 {"match": "user: meet", \(ToolSourceTests.calls(ToolSourceTests.call("meet", "m")))},
                 {"match": "user: pid", \(ToolSourceTests.calls(ToolSourceTests.call("pid")))}, {"match": "", "text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                let first = try await server.launch("pid")
                try await server.wait(first, .finished)
                let other = try await server.launch("meet")
                let run = try await server.launch("wait")
                await server.isExecuting("wait w")
                await server.isExecuting("meet m")
                _ = try await server.client.send(FermataInterrupt.with { $0.run = run })
                try await server.wait(run, .paused)
                let ended = try await server.ends(run)[0]
                #expect(ended.outcome == .callInterrupted && ended.killing)
                #expect(
                    ended.output
                        == "[Interrupted by the operator: the tool was told to stop. Its effects may have gone on.]")
                let second = try await server.launch("meet")
                try await server.wait(second, .finished)
                try await server.wait(other, .finished)
                let last = try await server.launch("pid")
                try await server.wait(last, .finished)
                let (before, after) = (try await server.ends(first), try await server.ends(last))
                #expect(before.map(\.output) == after.map(\.output))
            }
        }
    }

    /// A call without an answer is unknown and never made again by itself; the next one has a process again.
    @Test(arguments: ["kill", "exit", "shout"]) func aProcessThatDiesLeavesItsCallsUnknown(_ verb: String) async {
        await #expect(processExitsWith: .success) { [verb = verb as String] in
            let script = """
                [{\(ToolSourceTests.calls(ToolSourceTests.call("wait", "w"), ToolSourceTests.call(verb, "3")))},
                 {\(ToolSourceTests.calls(ToolSourceTests.call("echo", "back")))}, {"text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                let run = try await server.launch("go")
                try await server.wait(run, .finished, .failed)
                let ends = try await server.ends(run)
                #expect(ends.map(\.outcome) == [.callUnknown, .callUnknown, .callFinished], "\(ends)")
                #expect(ends[0].output.contains("Its outcome is unknown") && ends[2].output == "back")
                #expect(ends[0].output.hasPrefix("The process "))
                // The two start in any order: the one that waits may have been written and not read.
                let begun = server.begun
                #expect(Set(begun).count == begun.count && begun.contains("\(verb) 3"), "\(begun)")
                #expect(begun.last == "echo back", "\(begun)")
            }
        }
    }

    @Test func peopleAreAskedAndMayLetItRunAgain() async {
        await #expect(processExitsWith: .success) {
            let script = """
                [{\(ToolSourceTests.calls(ToolSourceTests.call("kill")))}, {"text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                let run = try await server.launch("go") {
                    $0.policy.tools = [
                        .with {
                            $0.tool = "line"
                            $0.gate = .allow
                            $0.whenUnknown = .askPeople
                        }
                    ]
                }
                try await server.wait(run, .waiting)
                let asks = try await server.client.send(FermataListAsks()).asks
                #expect(asks.map(\.kind) == [.outcome])
                _ = try await server.client.send(
                    FermataAnswer.with {
                        $0.run = run
                        $0.ask = 1
                        $0.verdict = .runAgain
                    })
                _ = try await server.event(run) { if case .askOpened(let ask) = $0 { ask.number == 2 } else { false } }
                #expect(server.begun == ["kill ", "kill "])
                _ = try await server.client.send(
                    FermataAnswer.with {
                        $0.run = run
                        $0.ask = 2
                        $0.verdict = .takeResult
                        $0.text = "It was done."
                    })
                try await server.wait(run, .finished)
                #expect(try await server.ends(run).map(\.output) == ["It was done."])
            }
        }
    }

    /// What does no harm runs again by itself, a bounded number of times.
    @Test func anIdempotentCallIsNotTriedForEver() async {
        await #expect(processExitsWith: .success) {
            let script = """
                [{\(ToolSourceTests.calls(ToolSourceTests.call("kill")))}, {"text": "Done."}]
                """
            try await ToolSourceTests.run(script, tools: [LineSource.tool(idempotent: true)]) { server in
                let run = try await server.launch("go")
                try await server.wait(run, .finished, .failed)
                #expect(server.begun == ["kill ", "kill ", "kill "])
                #expect(try await server.ends(run).map(\.outcome) == [.callUnknown])
            }
        }
    }

    /// A process that stands still takes a pause for nobody: the run is interrupted when its source has killed it.
    @Test func aProcessThatStandsStillIsKilledAndTheRunIsFree() async {
        await #expect(processExitsWith: .success) {
            let script = """
                [{"match": "user: pid", \(ToolSourceTests.calls(ToolSourceTests.call("pid")))},
                 {"match": "user: wait", \(ToolSourceTests.calls(ToolSourceTests.call("wait")))}, {"match": "", "text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                let first = try await server.launch("pid")
                try await server.wait(first, .finished)
                let number = pid_t(try await server.ends(first)[0].output)!
                let run = try await server.launch("wait")
                await server.isExecuting("wait ")
                kill(number, SIGSTOP)
                _ = try await server.client.send(FermataInterrupt.with { $0.run = run })
                // The answer to the interrupt did not wait for the process, and nothing of the run is lost.
                let status = try await server.client.send(FermataGetRun.with { $0.run = run }).run.status
                #expect(status == .pausing)
                #expect(try await server.ends(run).map(\.outcome) == [.callInterrupted])
                server.source.kill()
                try await server.wait(run, .paused)
                let next = try await server.launch("pid")
                try await server.wait(next, .finished)
                #expect(try await server.ends(next)[0].output != "\(number)")
            }
        }
    }

    // MARK: - What is offered

    @Test func aRunKeepsTheToolsThatItWasLaunchedWith() async {
        await #expect(processExitsWith: .success) {
            let script = """
                [{"match": "user: old", \(ToolSourceTests.calls(ToolSourceTests.call("echo", "old")))},
                 {"match": "user: new", \(ToolSourceTests.calls(ToolSourceTests.call("echo", "new", tool: "other")))},
                 {"match": "", "text": "Done."}]
                """
            try await ToolSourceTests.run(script) { server in
                func offered() async throws -> [FermataToolSpec] {
                    try await server.client.send(FermataListTools()).tools.map(\.spec)
                }
                let before = try await offered()
                #expect(before.map(\.name) == ["terminal", "file_editor", "line", "ask_human"])
                #expect(before.map(\.origin) == [.builtIn, .builtIn, .builtIn, .core])
                #expect(before.allSatisfy { !$0.byWorker })
                let run = try await server.launch("first")
                try await server.wait(run, .finished)
                var wrong = LineSource.tool("broken")
                wrong.parametersJSON = #"{"type":7}"#
                server.source.offer([
                    LineSource.tool("terminal"), LineSource.tool("ask_human"), LineSource.tool("no name"), wrong,
                    LineSource.tool("big", description: String(repeating: "x", count: 2 << 20)),
                    LineSource.tool("other"), LineSource.tool("other", description: "The second of the name."),
                ])
                #expect(try await offered().map(\.name) == ["terminal", "file_editor", "other", "ask_human"])
                #expect(try await offered()[2].description_p == "Asks the line server.")
                // It has it still, and the source serves it.
                _ = try await server.client.send(
                    FermataSend.with {
                        $0.run = run
                        $0.text = "old"
                    })
                _ = try await server.event(run) { if case .callEnded = $0 { true } else { false } }
                #expect(try await server.ends(run).map(\.output) == ["old"])
                let next = try await server.launch("new")
                try await server.wait(next, .finished)
                #expect(try await server.ends(next).map(\.output) == ["new"])
                await #expect(throws: ClientError.self) {
                    _ = try await server.launch("old") { $0.tools = ["line"] }
                }
                // What a source offers, no worker may.
                await #expect(throws: ClientError.self) {
                    _ = try await server.client.send(
                        FermataRegisterTools.with {
                            $0.worker = "w"
                            $0.tools = [
                                .with {
                                    $0.name = "other"
                                    $0.parameters = "{}"
                                }
                            ]
                        })
                }
            }
        }
    }

    @Test func aRunThatIsStoppedIsForgotten() async {
        await #expect(processExitsWith: .success) {
            try await ToolSourceTests.run(#"[{"match": "", "text": "Done."}]"#) { server in
                let (run, other) = (try await server.launch("go"), try await server.launch("go"))
                try await server.wait(run, .finished)
                try await server.wait(other, .finished)
                #expect(server.source.forgotten.isEmpty)
                _ = try await server.client.send(FermataStop.with { $0.run = run })
                try await server.wait(run, .stopped)
                // The answer goes out before the loop reconciles.
                while server.source.forgotten.isEmpty { await Task.yield() }
                #expect(Set(server.source.forgotten) == [run])
            }
        }
    }

    // MARK: - The end of the service

    /// In its own way if it does that in time, else by force. Calls that executed were cut before.
    @Test(arguments: [false, true]) func theProcessEndsWithTheService(_ stays: Bool) async {
        await #expect(processExitsWith: .success) { [stays = stays as Bool] in
            let script = "[{\(ToolSourceTests.calls(ToolSourceTests.call("fork"), ToolSourceTests.call("wait")))}]"
            let directory = try SourceServer.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            var environment = ["LINES_HOLD": directory + "/hold"]
            if stays { environment["LINES_STAYS"] = "1" }
            #expect(mkfifo(directory + "/hold", 0o600) == 0)
            let keep = open(directory + "/hold", O_RDWR | O_CLOEXEC)
            let reader = open(directory + "/hold", O_RDONLY | O_CLOEXEC)
            let server = try SourceServer(directory, script: script, environment: environment)
            let run = try await server.launch("go")
            await server.isExecuting("wait ")
            _ = try await server.event(run) { if case .callEnded = $0 { true } else { false } }
            await server.shutDown()
            #expect(server.begun.last == "end")
            close(keep)
            var byte: UInt8 = 0
            // Nobody holds it any more, the daemons neither: nothing waits here.
            #expect(read(reader, &byte, 1) == 0)
        }
    }

    /// SIGKILL: nothing stays, and the next start knows that the call may have happened.
    @Test func nothingStaysOfAKilledService() async throws {
        let directory: String = try SourceServer.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let hold = directory + "/hold"
        #expect(mkfifo(hold, 0o600) == 0)
        let keep = open(hold, O_RDWR | O_CLOEXEC)
        let reader = open(hold, O_RDONLY | O_CLOEXEC)
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
            let script =
                "[{\(ToolSourceTests.calls(ToolSourceTests.call("fork"), ToolSourceTests.call("wait", "w")))}, {\"text\": \"Done.\"}]"
            let server = try SourceServer(
                directory, script: script, environment: ["LINES_HOLD": directory + "/hold"])
            let run = try await server.launch("go")
            await server.isExecuting("wait w")
            _ = try await server.event(run) { if case .callEnded = $0 { true } else { false } }
            kill(getpid(), SIGKILL)
        }
        close(keep)
        let ended = Latch<Int>()
        RawThread.start {
            var byte: UInt8 = 0
            ended.open(read(reader, &byte, 1))
        }
        #expect(await ended.value == 0)
        close(reader)
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let script =
                "[{\(ToolSourceTests.calls(ToolSourceTests.call("fork"), ToolSourceTests.call("wait", "w")))}, {\"text\": \"Done.\"}]"
            let server = try SourceServer(directory, script: script)
            let runs = try await server.client.send(FermataListRuns()).runs
            try #require(runs.count == 1)
            try await server.wait(runs[0].id, .finished, .failed)
            let ends = try await server.ends(runs[0].id)
            #expect(ends.map(\.outcome) == [.callFinished, .callUnknown], "\(ends)")
            // Two calls of a step start in any order; and the process may have seen the end of its input before its own.
            #expect(server.begun.filter { $0 != "end" }.sorted() == ["fork ", "wait w"], "\(server.begun)")
            await server.shutDown()
        }
    }
}
