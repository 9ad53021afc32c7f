import FermataClient
import FermataProtocol
import Testing

extension OneServerAtATime {
    /// DESIGN, "Commands on a run": every cell of the table, through the socket.
    @Suite(.timeLimit(.minutes(2))) struct TableTests {
        enum Command: String, CaseIterable {
            case send, pause, interrupt, resume, resumeWithMessage, stop, answer
        }

        /// What a cell of the table says.
        enum Cell {
            /// It is done, and the reply names this status.
            case done(FermataStatus)
            /// It changes nothing and says so.
            case ok
            case refused(ErrorCode)
        }

        @Test(arguments: Situation.allCases)
        func commands(_ situation: Situation) async throws {
            try await Service.run(script: Situation.script) { service, _ in
                for command in Command.allCases {
                    let run = try await situation.enter(service)
                    let before = try await service.summary(run)
                    try #require(before.status == situation.status)
                    try await check(command, in: situation, before, service)
                }
            }
        }

        @Test(arguments: Situation.allCases)
        func reads(_ situation: Situation) async throws {
            try await Service.run(script: Situation.script) { service, _ in
                let run = try await situation.enter(service)
                let reply = try await service.client.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.calls = true
                    })
                #expect(reply.run.status == situation.status)
                let events = try await service.events(run)
                #expect(events.map(\.seq) == Array(1...reply.run.lastSeq))
                #expect(events.allSatisfy { $0.run == run })
            }
        }

        private func check(
            _ command: Command, in situation: Situation, _ before: FermataRunSummary, _ service: Service
        ) async throws {
            let what = "\(command.rawValue) when \(situation.rawValue)"
            switch Self.cell(command, situation) {
            case .done(let status):
                let reply = try await Self.perform(command, before.id, service)
                #expect(reply.changed, "\(what)")
                #expect(reply.run.status == status, "\(what)")
                #expect(reply.run.lastSeq > before.lastSeq, "\(what)")
                guard command == .send || command == .resumeWithMessage else { break }
                #expect(reply.message == (before.task.isEmpty ? 1 : 2), "\(what)")
                // It is queued, or a model call that shows it has begun.
                let isDelivered = status == .running && situation.status != .running && situation != .pausingModel
                    && situation != .pausingTool
                #expect(reply.run.queuedMessages == (isDelivered ? 0 : 1), "\(what)")
            case .ok:
                let reply = try await Self.perform(command, before.id, service)
                #expect(!reply.changed, "\(what)")
                #expect(reply.run.status == situation.status, "\(what)")
                #expect(try await service.summary(before.id) == before, "\(what): it was to change nothing")
            case .refused(let code):
                do {
                    _ = try await Self.perform(command, before.id, service)
                    Issue.record("\(what) was not refused")
                } catch ClientError.refused(let error) {
                    #expect(error.code == code.name, "\(what)")
                    #expect(!error.retryable)
                    if code == .wrongStatus {
                        let name = situation.rawValue.uppercased()
                        #expect(error.message.contains(name), "\(what)")
                        #expect(error.details.contains { $0.key == "status" && $0.value == name }, "\(what)")
                    }
                }
                #expect(try await service.summary(before.id) == before, "\(what): a refusal was to change nothing")
            }
        }

        private static func perform(
            _ command: Command, _ run: String, _ service: Service
        ) async throws -> FermataCommandReply {
            switch command {
            case .send: try await service.send(run, "hang")
            case .pause: try await service.pause(run)
            case .interrupt: try await service.interrupt(run)
            case .resume: try await service.resume(run)
            case .resumeWithMessage: try await service.resume(run, "hang")
            case .stop: try await service.stop(run)
            case .answer: try await service.answer(run, 1, "This one.")
            }
        }

        private static func cell(_ command: Command, _ situation: Situation) -> Cell {
            switch (command, situation) {
            case (.stop, .stopped): .ok
            case (.stop, _): .done(.stopped)

            case (.answer, .waiting): .done(.running)
            case (.answer, .pausedAsking): .done(.paused)
            case (.answer, .finished), (.answer, .stopped): .refused(.wrongStatus)
            case (.answer, _): .refused(.noSuchAsk)

            case (_, .stopped): .refused(.wrongStatus)

            case (.send, .idle), (.send, .finished): .done(.running)
            case (.send, _): .done(situation.status)

            case (.pause, .finished), (.pause, .failed): .refused(.wrongStatus)
            case (.pause, .modelInFlight), (.pause, .toolExecuting): .done(.pausing)
            case (.pause, _) where situation.status == .paused || situation.status == .pausing: .ok
            case (.pause, _): .done(.paused)

            case (.interrupt, .finished), (.interrupt, .failed): .refused(.wrongStatus)
            case (.interrupt, .toolExecuting), (.interrupt, .pausingTool): .done(.pausing)
            case (.interrupt, _) where situation.status == .paused: .ok
            case (.interrupt, _): .done(.paused)

            case (.resume, .idle), (.resume, .finished): .refused(.wrongStatus)
            case (.resume, .waiting): .ok
            case (.resume, .pausedIdle): .done(.idle)
            case (.resume, .pausedAsking), (.resumeWithMessage, .pausedAsking), (.resumeWithMessage, .waiting):
                .done(.waiting)
            case (.resume, _) where situation.status == .running: .ok
            case (.resume, _), (.resumeWithMessage, _): .done(.running)
            }
        }
    }
}
