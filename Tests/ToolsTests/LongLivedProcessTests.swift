import Glibc
import LineTools
import Secrets
import Testing

@testable import Tools

/// Processes that live longer than a call: what is written and read, and how they end.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LongLivedProcessTests {
    @Test func manyRequestsOverOneProcess() async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        for number in 1...300 { #expect(server.ask(number, "echo", "text \(number)") == .queued) }
        for number in 1...300 { #expect(await server.answer(to: number) == "ok text \(number)") }
        server.ask(301, "pid")
        let first = await server.answer(to: 301)
        server.ask(302, "pid")
        #expect(await server.answer(to: 302) == first)
        #expect(harness.begun.count == 302)
        server.process.kill()
        #expect(await server.end().cause == .killed)
        #expect(harness.processesLeft == [])
    }

    /// Each is answered only when the other has come.
    @Test func twoRequestsAtOnce() async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        server.ask(1, "meet", "here")
        server.ask(2, "meet", "here")
        #expect(await server.answer(to: 1) == "ok here")
        #expect(await server.answer(to: 2) == "ok here")
    }

    @Test func aRequestIsCancelledAndTheProcessLivesOn() async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        server.ask(1, "wait")
        server.ask(2, "cancel", "1")
        #expect(await server.answer(to: 1) == "cancelled")
        server.ask(3, "echo", "still here")
        #expect(await server.answer(to: 3) == "ok still here")
    }

    @Test(arguments: [("exit", "0", Int32(0)), ("exit", "3", 3), ("kill", "", 137)])
    func itDiesInTheMidst(_ verb: String, _ text: String, _ code: Int32) async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        server.ask(1, "wait")
        server.ask(2, "say", "last words")
        #expect(await server.answer(to: 2) == "ok")
        server.ask(3, verb, text)
        #expect(await server.answer(to: 1) == nil)
        let end = await server.end()
        #expect(end.cause == .exited(code: code))
        #expect(end.errorTail == "last words\n")
        #expect(end.description.contains(code == 137 ? "signal 9" : "exit code \(code)"))
        #expect(end.description.hasSuffix("last words\n"))
        #expect(server.ask(4, "echo") == .closed)
        #expect(harness.processesLeft == [])
    }

    // MARK: - What it writes

    @Test func bytesComeInOrder() async throws {
        let harness = try LineHarness()
        let copier = harness.run(["cat"], reading: .bytes).start()
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        for start in stride(from: 0, to: bytes.count, by: 70_001) {
            #expect(copier.process.write(Array(bytes[start..<min(bytes.count, start + 70_001)])) == .queued)
        }
        copier.process.closeInput()
        #expect(copier.process.write([1]) == .closed)
        #expect(await copier.end().cause == .exited(code: 0))
        #expect(copier.bytes == bytes)
    }

    @Test func linesAreCutAtLineFeedsOnly() async throws {
        let harness = try LineHarness()
        let text = #"\n\r\na\r\nb\0c\n\xff\xc3\n  \nhalf"#
        let printer = harness.run(["printf", text]).start()
        let end = await printer.end()
        #expect(end.cause == .exited(code: 0) && end.unfinishedLine == Array("half".utf8))
        #expect(printer.count == 6)
        #expect(Array(printer.bytes) == Array("\ra\rb\0c".utf8) + [0xFF, 0xC3] + Array("  ".utf8))
    }

    /// Of a line that comes in pieces as of one that comes at once, the line feed is not counted.
    @Test(arguments: [65_536, 1_000]) func aLineHasALimit(_ piece: Int) async throws {
        let harness = try LineHarness()
        let limit = 200_000
        let script = """
            import os, sys
            for n in (\(limit), \(limit), \(limit + 1), 1):
                line = b"x" * n + b"\\n"
                for at in range(0, len(line), \(piece)): os.write(1, line[at:at + \(piece)])
            """
        let printer = harness.run(["python3", "-S", "-c", script], reading: .lines(limit: limit)).start()
        let end = await printer.end()
        #expect(end.cause == .lineTooLong(limit: limit) && end.unfinishedLine == [])
        #expect(end.description.contains("more than \(limit) bytes"))
        #expect(printer.lines.map(\.utf8.count) == [limit, limit])
        #expect(harness.processesLeft == [])
    }

    /// Race: the thread that reads for all is busy with one that writes without end, and others are served all the same.
    @Test func oneThatWritesWithoutEndKeepsNobodyUp() async throws {
        let harness = try LineHarness()
        let (loud, other) = (harness.server().start(), harness.server().start())
        loud.ask(1, "flood")
        await loud.said(1000)
        for number in 1...20 {
            other.ask(number, "echo", "heard")
            #expect(await other.answer(to: number) == "ok heard")
        }
        loud.process.kill()
        #expect(await loud.end().cause == .killed)
        let shouting = harness.server(reading: .lines(limit: 1 << 20)).start()
        shouting.ask(1, "shout")
        #expect(await shouting.end().cause == .lineTooLong(limit: 1 << 20))
        other.ask(30, "echo", "heard")
        #expect(await other.answer(to: 30) == "ok heard")
        #expect(!other.hasEnded)
    }

    @Test func ofStandardErrorTheEndIsKept() async throws {
        let harness = try LineHarness()
        let server = harness.server(limits: .init(errors: 5000)).start()
        for number in 1...2000 { server.ask(number, "say", "line \(number)") }
        for number in 1...2000 { _ = await server.answer(to: number) }
        server.process.kill()
        let end = await server.end()
        #expect(end.errorTail.utf8.count <= 5000 && end.errorTail.utf8.count > 4900)
        #expect(end.errorTail.hasPrefix("line ") && end.errorTail.hasSuffix("\n"))
        let raging = harness.server(limits: .init(errors: 3000)).start()
        raging.ask(1, "rage")
        // It is read, so that it goes on; what is kept does not grow.
        while raging.process.errorTail.utf8.count < 2000 { await Task.yield() }
        raging.process.kill()
        let tail = await raging.end().errorTail
        #expect(tail.utf8.count <= 3000 && tail.allSatisfy { $0 == "y" || $0 == "\n" })
    }

    @Test func secretsAreMaskedBeforeAnythingIsCut() async throws {
        let harness = try LineHarness()
        let secret = "0123456789abcdef"
        let server = harness.server(limits: .init(errors: 10), secrets: SecretTable([secret])).start()
        server.ask(1, "say", "key \(secret) \(secret) and \(secret)")
        #expect(await server.answer(to: 1) == "ok")
        while !server.process.errorTail.contains("and ****") { await Task.yield() }
        for length in 1...secret.count { #expect(!server.process.errorTail.contains(secret.suffix(length))) }
        server.process.kill()
        _ = await server.end()
    }

    @Test func whatIsNoUTF8IsRepairedWithinTheLimit() async throws {
        let harness = try LineHarness()
        let printer = harness.run(["bash", "-c", #"printf '\xff%.0s' {1..90} >&2"#], limits: .init(errors: 100)).start()
        let tail = await printer.end().errorTail
        #expect(tail.utf8.count <= 100 && tail.count == 33 && tail.allSatisfy { $0 == "\u{FFFD}" })
    }

    // MARK: - What it reads

    @Test func oneThatDoesNotReadHasALimitAndKeepsNobodyUp() async throws {
        let harness = try LineHarness()
        let limit = 300_000
        let deaf = harness.server(limits: .init(input: limit)).start()
        let other = harness.server().start()
        deaf.ask(1, "deaf")
        #expect(await deaf.answer(to: 1) == "ok")
        let piece = [UInt8](repeating: 10, count: 10_000)
        var taken = 0
        var refusals = 0
        // The pipe takes some of it, in its own time; from then on nothing more.
        while refusals < 200 {
            switch deaf.process.write(piece) {
            case .queued: (taken, refusals) = (taken + piece.count, 0)
            case .full:
                refusals += 1
                other.ask(refusals, "echo")
                #expect(await other.answer(to: refusals) == "ok ")
            case .closed: Issue.record("closed")
            }
        }
        #expect(taken >= limit - piece.count && taken <= limit + (64 << 10) + piece.count)
        #expect(deaf.process.write([]) == .queued)
        #expect(deaf.process.write([UInt8](repeating: 10, count: limit + 1)) == .full)
        deaf.process.kill()
        #expect(await deaf.end().cause == .killed)
        #expect(deaf.process.write(piece) == .closed)
    }

    @Test func whatIsWrittenBeforeTheStartIsReadAfterIt() async throws {
        let harness = try LineHarness()
        let copier = harness.run(["cat"])
        #expect(copier.process.write(Array("early\n".utf8)) == .queued)
        copier.process.closeInput()
        #expect(await copier.start().end().cause == .exited(code: 0))
        #expect(copier.lines == ["early"])
        #expect(copier.process.write([1]) == .closed)
    }

    // MARK: - How it ends

    /// What is queued is read before the end of the input, and the process ends in its own way.
    @Test func itEndsAtTheEndOfItsInput() async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        for number in 1...100 { server.ask(number, "echo") }
        for number in 1...100 { _ = await server.answer(to: number) }
        server.process.end(within: .seconds(100))
        #expect(await server.end().cause == .exited(code: 7))
        #expect(harness.begun.count == 101 && harness.begun.last == "end")
    }

    @Test func whoDoesNotEndInTimeIsKilled() async throws {
        let harness = try LineHarness()
        let server = harness.server(environment: ["LINES_STAYS": "1"]).start()
        server.ask(1, "fork")
        #expect(await server.answer(to: 1) == "ok")
        server.process.end(within: .milliseconds(20))
        // Only the first time counts.
        server.process.end(within: .seconds(1000))
        #expect(await server.end().cause == .killed)
        #expect(harness.processesLeft == [])
        let early = harness.server(environment: ["LINES_STAYS": "1"])
        early.process.end(within: .milliseconds(20))
        #expect(await early.start().end().cause == .killed)
    }

    @Test(arguments: ["kill", "exit", "drop", "close", "end"]) func itsDaemonsEndWithIt(_ how: String) async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        server.ask(1, "fork")
        #expect(await server.answer(to: 1) == "ok")
        // The process, its daemons and two supervisors.
        #expect(harness.processesLeft.count >= 6)
        switch how {
        case "kill": server.process.kill()
        case "exit": server.ask(2, "exit", "5")
        case "drop": server.drop()
        case "close": harness.processes.close()
        default: server.process.end(within: .seconds(100))
        }
        let cause = await server.end().cause
        #expect(cause == (how == "exit" ? .exited(code: 5) : how == "end" ? .exited(code: 7) : .killed))
        // Supervisors end by themselves right after they have said that nothing is left.
        #expect(harness.processesLeft.filter { !harness.supervisors.contains($0) } == [])
    }

    @Test func oneThatStandsStillIsKilledAndOneThatGoesOnAnswers() async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        server.ask(1, "pid")
        let pid = pid_t(try #require(await server.answer(to: 1)).dropFirst(3))!
        kill(pid, SIGSTOP)
        for number in 2...50 { #expect(server.ask(number, "echo") == .queued) }
        kill(pid, SIGCONT)
        for number in 2...50 { #expect(await server.answer(to: number) == "ok ") }
        server.ask(51, "fork")
        #expect(await server.answer(to: 51) == "ok")
        for process in harness.processesLeft { kill(process, SIGSTOP) }
        server.ask(52, "echo")
        server.process.kill()
        #expect(await server.end().cause == .killed)
        #expect(harness.processesLeft == [])
    }

    @Test func itsSupervisorIsKilled() async throws {
        let harness = try LineHarness()
        let server = harness.server().start()
        server.ask(1, "fork")
        #expect(await server.answer(to: 1) == "ok")
        let first = try #require(harness.supervisors.min())
        kill(first, SIGKILL)
        guard case .lost(let reason) = await server.end().cause else {
            Issue.record("not lost")
            return
        }
        #expect(reason.hasPrefix("The supervisor of this command was"))
        while !harness.processesLeft.isEmpty { await Task.yield() }
    }

    // MARK: - What cannot be started

    @Test func whatCannotBeStartedSaysWhy() async throws {
        let harness = try LineHarness()
        for (arguments, reason) in [
            (["/nothing/here"], "/nothing/here cannot be executed: No such file or directory"),
            ([], "There is no program to be started."),
            (["a\0b"], "NUL character"),
        ] {
            let process = harness.run(arguments)
            process.process.write([1, 2, 3])
            guard case .notStarted(let text) = await process.start().end().cause else {
                Issue.record("\(arguments) was started")
                continue
            }
            #expect(text.contains(reason), "\(text)")
        }
        let nowhere = LongLivedProcess(
            .init(arguments: ["cat"], directory: "/proc/nothing", environment: [:]), in: harness.processes,
            reading: .bytes)
        guard case .notStarted(let text) = await Conversation(nowhere).start().end().cause else {
            Issue.record("started")
            return
        }
        #expect(text.contains("/proc/nothing"))
        let early = harness.server()
        early.process.kill()
        #expect(await early.start().end().cause == .killed)
        #expect(harness.begun.isEmpty)
    }

    /// Places are those of processes that last: a command has its own.
    @Test func thereAreOnlySoManyAtOnce() async throws {
        let harness = try LineHarness()
        harness.processes.limitLongLivedProcesses(to: 2)
        let first = harness.run(["cat"]).start()
        let second = harness.run(["cat"]).start()
        guard case .notStarted(let text) = await harness.run(["cat"]).start().end().cause else {
            Issue.record("started")
            return
        }
        #expect(text == "There are 2 lasting processes already, and there is no room for another one.")
        first.process.kill()
        _ = await first.end()
        let third = harness.server().start()
        third.ask(1, "echo")
        #expect(await third.answer(to: 1) == "ok ")
        second.process.kill()
        #expect(await second.end().cause == .killed)
    }
}

/// What depends on the process that they are in: each test has one of its own.
@Suite(.timeLimit(.minutes(3)))
struct LongLivedServiceTests {
    @Test func noDescriptorAndNoChildIsLeft() async {
        await #expect(processExitsWith: .success) {
            let harness = try LineHarness()
            let warm = harness.server().start()
            warm.ask(1, "echo")
            _ = await warm.answer(to: 1)
            warm.process.kill()
            _ = await warm.end()
            let before = connections()
            for round in 0..<10 {
                let process = harness.server().start()
                process.ask(1, "fork")
                _ = await process.answer(to: 1)
                #expect(connections().count == before.count + LongLivedProcess.descriptors)
                if round % 2 == 0 { process.process.kill() } else { process.process.closeInput() }
                _ = await process.end()
                _ = await harness.run(["/nothing/here"]).start().end()
            }
            #expect(connections() == before)
            let child = waitpid(-1, nil, WNOHANG)
            let code = errno
            #expect(child == -1 && code == ECHILD)
        }
    }

    /// A process that reads no more is an error of the writing and no signal.
    @Test func aBrokenPipeEndsNobody() async {
        await #expect(processExitsWith: .success) {
            signal(SIGPIPE, SIG_DFL)
            let harness = try LineHarness()
            let process = harness.run(["bash", "-c", "exec 0<&-; echo closed; exec sleep 1000"]).start()
            await process.said(1)
            while process.process.write([10]) != .closed { await Task.yield() }
            #expect(!process.hasEnded)
            process.process.kill()
            #expect(await process.end().cause == .killed)
        }
    }

    /// Both supervisors are killed at once: what they had under them becomes this process's, and ends.
    @Test func itsSupervisorsAreBothKilled() async {
        await #expect(processExitsWith: .success) {
            let harness = try LineHarness(adoptsOrphans: true)
            let server = harness.server().start()
            server.ask(1, "fork")
            _ = await server.answer(to: 1)
            let supervisors = harness.supervisors
            #expect(supervisors.count == 2)
            for process in supervisors { kill(process, SIGSTOP) }
            for process in supervisors { kill(process, SIGKILL) }
            guard case .lost(let reason) = await server.end().cause else {
                Issue.record("not lost")
                return
            }
            #expect(reason.contains("and so was what it had left running"), "\(reason)")
            #expect(harness.processesLeft == [])
        }
    }

    /// A service that dies by SIGKILL takes its lasting processes with it, and their daemons.
    @Test func nothingIsLeftOfAKilledService() async throws {
        let path: String = "/tmp/fermata-lines-death-\(UInt64.random(in: 1...UInt64.max))"
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        // Our end first, for reading and writing so that it does not wait.
        let keep = open(path, O_RDWR | O_CLOEXEC)
        let reader = open(path, O_RDONLY | O_CLOEXEC)
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let harness = try LineHarness()
            let server = harness.server(environment: ["LINES_HOLD": path]).start()
            server.ask(1, "fork")
            guard await server.answer(to: 1) == "ok" else { return }
            kill(getpid(), SIGKILL)
        }
        close(keep)
        // The end of the pipe comes when the last process that holds it has ended.
        #expect(await endOfPipe(reader) == 0)
        close(reader)
    }
}
