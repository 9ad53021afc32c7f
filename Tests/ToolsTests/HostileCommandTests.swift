import Glibc
import Testing

@testable import Tools

/// Commands that try to leave a process behind. In every test the command's processes carry a marker in their
/// environment; when the end is told, no process of the machine may have it.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct HostileCommandTests {
    /// Each says "ready" when its processes are there, and lasts until it is killed.
    static let endless = [
        "sleep 1000 & echo ready; wait",
        "setsid sleep 1000 & echo ready; wait",
        "(setsid setsid sleep 1000 & ) ; (setsid bash -c '(sleep 1000 &) ; exec sleep 1000' &); echo ready; sleep 1000",
        "nohup sleep 1000 >/dev/null 2>&1 & echo ready; wait",
        "trap '' TERM INT HUP QUIT PIPE; (trap '' TERM INT HUP; sleep 1000; sleep 1000) & echo ready; while :; do sleep 1; done",
        "sleep 1000 & kill -STOP $!; echo ready; kill -STOP $$; sleep 1000",
        "bash -c 'sleep 0 & exec sleep 1000' & sleep 0.05; echo ready; wait",
        "for i in {1..50}; do setsid sleep 1000 & done; echo ready; wait",
        "d() { if [ $1 -gt 0 ]; then setsid bash -c \"$(declare -f d); d $(($1 - 1))\" & fi; sleep 1000; }; d 12 & sleep 0.3; echo ready; wait",
        "b() { if [ $1 -gt 0 ]; then b $(($1 - 1)) & b $(($1 - 1)) & fi; sleep 1000; }; b 7 & sleep 0.3; echo ready; wait",
        // Daemons proper: fork, setsid, fork, everything closed.
        "perl -MPOSIX -e 'fork and exit; setsid; fork and exit; close $_ for 0..255; sleep 1000'; echo ready; sleep 1000",
        // Comets: each generation is a new session and its parent has ended.
        "perl -MPOSIX -e '$SIG{CHLD}=q(IGNORE); fork and exit; $|=1; print qq(ready\\n); while (1) { exit if fork; setsid }' & wait; sleep 1000",
        "while :; do (exec setsid sleep 1000) & (:) & echo ready; sleep 0.001; done",
        // The keeper is stopped, and the guard above it.
        "kill -STOP $PPID; echo ready; sleep 1000",
        "g=$(awk '/^PPid/ {print $2}' /proc/$PPID/status); kill -STOP $g; kill -STOP $PPID; setsid sleep 1000 & echo ready; sleep 1000",
    ]

    @Test(arguments: endless.indices, [false, true])
    func cancelLeavesNothing(_ index: Int, scan: Bool) async throws {
        let harness = try TerminalHarness(options: scan ? ["--scan"] : [])
        let call = harness.start(HostileCommandTests.endless[index])
        await call.output(contains: "ready")
        call.execution.cancel()
        #expect(await call.result().outcome == .cancelled)
        #expect(harness.processesLeft == [])
    }

    /// Without a word from us: a call leaves nothing in the background.
    @Test(arguments: [
        "nohup sleep 1000 & echo ready",
        "setsid sleep 1000 >/dev/null 2>&1 & echo ready",
        "perl -MPOSIX -e 'fork and exit; setsid; fork and exit; close $_ for 0..255; sleep 1000'; echo ready",
        "trap '' TERM; (trap '' TERM HUP; while :; do sleep 1; done) & echo ready",
        "sleep 1000 & kill -STOP $!; echo ready",
    ])
    func theEndOfACommandLeavesNothing(_ command: String) async throws {
        let harness = try TerminalHarness()
        let result = await harness.run(command)
        #expect(result.outcome == .finished)
        #expect(result.exitCode == 0)
        #expect(result.output.text.contains("ready\n"))
        #expect(harness.processesLeft == [])
    }

    @Test(arguments: [
        "kill -9 $PPID", "g=$(awk '/^PPid/ {print $2}' /proc/$PPID/status); kill -9 $g", "kill -TERM $PPID",
    ])
    func aCommandThatEndsItsSupervisorFails(_ kill: String) async throws {
        let harness = try TerminalHarness()
        let call = harness.start("setsid sleep 1000 & (setsid setsid sleep 1000 &); echo said; \(kill); sleep 1000")
        let result = await call.result()
        #expect(result.outcome == .failed)
        #expect(result.output.text.hasPrefix("said\nThe supervisor of this command was "), "\(result)")
        #expect(harness.processesLeft == [])
    }

    @Test func cancelAtAnyInstant() async throws {
        let harness = try TerminalHarness()
        let command = "setsid sleep 1000 & (setsid sleep 1000 &); trap '' TERM; bash -c 'sleep 1000'; sleep 1000"
        for _ in 0..<200 {
            let call = harness.start(command)
            // Not a wait for something: the instant itself is the input of the test.
            usleep(.random(in: 0..<15_000))
            call.execution.cancel()
            #expect(await call.result().outcome == .cancelled)
            #expect(harness.processesLeft == [])
        }
    }

    @Test func sixtyFourAtOnce() async throws {
        let harness = try TerminalHarness()
        let calls = (0..<64).map { harness.start("echo ready $((\($0) + 1000)); setsid sleep 1000 & sleep 1000") }
        for (number, call) in calls.enumerated() { await call.output(contains: "ready \(number + 1000)") }
        #expect(harness.processesLeft.count >= 64 * 4)
        for call in calls { call.execution.cancel() }
        for call in calls { #expect(await call.result().outcome == .cancelled) }
        #expect(harness.processesLeft == [])
        let results = (0..<64).map { harness.start("exit \($0)") }
        for (number, call) in results.enumerated() { #expect(await call.result().exitCode == Int32(number)) }
    }
}
