import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings of answers with each other, messages, holds, a stop and a restart.
    @Suite(.timeLimit(.minutes(2))) struct AskInterleavingTests {
        static let script = #"""
            {"match": "user: one", "tool_calls": [\#(Scene.ask())]},
            {"match": "user: two", "tool_calls": [\#(Scene.ask("Which?")), \#(Scene.ask("When?"))]},
            {"match": "", "text": "Done."}
            """#

        private func asking(_ scene: Scene, _ task: String = "one") async throws -> String {
            let run = try await scene.launch(task)
            try await scene.service.wait(run, .waiting)
            return run
        }

        /// One operator answers in the moment in which another stops the run. Answer first: it is the call's result,
        /// and the model call that it begins is cut. Stop first: the ask is closed, and who answers hears that.
        @Test func answerAndStop() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...8 {
                    let run = try await asking(scene)
                    let (answer, stop) = try await scene.race(FermataAnswer.to(run, "This."), FermataStop.of(run))
                    #expect(try await scene.service.summary(run).status == .stopped)
                    if answer.isChange {
                        #expect(try await scene.ended(run).map(\.output) == ["This."])
                    } else {
                        #expect(answer.isRefused(.askClosed) && stop.isChange)
                        #expect(try await scene.ended(run).map(\.outcome) == [.callCancelled])
                    }
                }
            }
        }

        /// One operator answers in the moment in which another sends `NOW`. Answer first: it is the call's result, and
        /// the model call that it begins is cut by the message. Message first: the ask is closed without an answer.
        @Test func answerAndNow() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...8 {
                    let run = try await asking(scene)
                    let (answer, send) = try await scene.race(
                        FermataAnswer.to(run, "This."), FermataSend.to(run, "Never mind.", .now))
                    #expect(send.isChange)
                    try await scene.service.wait(run, .finished)
                    let ended = try await scene.ended(run).map(\.outcome)
                    if answer.isChange {
                        #expect(ended == [.callFinished])
                    } else {
                        #expect(answer.isRefused(.askClosed) && ended == [.callSuperseded])
                    }
                }
            }
        }

        /// One operator answers in the moment in which another pauses. Both are done, in either order: the answer is
        /// the call's result, and after the pause nothing starts. If the answer came first, the model call that it
        /// began finishes.
        @Test func answerAndPause() async throws {
            try await Scene.play(Self.script) { scene in
                for _ in 1...5 {
                    let run = try await asking(scene)
                    let (answer, pause) = try await scene.race(FermataAnswer.to(run, "This."), FermataPause.of(run))
                    #expect(answer.isChange)
                    // The whole turn may be over when the pause comes.
                    guard pause.isChange else {
                        #expect(pause.isRefused(.wrongStatus))
                        continue
                    }
                    try await scene.service.wait(run, .paused)
                    let kinds = try await scene.kinds(run)
                    let afterHold = kinds.drop { $0 != "held" }
                    #expect(!afterHold.contains("modelCalled"))
                    try await scene.service.resume(run)
                    #expect(try await scene.service.wait(run, .finished).lastMessage == "Done.")
                }
            }
        }

        /// A run asks, an operator pauses, another answers, the server is killed, a third one resumes: the answer was
        /// given under the hold, survived, and takes effect when the hold lifts. Until then the model is not called.
        @Test func pauseAnswerCrashResume() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await asking(scene)
                try await scene.service.pause(run)
                #expect(try await scene.service.answer(run, 1, "This.").run.status == .paused)
                try await scene.crash()
                let paused = try await scene.service.summary(run)
                #expect(paused.status == .paused && paused.openAsks.isEmpty)
                #expect(scene.model.log.entries().count == 1)
                try await scene.service.refused(.alreadyAnswered) { try await scene.service.answer(run, 1, "That.") }
                #expect(try await scene.service.resume(run).run.status == .running)
                try await scene.service.wait(run, .finished)
                #expect(try scene.model.log.shown(2).last == "tool: This.")
            }
        }

        /// Two asks are open. One is answered, the run interrupted, the server killed, the other one answered under the
        /// hold, the server ended: after the resume the model sees both answers, in the order of the calls.
        @Test func twoAsksAnInterruptACrashAndARestart() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await asking(scene, "two")
                try await scene.service.answer(run, 2, "Now.")
                #expect(try await scene.service.interrupt(run).run.openAsks == [1])
                try await scene.crash()
                #expect(try await scene.service.answer(run, 1, "This.").run.status == .paused)
                try await scene.restart()
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try scene.model.log.shown(2).suffix(2) == ["tool: This.", "tool: Now."])
            }
        }

        /// An ask is open under a hold when a message `NOW` comes: it closes at once, and an answer that comes after
        /// that, or after a crash, is told so. The hold stays.
        @Test func nowUnderAHoldAnswerAndCrash() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await asking(scene)
                try await scene.service.pause(run)
                let reply = try await scene.service.send(run, "Never mind.", .now)
                #expect(reply.run.status == .paused && reply.run.openAsks.isEmpty)
                try await scene.service.refused(.askClosed) { try await scene.service.answer(run, 1, "This.") }
                try await scene.crash()
                try await scene.service.refused(.askClosed) { try await scene.service.answer(run, 1, "This.") }
                #expect(try await scene.service.client.send(FermataListAsks()).asks.isEmpty)
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
            }
        }

        /// Two operators answer the same ask, the server is killed between them. The first answer was acknowledged, so
        /// it is the one; the second hears that, and the first one's repeat gets the same reply again.
        @Test func twoAnswersAndACrash() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await asking(scene)
                var answer = FermataAnswer.to(run, "This.")
                answer.requestID = RepeatTests.newID()
                let first = try await scene.command(answer)
                try await scene.crash()
                #expect(
                    try await scene.command(FermataAnswer.to(run, "That.")).isRefused(.alreadyAnswered))
                #expect(try await scene.command(answer) == first)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.kinds(run).count { $0 == "askAnswered" } == 1)
            }
        }
    }
}
