import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// Both processes that supervise a command are killed: what the command had started ends all the same, the journal
    /// says what is true, and nobody else is hit.
    @Suite(.timeLimit(.minutes(2))) struct SupervisorDeathTests {
        private struct Stat {
            let number: pid_t
            let name: String
            let state: String
        }

        private func children(of parent: pid_t) -> [Stat] {
            let numbers =
                (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
            return numbers.compactMap { number in
                guard let stat = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8),
                    let begin = stat.firstIndex(of: "("), let end = stat.lastIndex(of: ")")
                else { return nil }
                let fields = stat[stat.index(after: end)...].split(separator: " ")
                guard fields.count > 1, pid_t(fields[1]) == parent else { return nil }
                return Stat(
                    number: number, name: String(stat[begin...end].dropFirst().dropLast()), state: String(fields[0]))
            }
        }

        /// The two processes of the supervisor of the one command that the server executes.
        private func supervisors(of server: pid_t) throws -> (guard: pid_t, keeper: pid_t) {
            let first = try #require(children(of: server).first { $0.name.hasPrefix("fermata-super") }?.number)
            let second = try #require(children(of: first).first?.number)
            return (first, second)
        }

        /// Stopped first, so that neither sees the other's end.
        private func killBoth(of server: pid_t) throws {
            let (first, second) = try supervisors(of: server)
            for process in [first, second] { kill(process, SIGSTOP) }
            for process in [first, second] { kill(process, SIGKILL) }
        }

        /// A command that leaves daemons behind: in sessions of their own, one with an empty environment, one that forks
        /// without end. It says when all are there, and then goes on.
        private func script(_ begun: Fifo, _ marker: String, hidesOne: Bool = true) -> String {
            let command = """
                (setsid bash -c 'exec -a \(marker)-a sleep 1000' &)
                \(hidesOne ? "(env -i PATH=$PATH setsid bash -c 'exec -a \(marker)-b sleep 1000' &)" : "")
                (setsid bash -c 'while :; do (exec -a \(marker)-c sleep 0.01); done' \(marker) &)
                (setsid bash -c 'setsid bash -c "exec -a \(marker)-d sleep 1000" & exec -a \(marker)-e sleep 1000' &)
                sleep 0.3; echo begun > \(begun.path); exec -a \(marker)-f sleep 1000
                """
            let arguments = String(
                decoding: try! JSONSerialization.data(withJSONObject: ["command": command]), as: UTF8.self)
            return #"[{"tool_calls": [{"name": "terminal", "arguments": \#(arguments)}]}, {"text": "Done."}]"#
        }

        private func end(of run: String, _ service: Service) async throws -> FermataCallEnded {
            let event = try await service.event(run) { if case .callEnded = $0 { true } else { false } }
            return event.callEnded
        }

        private func withPipes(_ body: (Fifo, String) async throws -> Void) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let marker = "fermata-orphan-\(UInt32.random(in: 0 ... .max))"
            defer {
                for process in processes(marked: marker) { kill(pid_t(process.prefix { $0 != ":" }) ?? 0, SIGKILL) }
            }
            try await body(try Fifo(in: directory, named: "begun"), marker)
        }

        @Test func daemonsEndWithTheirSupervisors() async throws {
            try await withPipes { begun, marker in
                try await Service.run(script: script(begun, marker)) { service, _ in
                    let server = service.process.processIdentifier
                    for round in 1...5 {
                        let run = try await service.launch()
                        await begun.lines(1)
                        #expect(processes(marked: marker).count >= 5)
                        try killBoth(of: server)
                        let ended = try await end(of: run, service)
                        // Not a moment later: the journal says that they have ended.
                        #expect(processes(marked: marker).isEmpty, "\(round): \(processes(marked: marker))")
                        #expect(ended.outcome == .callFailed, "\(ended)")
                        #expect(
                            ended.output.hasSuffix(
                                "The supervisor of this command was killed; the command was ended with it, and so was what "
                                    + "it had left running."), "\(ended.output)")
                        try await service.wait(run, .finished)
                        #expect(children(of: server).isEmpty, "\(children(of: server))")
                    }
                    #expect(service.process.isRunning)
                }
            }
        }

        /// Race: the interrupt comes in the moment in which they die.
        @Test func anInterruptedCommandsDaemonsEndToo() async throws {
            try await withPipes { begun, marker in
                try await Service.run(script: script(begun, marker)) { service, _ in
                    let server = service.process.processIdentifier
                    for round in 1...6 {
                        let run = try await service.launch()
                        await begun.lines(1)
                        let both = try supervisors(of: server)
                        async let interrupted = service.interrupt(run)
                        if round % 2 == 0 { _ = try await interrupted }
                        for process in [both.guard, both.keeper] { kill(process, SIGKILL) }
                        _ = try await interrupted
                        try await service.wait(run, .paused)
                        #expect(processes(marked: marker).isEmpty, "\(round): \(processes(marked: marker))")
                        #expect(children(of: server).isEmpty, "\(round): \(children(of: server))")
                    }
                }
            }
        }

        /// One of the two is enough to end it all; what it leaves is reaped.
        @Test func oneOfThemIsReaped() async throws {
            try await withPipes { begun, marker in
                try await Service.run(script: script(begun, marker)) { service, _ in
                    let server = service.process.processIdentifier
                    for round in 1...4 {
                        let run = try await service.launch()
                        await begun.lines(1)
                        let both = try supervisors(of: server)
                        kill(round % 2 == 0 ? both.guard : both.keeper, SIGKILL)
                        #expect(try await end(of: run, service).outcome == .callFailed)
                        #expect(processes(marked: marker).isEmpty, "\(round): \(processes(marked: marker))")
                        try await service.wait(run, .finished)
                        #expect(children(of: server).isEmpty, "\(round): \(children(of: server))")
                    }
                }
            }
        }

        /// The server has a child from before it was a server; its tools' orphans are told from it, or nobody knows.
        @Test func othersChildrenAreNotTouched() async throws {
            try await withPipes { begun, marker in
                for hidesOne in [false, true] {
                    try await Service.run(script: script(begun, marker, hidesOne: hidesOne)) { service, _ in
                        service.kill()
                        let wrapper = service.directory + "/wrapper.sh"
                        try Data(
                            """
                            #!/bin/bash
                            bash -c 'exec -a \(marker)-mine sleep 1000' &
                            exec \(Service.binary) "$@"

                            """.utf8
                        ).write(to: URL(fileURLWithPath: wrapper))
                        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: wrapper)
                        service.executable = wrapper
                        try await service.start()
                        let run = try await service.launch()
                        await begun.lines(1)
                        try killBoth(of: service.process.processIdentifier)
                        let ended = try await end(of: run, service)
                        let left = processes(marked: marker)
                        #expect(left.contains { $0.contains("-mine") })
                        if hidesOne {
                            let hidden = try #require(left.first { $0.contains("-b") })
                            let number = hidden.prefix { $0 != ":" }
                            #expect(
                                ended.output.contains(
                                    "it is not known whether all that the command started has ended: process \(number) "
                                ),
                                "\(ended.output)")
                            #expect(left.count == 2, "\(left)")
                        } else {
                            #expect(ended.output.contains("so was what it had left running"), "\(ended.output)")
                            #expect(left.count == 1, "\(left)")
                        }
                        try await service.wait(run, .finished)
                        for process in left { kill(pid_t(process.prefix { $0 != ":" }) ?? 0, SIGKILL) }
                    }
                }
            }
        }

        private static let canUnshare: Bool = {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["unshare", "--pid", "--fork", "--mount-proc", "true"]
            process.standardError = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }()

        /// Runs a program to its end. Foundation's `Process` waits for all that a program leaves behind as well.
        private func run(_ arguments: [String]) throws {
            var pointers = arguments.map { strdup($0) } + [nil]
            defer { for pointer in pointers { free(pointer) } }
            var process: pid_t = 0
            let code = posix_spawnp(&process, arguments[0], nil, nil, &pointers, environ)
            try #require(code == 0)
            while waitpid(process, nil, 0) < 0, errno == EINTR { continue }
        }

        /// As the first process of a container: everybody's orphans come to it.
        @Test(.enabled(if: canUnshare)) func theFirstProcessReapsOrphans() async throws {
            try await withPipes { begun, marker in
                try await Service.run(script: script(begun, marker, hidesOne: false)) { service, _ in
                    service.kill()
                    let wrapper = service.directory + "/wrapper.sh"
                    let command = "unshare --pid --fork --mount-proc --kill-child \(Service.binary) \"$@\""
                    try Data("#!/bin/bash\nexec \(command)\n".utf8).write(to: URL(fileURLWithPath: wrapper))
                    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: wrapper)
                    service.executable = wrapper
                    try await service.start()
                    let server = try #require(children(of: service.process.processIdentifier).first?.number)
                    // Strangers in the same namespace leave orphans: one that ends, and one that goes on.
                    try run([
                        "nsenter", "--target", "\(server)", "--pid", "bash", "-c",
                        """
                        for i in 1 2 3 4 5; do (setsid sleep 0.2 &); done
                        (setsid bash -c 'exec -a \(marker)-mine sleep 1000' &)
                        """,
                    ])
                    for _ in 0..<1000 where children(of: server).count != 1 {
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    #expect(children(of: server).map(\.state) == ["S"], "\(children(of: server))")
                    let run = try await service.launch()
                    await begun.lines(1)
                    try killBoth(of: server)
                    let ended = try await end(of: run, service)
                    #expect(ended.output.contains("so was what it had left running"), "\(ended.output)")
                    let left = processes(marked: marker)
                    #expect(left.count == 1 && left[0].contains("-mine"), "\(left)")
                    try await service.wait(run, .finished)
                }
            }
        }
    }
}
