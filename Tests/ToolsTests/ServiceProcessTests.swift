import Glibc
import Testing

@testable import Tools

/// What depends on the process that the tools are in: each test has one of its own.
@Suite(.timeLimit(.minutes(2)))
struct ServiceProcessTests {
    @Test func noDescriptorAndNoChildIsLeft() async {
        await #expect(processExitsWith: .success) {
            let harness = try TerminalHarness()
            _ = await harness.run("true")
            let before = connections()
            for _ in 0..<20 {
                _ = await harness.run("sleep 1000 & echo x")
                _ = await harness.start(arguments: #"{"command":"true"}"#, workspace: "/proc/nothing").result()
                let call = harness.start("sleep 1000")
                call.execution.cancel()
                _ = await call.result()
            }
            #expect(connections() == before)
            let child = waitpid(-1, nil, WNOHANG)
            let code = errno
            #expect(child == -1 && code == ECHILD)
        }
    }

    @Test func noDescriptorLeftIsAClearFailure() async {
        await #expect(processExitsWith: .success) {
            let harness = try TerminalHarness()
            _ = await harness.run("true")
            let free = dup(0)
            close(free)
            // None left, then one, two, three: less than a call needs. Then enough.
            for spare in 0..<4 {
                var limit = rlimit(rlim_cur: rlim_t(free) + rlim_t(spare), rlim_max: 4096)
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let result = await harness.run("true")
                #expect(result.outcome == .failed)
                #expect(result.output.text.hasSuffix("Too many open files"), "\(result.output.text)")
            }
            var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            #expect(await harness.run("true").outcome == .finished)
        }
    }

    @Test(arguments: [[Int32(0)], [1, 2], [0, 1, 2]])
    func aServiceWithoutStandardDescriptorsRunsCommands(_ closed: [Int32]) async {
        await #expect(processExitsWith: .success) { [closed = closed as [Int32]] in
            let standardError = dup(2)
            for descriptor in closed { close(descriptor) }
            let harness = try TerminalHarness()
            let result = await harness.run("echo out; echo err >&2; cat; ls /proc/self/fd | wc -l")
            dup2(standardError, 2)
            #expect(result.output.text == "out\nerr\n4\n")
        }
    }

    @Test func aServiceThatBlocksAndIgnoresSignalsDoesNotHandThatDown() async {
        await #expect(processExitsWith: .success) {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            signal(SIGPIPE, SIG_IGN)
            signal(SIGCHLD, SIG_IGN)
            let harness = try TerminalHarness()
            let result = await harness.run(
                "grep -E 'Sig(Blk|Ign)' /proc/self/status; yes | head -1; echo ${PIPESTATUS[0]}")
            let lines = result.output.text.split(separator: "\n")
            // Signals 32 and 33 belong to glibc, whose posix_spawn ignores them.
            #expect(lines[0].hasSuffix("\t0000000000000000"))
            #expect(UInt64(lines[1].suffix(16), radix: 16).map { $0 & ~0x1_8000_0000 } == 0)
            #expect(lines[2...] == ["y", "141"])
        }
    }

    /// A service that dies by SIGKILL takes its commands with it.
    @Test func nothingIsLeftOfAKilledService() async throws {
        let path: String = "/tmp/fermata-toolbox-death-\(UInt64.random(in: 1...UInt64.max))"
        #expect(mkfifo(path, 0o600) == 0)
        defer {
            unlink(path)
            removeTree(path + "-workspace")
        }
        // Our end first, for reading and writing so that it does not wait.
        let keep = open(path, O_RDWR | O_CLOEXEC)
        let reader = open(path, O_RDONLY | O_CLOEXEC)
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let harness = try TerminalHarness(environment: ["DEATH": path], workspace: path + "-workspace")
            let call = harness.start(
                "exec 9>\(path); trap '' TERM HUP; setsid sleep 1000 & (setsid setsid sleep 1000 &); echo ready; sleep 1000"
            )
            await call.output(contains: "ready")
            kill(getpid(), SIGKILL)
        }
        close(keep)
        // The end of the pipe comes when the last process that holds it has ended.
        #expect(await endOfPipe(reader) == 0)
        close(reader)
        // The command's processes are gone. The supervisors end by themselves within microseconds of that.
        #expect(processesWithEnvironment("DEATH=\(path)").allSatisfy { name(of: $0) == "fermata-supervi" })
    }

    private func name(of pid: pid_t) -> String {
        String(decoding: contents(of: "/proc/\(pid)/comm"), as: UTF8.self).filter { $0 != "\n" }
    }
}
