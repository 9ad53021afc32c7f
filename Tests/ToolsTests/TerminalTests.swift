import Glibc
import Testing

@testable import Tools

@Suite(.timeLimit(.minutes(2)))
struct TerminalTests {
    @Test func runsACommandInItsWorkspace() async throws {
        let harness = try TerminalHarness()
        let call = harness.start("pwd; echo \"$PWD\"; echo oops >&2; exit 3")
        let result = await call.result()
        #expect(result.outcome == .finished)
        #expect(result.exitCode == 3)
        #expect(result.output == ToolOutput(text: "\(harness.workspace)\n\(harness.workspace)\noops\n"))
        #expect(call.live == result.output.text)
        #expect(call.execution.takeOutput() == result.output)
        var status = stat()
        #expect(stat(harness.workspace, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        #expect(harness.processesLeft == [])
    }

    @Test func aSignalIsAnExitCode() async throws {
        #expect(await (try TerminalHarness()).run("kill -SEGV $$").exitCode == 128 + SIGSEGV)
    }

    @Test func standardInputIsEmptyAndNothingElseIsOpen() async throws {
        let result = await (try TerminalHarness()).run("cat; ls /proc/self/fd | wc -l; readlink /proc/self/fd/0")
        // 0, 1, 2, and the directory that ls reads.
        #expect(result.output.text == "4\n/dev/null\n")
    }

    @Test func outputArrivesWhileTheCommandRuns() async throws {
        let harness = try TerminalHarness()
        let call = harness.start("mkfifo go; echo one; cat go; echo two")
        await call.output(contains: "one\n")
        #expect(call.live == "one\n")
        let go = open(harness.workspace + "/go", O_WRONLY | O_CLOEXEC)
        close(go)
        #expect(await call.result().output.text == "one\ntwo\n")
    }

    @Test func theEnvironmentIsCleanAndSecretsAreMasked() async throws {
        let harness = try TerminalHarness(environment: [
            "LLM_API_KEY": "sk-0123456789", "My_Token": "tok-abcdefgh", "SHORT_SECRET": "abc", "DB_PASSWORD": "",
            "HOME": "/home/somebody", "BASH_ENV": "/etc/passwd", "KEPT": "sk-0123456789",
        ])
        let result = await harness.run("env | sort; printf 'sk-01234'; sleep 0.05; printf '56789 tok-abcdefgh sk-012'")
        let lines = Set(result.output.text.split(separator: "\n").map(String.init))
        #expect(
            lines.isSuperset(of: ["HOME=/home/somebody", "FERMATA=1", "TERM=dumb", "KEPT=****", "**** **** sk-012"]))
        let names = lines.map { $0.prefix { $0 != "=" } }
        for name in ["LLM_API_KEY", "My_Token", "SHORT_SECRET", "DB_PASSWORD", "BASH_ENV"] {
            #expect(!names.contains(Substring(name)))
        }
    }

    @Test func timeOutKillsAndKeepsTheOutput() async throws {
        let harness = try TerminalHarness()
        // Long enough for bash to get that far on a busy machine.
        let result = await harness.run(
            "trap '' TERM; echo before; sleep 1000 & setsid sleep 1000; echo after", timeout: 2)
        #expect(result.outcome == .timedOut)
        #expect(result.output.text == "before\n")
        #expect(result.exitCode == 128 + SIGKILL)
        #expect(harness.processesLeft == [])
    }

    @Test func cancelKeepsTheOutput() async throws {
        let harness = try TerminalHarness()
        let call = harness.start("echo before; sleep 1000")
        await call.output(contains: "before")
        call.execution.cancel()
        call.execution.cancel()
        let result = await call.result()
        call.execution.cancel()
        #expect(
            result == ToolResult(outcome: .cancelled, output: ToolOutput(text: "before\n"), exitCode: 128 + SIGKILL))
        #expect(harness.processesLeft == [])
    }

    @Test func missingParentsAreCreated() async throws {
        let harness = try TerminalHarness()
        let result = await harness.start(arguments: #"{"command":"pwd"}"#, workspace: harness.workspace + "/a/b c/ä")
            .result()
        #expect(result.output.text == harness.workspace + "/a/b c/ä\n")
    }

    @Test func aBadWorkspaceIsAClearFailure() async throws {
        let harness = try TerminalHarness()
        _ = await harness.run("touch file")
        for (workspace, text) in [
            (harness.workspace + "/file", "Not a directory"), (harness.workspace + "/file/below", "Not a directory"),
            ("/proc/nothing/here", "No such file or directory"), ("relative", "must be an absolute path"),
            ("/tmp/nul\0byte", "must be an absolute path"),
        ] {
            let result = await harness.start(arguments: #"{"command":"pwd"}"#, workspace: workspace).result()
            #expect(result.outcome == .failed)
            #expect(result.exitCode == nil)
            #expect(result.output.text.contains(text), "\(workspace)")
        }
    }

    @Test func badArgumentsAreClearFailures() async throws {
        let harness = try TerminalHarness()
        for (arguments, text) in [
            ("", "JSON object"), ("[]", "JSON object"), ("{}", "\"command\""), (#"{"command":1}"#, "\"command\""),
            (#"{"command":"true","timeout_seconds":"1"}"#, "timeout_seconds"),
            (#"{"command":"true","timeout_seconds":0}"#, "more than 0"),
            (#"{"command":"true","timeout_seconds":-1}"#, "more than 0"),
            (#"{"command":"true","timeout_seconds":86401}"#, "at most 86400"),
            (#"{"command":"true","timeout_seconds":1e999}"#, "timeout_seconds"),
            (#"{"command":"echo a\u0000b"}"#, "NUL"),
            ("{\"command\":\"\(String(repeating: "x", count: 131_072))\"}", "at most 131071"),
            (String(repeating: "[", count: 100_000), "JSON object"),
        ] {
            let result = await harness.start(arguments: arguments).result()
            #expect(result.outcome == .failed)
            #expect(result.output.text.contains(text), "\(arguments.prefix(60))")
        }
    }

    @Test func theLongestCommandRuns() async throws {
        let command = "echo " + String(repeating: "x", count: Terminal.maximumCommandBytes - 5)
        let result = await (try TerminalHarness(outputLimit: 200_000)).run(command)
        #expect(result.output.text.utf8.count == Terminal.maximumCommandBytes - 4)
    }

    @Test func aMissingSupervisorIsAClearError() {
        #expect(
            throws: ToolProcessError(
                code: ENOENT, what: "The program /nowhere/fermata-supervisor, which runs commands, cannot be used")
        ) { try ToolProcesses(supervisor: "/nowhere/fermata-supervisor") }
    }

    @Test func closeCancelsAndRefuses() async throws {
        let harness = try TerminalHarness()
        let call = harness.start("echo here; sleep 1000")
        await call.output(contains: "here")
        harness.processes.close()
        #expect(await call.result().outcome == .cancelled)
        #expect(harness.processesLeft == [])
    }

    /// Whoever keeps the execution and is kept by the callbacks is not kept for ever.
    @Test func callbacksAreReleasedAfterTheEnd() async throws {
        let harness = try TerminalHarness()
        weak var weakCall: TerminalCall?
        do {
            let call = harness.start("echo x")
            weakCall = call
            _ = await call.result()
            // The end is told on the thread that then lets go: the next call's end is after that.
            _ = await harness.run("true")
        }
        #expect(weakCall == nil)
    }

    @Test func definitionsAreValidAndNamed() {
        #expect(ToolDefinition.terminal.name == "terminal")
        #expect(ToolDefinition.terminal.idempotent == false)
    }
}
