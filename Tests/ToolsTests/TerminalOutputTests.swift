import Glibc
import RawServer
import Testing

@testable import Tools

/// Much output, and output that is no text.
@Suite(.timeLimit(.minutes(2)))
struct TerminalOutputTests {
    @Test func aHundredMegabytesAreCutInTheMiddle() async throws {
        let harness = try TerminalHarness(outputLimit: 1000)
        let call = harness.start("echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last")
        let result = await call.result()
        let text = result.output.text
        #expect(result.outcome == .finished)
        #expect(text.hasPrefix("first\nxxxx"))
        #expect(text.hasSuffix("xxxx\nlast\n"))
        #expect(result.output.omittedBytes == 100_000_012 - 1000)
        #expect(text.contains("\n[… 99999012 bytes left out …]\n"))
        #expect(text.utf8.count < 1100)
    }

    @Test func endlessOutputUsesNoMemoryAndIsCancelledAtOnce() async throws {
        let harness = try TerminalHarness()
        _ = await harness.run("mkfifo seconds-later")
        let before = residentBytes()
        let call = harness.start("timeout 2 yes; echo > seconds-later; yes")
        // Waits until the command opens the other end; kept open so that the command can write to it.
        let later = open(harness.workspace + "/seconds-later", O_RDONLY | O_CLOEXEC)
        defer { close(later) }
        call.execution.cancel()
        let result = await call.result()
        #expect(result.outcome == .cancelled)
        #expect(result.output.omittedBytes > 1_000_000)
        #expect(result.output.text.utf8.count < 33_000)
        // The test itself keeps the live text: at most 2.5 MB a second.
        #expect(residentBytes() - before < 64 << 20)
        #expect(harness.processesLeft == [])
    }

    @Test func binaryGarbageIsRepaired() async throws {
        let call = (try TerminalHarness()).start("head -c 200000 /dev/urandom")
        let result = await call.result()
        #expect(result.output.repaired)
        #expect(call.live.unicodeScalars.contains("\u{FFFD}"))
        #expect(result.output.omittedBytes > 0)
    }

    @Test func aCharacterInTwoPartsIsOne() async throws {
        let call = (try TerminalHarness()).start("mkfifo f; printf 'a\\xe2\\x82'; cat f; printf '\\xacb'")
        await call.output(contains: "a")
        #expect(call.live == "a")
        #expect(call.execution.takeOutput() == ToolOutput(text: "a\u{FFFD}", repaired: true))
        call.execution.cancel()
        #expect(await call.result().output.text == "a\u{FFFD}")
        let whole = await (try TerminalHarness()).run("printf 'a\\xe2\\x82'; sleep 0.02; printf '\\xacb'")
        #expect(whole.output == ToolOutput(text: "a€b"))
    }

    /// Race: a command writes its last words, and is cut before the thread that reads them has its turn.
    @Test func whatACommandHadWrittenIsInWhatIsTaken() async throws {
        let harness = try TerminalHarness()
        let (reached, held) = (Latch<Bool>(), Latch<Bool>())
        let last = harness.start("mkfifo go told; echo ready; cat go; echo last words; echo > told; exec sleep 600")
        await last.output(contains: "ready\n")
        // The thread is held where it shows another command's output.
        let other = harness.terminal.start(
            ToolCall(
                tool: "terminal", run: "run", argumentsJSON: #"{"command":"echo other; exec sleep 600"}"#,
                workspace: harness.workspace, state: ""),
            onOutput: { _ in
                reached.open(true)
                held.waitBlocking()
            }, onEnd: { _ in })
        _ = await reached.value
        defer { other.cancel() }
        close(open(harness.workspace + "/go", O_WRONLY | O_CLOEXEC))
        close(open(harness.workspace + "/told", O_RDONLY | O_CLOEXEC))
        #expect(last.execution.takeOutput().text == "ready\nlast words\n")
        last.execution.cancel()
        held.open(true)
        #expect(await last.result().output.text == "ready\nlast words\n")
        // What was read by whoever took it was shown before it was taken.
        #expect("ready\nlast words\n".hasPrefix(last.live))
    }

    @Test func closedOutputIsNoEnd() async throws {
        let harness = try TerminalHarness()
        let result = await harness.run("echo said; exec >&- 2>&-; sleep 0.05; echo done > file; exit 7")
        #expect(result == ToolResult(outcome: .finished, output: ToolOutput(text: "said\n"), exitCode: 7))
        #expect(contents(of: harness.workspace + "/file") == Array("done\n".utf8))
    }

    @Test func lastWordsOfProcessSubstitutionAreHeard() async throws {
        let result = await (try TerminalHarness()).run("echo hello > >(sleep 0.03; cat)")
        #expect(result.output.text == "hello\n")
    }

    private func residentBytes() -> Int {
        let fields = String(decoding: contents(of: "/proc/self/statm"), as: UTF8.self).split(separator: " ")
        return Int(fields[1])! * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
