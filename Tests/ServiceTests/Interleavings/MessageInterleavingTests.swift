import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Interleavings of messages with the model, tools, holds and a crash.
    @Suite(.timeLimit(.minutes(2))) struct MessageInterleavingTests {
        static let choose = #"""
            {"match": "user: choose", "tool_calls": [\#(Scene.call("a")), \#(Scene.call("b"))], "gate": "choose"}
            """#
        static let end = #"{"match": "", "text": "Done.", "gate": "end"}"#
        static let script = [choose, end].joined(separator: ",")
        static let superseded = "tool: [Not executed: superseded by a message from the operator.]"

        /// An operator pauses, another sends `NOW`, and then the model answers with calls: the hold spares the model
        /// call, the calls that it chose are superseded, the hold stays. Lifted, the model is shown the message at
        /// once.
        @Test func nowWhilePausing() async throws {
            try await Scene.play(Self.script) { scene in
                scene.open("end")
                let run = try await scene.launch("choose", upTo: "choose")
                try await scene.service.pause(run)
                #expect(try await scene.service.send(run, "Neither.", .now).run.status == .pausing)
                scene.open("choose")
                #expect(try await scene.service.wait(run, .paused).openCalls == 0)
                #expect(try await scene.ended(run).map(\.outcome) == [.callSuperseded, .callSuperseded])
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try scene.model.log.shown(2).suffix(3) == [Self.superseded, Self.superseded, "user: Neither."])
            }
        }

        /// An operator pauses, another sends `NOW`, and the hold lifts before the model has answered: the model call
        /// that the hold spared is not cut by its lifting, and the calls that it then chooses are superseded all the
        /// same.
        @Test func nowWhilePausingAndLiftedBeforeTheAnswer() async throws {
            try await Scene.play(Self.script) { scene in
                scene.open("end")
                let run = try await scene.launch("choose", upTo: "choose")
                try await scene.service.pause(run)
                try await scene.service.send(run, "Neither.", .now)
                #expect(try await scene.service.resume(run).run.status == .running)
                scene.open("choose")
                try await scene.service.wait(run, .finished)
                #expect(
                    try await scene.kinds(run).dropFirst(3) == [
                        "held", "messageQueued", "holdLifted", "modelAnswered", "callEnded", "callEnded", "modelCalled",
                        "modelAnswered",
                    ])
                #expect(try scene.model.log.shown(2).last == "user: Neither.")
            }
        }

        /// An operator pauses, another sends `NOW` and takes it back before the model answers: no message waits any
        /// more, and the calls that the model chooses stay selected.
        @Test func nowWithdrawnBeforeTheAnswer() async throws {
            try await Scene.play(Self.script) { scene in
                let run = try await scene.launch("choose", upTo: "choose")
                try await scene.service.pause(run)
                let message = try await scene.service.send(run, "Neither.", .now).message
                #expect(try await scene.command(FermataWithdraw.of(run, message: message)).isChange)
                scene.open("choose")
                #expect(try await scene.service.wait(run, .paused).openCalls == 2)
                #expect(try await scene.ended(run).isEmpty)
            }
        }

        /// Two operators send `NOW` at once while the model streams. The first cuts it; the second cuts the model call
        /// that the first began. Each message is shown once, in order.
        @Test func twoNow() async throws {
            try await Scene.play(Self.end) { scene in
                for _ in 1...5 {
                    let run = try await scene.launch(upTo: "end")
                    let (one, other) = try await scene.race(
                        FermataSend.to(run, "One.", .now), FermataSend.to(run, "Other.", .now))
                    #expect(one.isChange && other.isChange)
                    scene.open("end")
                    try await scene.service.wait(run, .finished)
                    #expect(try await scene.modelCalls(run).map(\.delivered) == [[1], [2], [3]])
                    let causes = try await scene.service.events(run).compactMap(\.modelCutValue).map(\.cause)
                    #expect(causes == [.byMessage, .byMessage])
                }
            }
        }

        /// An operator sends `NOW` in the moment in which the first tool ends. Message first: the executing call goes
        /// on and the second is superseded. End first: the second has started and goes on as well.
        @Test func nowAndAToolsEnd() async throws {
            try await Scene.play(Self.script) { scene in
                let (begun, go) = try scene.tool("a")
                let (_, goSecond) = try scene.tool("b")
                scene.open("choose")
                scene.open("end")
                for _ in 1...5 {
                    let run = try await scene.launch("choose")
                    await begun.lines(1)
                    let send = try await scene.race(FermataSend.to(run, "Only that.", .now)) { go.send() }
                    #expect(send.isChange)
                    let isSuperseded = try await scene.ended(run).contains { $0.outcome == .callSuperseded }
                    let starts = try await scene.kinds(run).count { $0 == "callStarted" }
                    #expect(starts == (isSuperseded ? 1 : 2))
                    if !isSuperseded { goSecond.send() }
                    try await scene.service.wait(run, .finished)
                    #expect(try await scene.modelCalls(run).map(\.delivered) == [[1], [2]])
                }
            }
        }

        /// A message comes during the last model call, under a pause. The turn is not over: lifted, the run is
        /// `RUNNING` and not `FINISHED`, and the message is answered.
        @Test func duringTheLastModelCallUnderAPause() async throws {
            try await Scene.play(#"{"text": "First.", "gate": "first"}, {"text": "Second."}"#) { scene in
                let run = try await scene.launch(upTo: "first")
                try await scene.service.pause(run)
                try await scene.service.send(run, "And this?")
                scene.open("first")
                let paused = try await scene.service.wait(run, .paused)
                #expect(paused.lastMessage == "First." && paused.queuedMessages == 1)
                #expect(try await scene.service.resume(run).run.status == .running)
                #expect(try await scene.service.wait(run, .finished).lastMessage == "Second.")
            }
        }

        /// An operator takes a message back in the moment in which the turn's answer comes, which delivers it.
        /// Withdrawn first: the model never sees it and the turn is over. Delivered first: `ALREADY_DELIVERED`, and the
        /// model answers it. Never both, never neither.
        @Test func withdrawAndDelivery() async throws {
            try await Scene.play(#"{"text": "First.", "gate": "first"}, {"text": "Second."}"#) { scene in
                for _ in 1...8 {
                    let run = try await scene.launch(upTo: "first")
                    let message = try await scene.service.send(run, "A slip.").message
                    let withdraw = try await scene.race(FermataWithdraw.of(run, message: message)) {
                        scene.open("first")
                    }
                    let finished = try await scene.service.wait(run, .finished)
                    let delivered = try await scene.modelCalls(run).map(\.delivered)
                    if withdraw.isChange {
                        #expect(delivered == [[1]] && finished.lastMessage == "First.")
                    } else {
                        #expect(withdraw.isRefused(.alreadyDelivered))
                        #expect(delivered == [[1], [2]] && finished.lastMessage == "Second.")
                    }
                }
            }
        }

        /// Two operators take back the same message at once: one does, the other is told that it is not there.
        @Test func twoWithdrawals() async throws {
            try await Scene.play(Self.end) { scene in
                let run = try await scene.launch(upTo: "end")
                for _ in 1...5 {
                    let message = try await scene.service.send(run, "A slip.").message
                    let (one, other) = try await scene.race(
                        FermataWithdraw.of(run, message: message), FermataWithdraw.of(run, message: message))
                    #expect([one, other].count { $0.isChange } == 1)
                    #expect([one, other].count { $0.isRefused(.noSuchMessage) } == 1)
                }
                scene.open("end")
                try await scene.service.wait(run, .finished)
            }
        }

        /// The turn fails while a message waits for its end; the server is killed; an operator resumes. The failed turn
        /// ends well first, and then the message has a turn of its own: a failure delivers nothing, and a restart
        /// forgets nothing.
        @Test func whenIdleBehindAFailureAndACrash() async throws {
            let script = #"""
                {"fault": {"status": 400}, "gate": "fail"}, {"text": "First."}, {"match": "user: next", "text": "Next."}
                """#
            try await Scene.play(script) { scene in
                let run = try await scene.launch(upTo: "fail")
                try await scene.service.send(run, "next", .whenIdle)
                scene.open("fail")
                #expect(try await scene.service.wait(run, .failed).queuedMessages == 1)
                try await scene.crash()
                #expect(try await scene.service.summary(run).queuedMessages == 1)
                try await scene.service.resume(run)
                #expect(try await scene.service.wait(run, .finished).lastMessage == "Next.")
                #expect(try await scene.modelCalls(run).map(\.delivered) == [[1], [], [2]])
            }
        }

        /// Two messages wait for the turn's end, a third one for the next step; the turn is paused and the server
        /// killed in between. The third goes on with the turn; the others have one turn each, in their order.
        @Test func whenIdleBesideNextStepAPauseAndACrash() async throws {
            let script = #"""
                {"match": "user: first", "text": "First.", "gate": "first"}, {"match": "", "text": "Done."}
                """#
            try await Scene.play(script) { scene in
                let run = try await scene.launch("first", upTo: "first")
                try await scene.service.send(run, "later", .whenIdle)
                try await scene.service.send(run, "last", .whenIdle)
                try await scene.service.send(run, "now")
                try await scene.service.pause(run)
                scene.open("first")
                try await scene.service.wait(run, .paused)
                try await scene.crash()
                try await scene.service.resume(run)
                try await scene.service.wait(run, .finished)
                #expect(try await scene.modelCalls(run).map(\.delivered) == [[1], [4], [2], [3]])
            }
        }

        /// A message waits for the turn's end and the run is stopped: it is never delivered, and cannot be withdrawn
        /// from a run that is over.
        @Test func whenIdleAndAStop() async throws {
            try await Scene.play(Self.end) { scene in
                let run = try await scene.launch(upTo: "end")
                let message = try await scene.service.send(run, "later", .whenIdle).message
                try await scene.service.stop(run)
                scene.open("end")
                #expect(
                    try await scene.command(FermataWithdraw.of(run, message: message)).isRefused(.wrongStatus))
                #expect(
                    try await scene.command(FermataWithdraw.of(run, message: 1)).isRefused(.alreadyDelivered))
                #expect(try await scene.modelCalls(run).map(\.delivered) == [[1]])
            }
        }
    }
}
