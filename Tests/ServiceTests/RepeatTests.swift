import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// A request that is sent again, as nng's REQ does by itself, acts once and gets the same reply.
    @Suite(.timeLimit(.minutes(2))) struct RepeatTests {
        static func newID() -> String { UUID().uuidString.lowercased() }

        @Test func ofALaunchIsOneRun() async throws {
            try await Service.run(script: Situation.script) { service, model in
                let launch = FermataLaunch.with {
                    $0.requestID = RepeatTests.newID()
                    $0.task = "finish"
                }
                let replies = try await withThrowingTaskGroup(of: FermataCommandReply.self) { group in
                    for _ in 1...10 { group.addTask { try await service.client.send(launch) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(Set(replies.map(\.run.id)).count == 1)
                #expect(replies.allSatisfy { $0 == replies[0] })
                try await service.wait(replies[0].run.id, .finished)
                #expect(try await service.client.send(FermataListRuns()).runs.count == 1)
                #expect(model.log.entries().count == 1)

                service.kill()
                try await service.start()
                #expect(try await service.client.send(launch) == replies[0])
                #expect(try await service.client.send(FermataListRuns()).runs.count == 1)
            }
        }

        @Test func ofAMessageIsOneMessageAlsoAfterAKill() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.interrupted.enter(service)
                let send = FermataSend.with {
                    $0.requestID = RepeatTests.newID()
                    $0.run = run
                    $0.text = "finish"
                }
                let reply = try await service.client.send(send)
                #expect(reply.changed)
                #expect(try await service.client.send(send) == reply)
                service.kill()
                try await service.start()
                #expect(try await service.client.send(send) == reply)
                #expect(try await service.summary(run).queuedMessages == 1)
                // What happens to the run meanwhile does not change the reply.
                try await service.stop(run)
                #expect(try await service.client.send(send) == reply)
            }
        }

        @Test func ofAPauseDoesNotHoldARunThatGoesOn() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.waiting.enter(service)
                let pause = FermataPause.with {
                    $0.requestID = RepeatTests.newID()
                    $0.run = run
                }
                let reply = try await service.client.send(pause)
                #expect(reply.run.status == .paused)
                try await service.resume(run)
                #expect(try await service.client.send(pause) == reply)
                #expect(try await service.summary(run).status == .waiting)
            }
        }

        @Test func ofAnAnswerGetsTheSameReply() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.waiting.enter(service)
                let answer = FermataAnswer.with {
                    $0.requestID = RepeatTests.newID()
                    $0.run = run
                    $0.ask = 1
                    $0.text = "This one."
                }
                let reply = try await service.client.send(answer)
                #expect(try await service.client.send(answer) == reply)
                service.kill()
                try await service.start()
                #expect(try await service.client.send(answer) == reply)
            }
        }

        @Test func withAnotherCommandIsAConflict() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await Situation.interrupted.enter(service)
                let id = RepeatTests.newID()
                func send(_ text: String) async throws -> FermataCommandReply {
                    try await service.client.send(
                        FermataSend.with {
                            $0.requestID = id
                            $0.run = run
                            $0.text = text
                        })
                }
                func stop() async throws {
                    _ = try await service.client.send(
                        FermataStop.with {
                            $0.requestID = id
                            $0.run = run
                        })
                }
                let reply = try await send("hang")
                try await service.refused(.conflict) { _ = try await send("Something else.") }
                try await service.refused(.conflict) { try await stop() }
                service.kill()
                try await service.start()
                try await service.refused(.conflict) { try await stop() }
                #expect(try await send("hang") == reply)
                #expect(try await service.summary(run).queuedMessages == 1)
            }
        }

        @Test func ofARefusalIsJudgedAfresh() async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await service.launch("")
                let resume = FermataResume.with {
                    $0.requestID = RepeatTests.newID()
                    $0.run = run
                }
                try await service.refused(.wrongStatus) { _ = try await service.client.send(resume) }
                try await service.pause(run)
                #expect(try await service.client.send(resume).changed)
            }
        }
    }
}
