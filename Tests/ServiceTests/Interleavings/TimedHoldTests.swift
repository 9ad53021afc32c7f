import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings of a hold's time and its token with operators, tools and restarts.
    @Suite(.timeLimit(.minutes(2))) struct TimedHoldTests {
        static let choose = #"""
            {"match": "user: choose", "tool_calls": [\#(Scene.call("a")), \#(Scene.call("b"))], "gate": "choose"}
            """#
        static let script = choose + #", {"match": "", "text": "Done.", "gate": "end"}"#

        /// A run with a time at which it goes on is resumed by hand before it, and paused again without one. The old
        /// time is the old hold's: when it comes, the new hold stays.
        @Test func timeAndResumeByHand() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch("")
                let time = Scene.time(in: 150)
                _ = try await scene.service.client.send(FermataPause.of(run, at: time))
                #expect(try await scene.service.resume(run).run.status == .idle)
                try await scene.service.pause(run)
                try await scene.passed(time)
                #expect(try await scene.service.summary(run).status == .paused)
                #expect(try await scene.lifted(run) == [.byResume])
            }
        }

        /// A second pause names another time. The hold is there already, and keeps its own: the pause says that nothing
        /// changed, and the run goes on at the first one's time.
        @Test func twoTimes() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch("")
                let time = Scene.time(in: 100)
                _ = try await scene.service.client.send(FermataPause.of(run, at: time))
                let second = try await scene.service.client.send(FermataPause.of(run, at: Scene.time(in: 3_600_000)))
                #expect(second.run.hold.resumeAt == time || second.run.status == .idle)
                let lifted = try await scene.event("holdLifted", run)
                #expect(lifted.holdLifted.cause == .byTime && lifted.at >= time)
            }
        }

        /// A hold has a time and a token. The token comes first: it lifts the hold, and at the time nothing happens. On
        /// another run the time comes first: then the token is used.
        @Test func timeAndToken() async throws {
            try await Scene.play(Self.script) { scene in
                let (byToken, byTime) = (try await scene.launch(""), try await scene.launch(""))
                let time = Scene.time(in: 200)
                let first = try await scene.service.client.send(FermataPause.of(byToken, at: time, token: true))
                let second = try await scene.service.client.send(FermataPause.of(byTime, at: time, token: true))
                #expect(try await scene.command(FermataResume.of("", token: first.resumeToken)).isChange)
                try await scene.passed(time)
                #expect(try await scene.command(FermataResume.of("", token: second.resumeToken)).isRefused(.tokenUsed))
                #expect(try await scene.lifted(byToken) == [.byToken])
                #expect(try await scene.lifted(byTime) == [.byTime])
            }
        }

        /// The time comes while a tool still executes (`PAUSING`): the hold is gone, the tool is not disturbed, and the
        /// next one starts after it.
        @Test func timeWhilePausing() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, go) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                _ = try await scene.service.client.send(FermataPause.of(run, at: Scene.time(in: 100)))
                try await scene.event("holdLifted", run)
                let summary = try await scene.service.summary(run)
                #expect(summary.status == .running && summary.openCalls == 2)
                go.send()
                goSecond.send()
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callFinished, .callFinished])
            }
        }

        /// An operator interrupts until a time, and the time comes while the killed tool is not yet gone. The hold is
        /// gone and the run `RUNNING`; the next call waits until no process of the killed one is left.
        @Test func timeWhileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                let held = try await scene.service.client.send(FermataInterrupt.of(run, at: Scene.time(in: 100)))
                #expect(held.run.status == .pausing)
                try await scene.event("holdLifted", run)
                #expect(try await scene.service.summary(run).status == .running)
                #expect(try await scene.kinds(run).last == "holdLifted")
                grip.release()
                goSecond.send()
                try await scene.service.wait(run, .finished)
                let kinds = try await scene.kinds(run)
                #expect(kinds.firstIndex(of: "callGone")! < kinds.lastIndex(of: "callStarted")!)
            }
        }

        /// A pause until a time lets the model finish; an interrupt comes and cuts it. The hold is the interrupt's own,
        /// without a time: when the pause's time comes, nothing goes on.
        @Test func timeAndInterrupt() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch(upTo: "end")
                let time = Scene.time(in: 150)
                _ = try await scene.service.client.send(FermataPause.of(run, at: time))
                try await scene.service.interrupt(run)
                try await scene.passed(time)
                let summary = try await scene.service.summary(run)
                #expect(summary.status == .paused && summary.hold.resumeAt == 0)
                #expect(try await scene.lifted(run).isEmpty)
            }
        }

        /// A run that is to go on by itself is stopped before its time. The time comes and nothing happens; the token
        /// lifts nothing.
        @Test func timeAndStop() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch("")
                let time = Scene.time(in: 100)
                let held = try await scene.service.client.send(FermataPause.of(run, at: time, token: true))
                try await scene.service.stop(run)
                try await scene.passed(time)
                #expect(try await scene.service.summary(run).status == .stopped)
                #expect(try await scene.kinds(run) == ["launched", "held", "stopped"])
                #expect(try await scene.command(FermataResume.of("", token: held.resumeToken)).isRefused(.tokenUsed))
            }
        }

        /// The server is killed before a hold's time and started before it: the hold still has it, and at the time the
        /// selected call starts. Someone's pause in between, which loads the run and changes nothing, does not lose it.
        @Test func timeAndCrashBefore() async throws {
            try await Scene.play(Self.script) { scene in
                let (_, go) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("end")
                let run = try await scene.launch("choose", upTo: "choose")
                _ = try await scene.service.client.send(FermataPause.of(run, at: Scene.time(in: 700)))
                scene.open("choose")
                let answered = try await scene.event("modelAnswered", run).seq
                try await scene.crash()
                var pause = FermataPause.of(run)
                pause.ifSeq = answered
                _ = try await scene.command(pause)
                go.send()
                goSecond.send()
                try await scene.service.wait(run, .finished)
                #expect(try await scene.lifted(run) == [.byTime])
                #expect(try await scene.ended(run).map(\.outcome) == [.callFinished, .callFinished])
            }
        }

        /// A hold's time comes while the server is down, after a kill or after an orderly end: it lifts at the start,
        /// once, before anyone can ask, and the selected call starts.
        @Test(arguments: [true, false]) func timeWhileDown(isKilled: Bool) async throws {
            try await Scene.play(Self.script) { scene in
                let (_, go) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("end")
                let run = try await scene.launch("choose", upTo: "choose")
                let time = Scene.time(in: 400)
                _ = try await scene.service.client.send(FermataPause.of(run, at: time))
                scene.open("choose")
                try await scene.event("modelAnswered", run)
                if isKilled { scene.service.kill() } else { #expect(await scene.service.terminate() == 0) }
                // Nobody is there to tell that the time has come.
                try await Task.sleep(for: .microseconds(max(0, time - Scene.time(in: 0))))
                try await scene.service.start()
                #expect(try await scene.lifted(run) == [.byTime])
                #expect(try await scene.service.summary(run).status == .running)
                go.send()
                goSecond.send()
                try await scene.service.wait(run, .finished)
            }
        }

        /// Two callers use the same token at once. It lifts the hold once: the other is told that the hold is gone, and
        /// the message that it brought is not queued.
        @Test func twoUsesOfAToken() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...5 {
                    let run = try await scene.launch("")
                    let token = try await scene.service.client.send(FermataPause.of(run, token: true)).resumeToken
                    let (one, other) = try await scene.race(
                        FermataResume.of("", text: "one", token: token),
                        FermataResume.of(run, text: "other", token: token))
                    #expect([one, other].count { $0.isChange } == 1)
                    #expect([one, other].count { $0.isRefused(.tokenUsed) } == 1)
                    #expect(try await scene.kinds(run).count { $0 == "messageQueued" } == 1)
                    #expect(try await scene.lifted(run) == [.byToken])
                    try await scene.service.stop(run)
                }
            }
        }

        /// A token is used in the moment in which an operator stops the run, or interrupts it. Token first: it lifts
        /// the hold, and the command meets a run that goes on. Command first: the hold that the token was given for is
        /// gone, `TOKEN_USED`, also if an interrupt put its own in its place.
        @Test(arguments: ["stop", "interrupt"]) func tokenAnd(_ what: String) async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...6 {
                    let run = try await scene.launch(upTo: "end")
                    let token = try await scene.service.client.send(FermataPause.of(run, token: true)).resumeToken
                    let resume = FermataResume.of("", token: token)
                    let (used, other) =
                        try await what == "stop"
                        ? scene.race(resume, FermataStop.of(run)) : scene.race(resume, FermataInterrupt.of(run))
                    #expect(other.isChange)
                    #expect(used.isChange || used.isRefused(.tokenUsed))
                    #expect(try await scene.lifted(run) == (used.isChange ? [.byToken] : []))
                    #expect(try await scene.service.summary(run).status == (what == "stop" ? .stopped : .paused))
                }
            }
        }
    }
}
