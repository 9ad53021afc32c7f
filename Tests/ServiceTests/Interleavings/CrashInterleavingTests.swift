import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings with the end of the server, by SIGKILL, in the middle of something.
    @Suite(.timeLimit(.minutes(2))) struct CrashInterleavingTests {
        static let choose = #"""
            {"match": "user: choose", "tool_calls": [\#(Scene.call("a")), \#(Scene.call("b"))], "gate": "choose"}
            """#
        static let script = choose + #", {"match": "", "text": "Done.", "gate": "end"}"#

        /// Killed between selection and start: the calls are selected under a hold. They are so at the start, and after
        /// the resume each executes once.
        @Test func betweenSelectionAndStart() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, go) = try scene.tool("a")
                let (begunSecond, goSecond) = try scene.tool("b")
                scene.open("end")
                let run = try await scene.launch("choose", upTo: "choose")
                try await scene.service.pause(run)
                scene.open("choose")
                let before = try await scene.service.wait(run, .paused)
                try await scene.crash()
                #expect(try await scene.service.summary(run) == before)
                try await scene.service.resume(run)
                await begun.lines(1)
                go.send()
                await begunSecond.lines(1)
                goSecond.send()
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callFinished, .callFinished])
                #expect(try await scene.kinds(run).count { $0 == "callStarted" } == 2)
            }
        }

        /// Killed between start and end of the first call: nobody knows what it did, and the model is told so. It is
        /// not executed again; the second call, which had not started, is.
        @Test func betweenStartAndEnd() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (begunSecond, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                try await scene.crash()
                await begunSecond.lines(1)
                goSecond.send()
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callUnknown, .callFinished])
            }
        }

        /// Killed while a pause lets the model finish: the hold is there at the start, and nothing is called. The
        /// resume makes the model call again, as another attempt of the same step.
        @Test func whilePausingForTheModel() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch(upTo: "end")
                try await scene.service.pause(run)
                try await scene.crash()
                #expect(try await scene.service.summary(run).status == .paused)
                #expect(try await scene.kinds(run).suffix(2) == ["held", "modelCut"])
                scene.open("end")
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                let calls = try await scene.modelCalls(run)
                #expect(calls.map(\.step) == [1, 1] && calls.map(\.attempt) == [1, 2])
                #expect(calls.map(\.delivered) == [[1], []])
            }
        }

        /// Killed while a pause lets a tool finish: its outcome is unknown, the hold is there, and the second call does
        /// not start before the resume.
        @Test func whilePausingForATool() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let run = try await scene.launch("choose")
                await begun.lines(1)
                try await scene.service.pause(run)
                try await scene.crash()
                let paused = try await scene.service.summary(run)
                #expect(paused.status == .paused && paused.openCalls == 1 && paused.hold.cause == .requested)
                #expect(try await scene.ended(run).map(\.outcome) == [.callUnknown])
                goSecond.send()
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callUnknown, .callFinished])
            }
        }

        /// Killed while an interrupted tool is not yet gone: its result was written with the interrupt and stays
        /// `CALL_INTERRUPTED`; at the start nothing of it is the server's any more, and the run is `PAUSED`.
        @Test func whileKilling() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                #expect(try await scene.service.interrupt(run).run.status == .pausing)
                try await scene.crash()
                grip.release()
                #expect(try await scene.service.wait(run, .paused).hold.cause == .interrupted)
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted])
                goSecond.send()
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.ended(run).map(\.outcome) == [.callInterrupted, .callFinished])
            }
        }

        /// Killed right after an operator was told that the run is stopped, while its tool is not yet gone: it is
        /// `STOPPED` at the start as well, and the tool is gone.
        @Test func whileKillingForAStop() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, _) = try scene.tool("a")
                scene.open("choose")
                let (run, process) = try await scene.launchTool("choose", begun: begun)
                let grip = try await Grip(process)
                #expect(try await scene.service.stop(run).run.status == .stopped)
                try await scene.crash()
                grip.release()
                #expect(try await scene.service.summary(run).status == .stopped)
                #expect(
                    try await scene.kinds(run).suffix(4) == ["callEnded", "callEnded", "stopped", "callGone"])
            }
        }

        /// Killed in the instant after an interrupt was acknowledged: it has happened. The model call is cut once, by
        /// the interrupt and not by the crash, and nothing is called until somebody resumes.
        @Test func afterAnInterrupt() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch(upTo: "end")
                try await scene.service.interrupt(run)
                try await scene.crash()
                #expect(try await scene.service.summary(run).status == .paused)
                let cut = try await scene.service.events(run).compactMap(\.modelCutValue)
                #expect(cut.map(\.cause) == [.byInterrupt])
                scene.open("end")
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.modelCalls(run).map(\.step) == [1, 2])
            }
        }

        /// Killed in the instant after a message `NOW` was acknowledged: the model call that it began is lost and made
        /// again. The message was delivered by the first and is not delivered twice, and the model sees it.
        @Test func afterNow() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch(upTo: "end")
                try await scene.service.send(run, "Shorter!", .now)
                try await scene.crash()
                scene.open("end")
                try await scene.service.wait(run, .finished)
                let calls = try await scene.modelCalls(run)
                #expect(calls.map(\.delivered) == [[1], [2], []])
                #expect(calls.map(\.attempt) == [1, 1, 2])
                #expect(try scene.model.log.shown(scene.model.log.entries().count) == ["user: go", "user: Shorter!"])
            }
        }

        /// Killed while the run waits between two attempts: it goes on waiting for the same moment. A message `NOW`
        /// ends the wait: the next attempt begins at once and carries it.
        @Test func betweenAttempts() async throws {
            let script = #"{"fault": {"status": 503, "retry_after": 3600}}, {"match": "user: Now.", "text": "Done."}"#
            try await Scene.play(script) { scene in
                let run = try await scene.launch { $0.modelAttempts = 3 }
                try await scene.event("modelFailed", run)
                let before = try await scene.service.summary(run)
                try await scene.crash()
                #expect(try await scene.service.summary(run) == before)
                #expect(before.nextAttemptAt > before.updatedAt)
                #expect(try await scene.service.send(run, "Now.", .now).run.status == .running)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.modelCalls(run).map(\.attempt) == [1, 2])
            }
        }

        /// A wait between two attempts ends by a pause, and the server is killed: there is nothing left to wait for.
        /// The run is `PAUSED`, and the resume makes the next attempt at once.
        @Test func betweenAttemptsUnderAPause() async throws {
            let script = #"{"fault": {"status": 503, "retry_after": 3600}}, {"match": "user: More.", "text": "Done."}"#
            try await Scene.play(script) { scene in
                let run = try await scene.launch { $0.modelAttempts = 3 }
                try await scene.event("modelFailed", run)
                #expect(try await scene.service.pause(run).run.nextAttemptAt == 0)
                try await scene.service.send(run, "More.")
                try await scene.crash()
                #expect(try await scene.service.summary(run).status == .paused)
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                let calls = try await scene.modelCalls(run)
                #expect(calls.map(\.attempt) == [1, 2] && calls.map(\.delivered) == [[1], [2]])
            }
        }

        /// The same command comes from two clients at once, and again after a kill: it is one command. It has one
        /// effect, and all of them get the same reply, byte for byte.
        @Test func theSameRequestFromTwoClients() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch(upTo: "end")
                let other = Client(controlURL: scene.service.client.controlURL)
                for round in 1...5 {
                    let send = FermataSend.with {
                        $0 = .to(run, "More.")
                        $0.requestID = RepeatTests.newID()
                    }
                    async let first = scene.service.client.send(send)
                    async let second = other.send(send)
                    let replies = try await [first, second]
                    #expect(replies[0] == replies[1] && replies[0].message == UInt32(round) + 1)
                    if round == 5 {
                        try await scene.crash()
                        let again = try await other.send(send)
                        #expect(again == replies[0])
                    }
                }
                scene.open("end")
                try await scene.service.wait(run, .finished)
                // The model call that the kill cut was made again, and shows what had come meanwhile.
                #expect(try await scene.modelCalls(run).map(\.delivered) == [[1], [2, 3, 4, 5, 6]])
            }
        }

        /// The same request id comes with two different commands at once: one of them is the command, the other one is
        /// refused as `CONFLICT`, and so it stays after a kill.
        @Test func theSameRequestIDWithTwoCommands() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...3 {
                    let run = try await scene.launch("")
                    var (pause, send) = (FermataPause.of(run), FermataSend.to(run, "go"))
                    pause.requestID = RepeatTests.newID()
                    send.requestID = pause.requestID
                    let (paused, sent) = try await scene.race(pause, send)
                    #expect([paused, sent].count { $0.isChange } == 1)
                    #expect([paused, sent].count { $0.isRefused(.conflict) } == 1)
                    try await scene.service.stop(run)
                    try await scene.crash()
                    let (pausedAgain, sentAgain) = try await scene.race(pause, send)
                    #expect(pausedAgain == paused && sentAgain == sent)
                }
            }
        }
    }
}
