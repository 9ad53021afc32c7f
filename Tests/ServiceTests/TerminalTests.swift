import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// What the command line shows on a terminal, and into a pipe.
    @Suite(.timeLimit(.minutes(2))) struct TerminalTests {
        private let hostile = "before\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}after\r\nnext\rline"
        private let shown = #"before\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eafter"#

        @Test func whatModelsWriteDoesNotReachTheTerminal() async throws {
            let text = try String(decoding: JSONEncoder().encode(hostile), as: UTF8.self)
            try await Service.run(script: #"[{"text": \#(text)}]"#) { service, _ in
                let run = try await service.launch(hostile)
                try await service.wait(run, .finished)
                for arguments in [
                    ["show", run], ["history", run], ["list"], ["list", "--json"], ["launch", "--follow", hostile],
                ] {
                    let terminal = try PseudoTerminal(
                        service.directory, columns: 200, environment: ["TERM": "xterm", "NO_COLOR": "1"], arguments)
                    defer { terminal.kill() }
                    let lines = await terminal.all()
                    let control = lines.joined(separator: "\n").unicodeScalars.filter {
                        $0.properties.generalCategory == .control && $0 != "\n" || $0 == "\u{202e}"
                    }
                    #expect(control.isEmpty, "\(arguments): \(lines)")
                    if arguments[0] == "history" {
                        #expect(lines.filter { $0.contains(shown) }.count == 2, "\(lines)")
                        #expect(lines.filter { $0.hasSuffix(#"next\u000dline"#) }.count == 2, "\(lines)")
                    }
                }
                // A pipe gets the bytes as they are.
                #expect(try await service.cli("launch", "--wait", "again").output == hostile + "\n")
            }
        }

        @Test func linesAreCutToTheTerminalByTheWidthOfWhatIsShown() async throws {
            try await Service.run(script: #"[{"match": "", "text": "ok"}]"#) { service, _ in
                let wide = try await service.launch(String(repeating: "漢字👩‍👩‍👧e\u{301}", count: 30))
                try await service.wait(wide, .finished)
                let terminal = try PseudoTerminal(
                    service.directory, columns: 100, environment: ["TERM": "xterm", "NO_COLOR": "1"], ["list"])
                defer { terminal.kill() }
                let lines = await terminal.all()
                #expect(lines.count == 2 && lines[0].hasPrefix("RUN ") && lines[1].hasPrefix(String(wide.prefix(18))))
                // Two columns each for 漢, 字 and the family, one for é: all but at most one of the columns are used.
                let text = try #require(lines.last)
                let columns = text.reduce(0) { $0 + ("漢字👩‍👩‍👧".contains($1) ? 2 : 1) }
                #expect((99...100).contains(columns) && text.hasSuffix("…"), "\(columns): \(text)")
            }
        }

        /// What is left out first where there is no room, and that no line is wider than the terminal.
        @Test(arguments: [
            (160, ["COST", "AGE", "MODEL"]), (100, ["COST", "AGE", "MODEL"]), (80, ["COST", "AGE"]), (60, []), (20, []),
        ])
        func narrowTerminalsShowTheTaskBeforeTheRest(columns: Int, head: [String]) async throws {
            try await Service.run(script: #"[{"text": "ok"}]"#) { service, _ in
                let run = try await service.launch(String(repeating: "A long task. ", count: 30))
                try await service.wait(run, .finished)
                let terminal = try PseudoTerminal(
                    service.directory, columns: columns, environment: ["TERM": "xterm", "NO_COLOR": "1"], ["list"])
                defer { terminal.kill() }
                let lines = await terminal.all()
                #expect(lines.count == 2 && lines.allSatisfy { $0.count <= columns }, "\(lines)")
                #expect(["COST", "AGE", "MODEL"].filter { lines[0].contains($0) } == head, "\(lines)")
                #expect(lines[1].contains("A long task") == (columns > 20), "\(lines)")
                #expect(lines[1].contains(run) == (columns >= 140))
            }
        }

        @Test(arguments: [
            (["TERM": "xterm"], true), (["TERM": "xterm", "NO_COLOR": "1"], false), (["TERM": "dumb"], false),
            ([:], false),
            (["TERM": "xterm", "NO_COLOR": ""], true),
        ])
        func coloursAreForTerminalsThatKnowThem(environment: [String: String], hasColours: Bool) async throws {
            try await Service.run(script: "[]") { service, _ in
                try await service.launch("")
                let terminal = try PseudoTerminal(service.directory, environment: environment, ["list"])
                defer { terminal.kill() }
                let lines = await terminal.all()
                #expect(lines.joined().contains("\u{1b}[") == hasColours, "\(lines)")
                let piped = try await Service.cli(["list"], directory: service.directory)
                #expect(!piped.output.contains("\u{1b}"))
            }
        }

        @Test func aWatchedListFollowsTheRunsIntoAPipe() async throws {
            try await Service.run(script: #"[{"gate": "answer", "text": "Done."}]"#) { service, model in
                let first = try await service.launch("")
                let watch = try RunningCommand(service, "list", "--watch")
                defer { watch.kill() }
                #expect(await watch.nextLine()?.hasPrefix("\(first)  IDLE") == true)
                let second = try await service.launch("go")
                #expect(await watch.lines(upTo: "\(second)  RUNNING").last?.contains(second) == true)
                await model.gates.awaited("answer")
                try await service.pause(first)
                #expect(await watch.lines(upTo: "\(first)  PAUSED").last?.contains(first) == true)
                // A new instance numbers anew: what changed meanwhile is listed again.
                service.kill()
                try await service.start()
                try await service.resume(first)
                #expect(await watch.lines(upTo: "\(first)  IDLE").last?.contains(first) == true)
                watch.signal(SIGINT)
                _ = await watch.end()
            }
        }

        @Test func aWatchedListShowsOnlyWhatWasAskedFor() async throws {
            try await Service.run(script: "[]") { service, _ in
                let runs = [try await service.launch(""), try await service.launch(""), try await service.launch("")]
                let watch = try RunningCommand(service, "list", "--watch", "--status", "IDLE", "--limit", "2")
                defer { watch.kill() }
                #expect(await watch.nextLine()?.hasPrefix(runs[2]) == true)
                #expect(await watch.nextLine()?.hasPrefix(runs[1]) == true)
                // It leaves the list, and the one beyond the limit takes its place.
                try await service.pause(runs[2])
                let lines = await watch.lines(upTo: runs[2])
                let rest = lines.contains { $0.hasPrefix(runs[0]) } ? lines : lines + [await watch.nextLine() ?? ""]
                #expect(rest.contains { $0.hasPrefix("\(runs[2])  PAUSED") }, "\(rest)")
                #expect(rest.contains { $0.hasPrefix("\(runs[0])  IDLE") }, "\(rest)")
            }
        }

        @Test func aWatchedListIsRedrawnInPlaceOnATerminal() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let terminal = try PseudoTerminal(
                    service.directory, environment: ["TERM": "xterm", "NO_COLOR": "1"], ["list", "--watch"])
                defer { terminal.kill() }
                _ = await terminal.lines(upTo: "1 run at ")
                try await service.pause(run)
                let redrawn = await terminal.lines(upTo: "PAUSED")
                #expect(redrawn.contains { $0.contains("\u{1b}[3A") }, "\(redrawn)")
            }
        }

        @Test func waitingShowsHowTheRunIsOnATerminal() async throws {
            try await Service.run(script: #"[{"gate": "answer", "text": "Done."}]"#) { service, model in
                let run = try await service.launch("go")
                await model.gates.awaited("answer")
                let terminal = try PseudoTerminal(service.directory, ["wait", run, "--for", "PAUSED", "FAILED"])
                defer { terminal.kill() }
                // Drawn once a second, each time after a return of the carriage.
                let drawn = await terminal.lines(upTo: "waiting for PAUSED, FAILED").joined()
                #expect(drawn.contains("RUNNING  step 1"), "\(drawn)")
                try await service.interrupt(run)
                let rest = await terminal.all()
                #expect(rest.last?.hasSuffix("\(run)  PAUSED") == true, "\(rest)")
                let piped = try await service.cli("wait", run)
                #expect(piped.errors.isEmpty && piped.output == "\(run)  PAUSED\n")
            }
        }
    }
}
