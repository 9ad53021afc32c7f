import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// DESIGN, "Commands on a run": every cell of the table, through the socket.
    @Suite(.timeLimit(.minutes(3))) struct TableTests {
        enum Command: String, CaseIterable {
            case send, sendNow, sendWhenIdle, withdraw, withdrawDelivered
            case pause, pauseUntil, pauseWithToken
            case interrupt, interruptUntil, interruptWithToken
            case resume, resumeWithMessage, resumeWithToken
            case stop, answer

            var isPause: Bool { rawValue.hasPrefix("pause") }
            var isInterrupt: Bool { rawValue.hasPrefix("interrupt") }
            var isSend: Bool { rawValue.hasPrefix("send") }
            var isWithdrawal: Bool { rawValue.hasPrefix("withdraw") }
            var bringsMessage: Bool { isSend || self == .resumeWithMessage }
            var hasTime: Bool { self == .pauseUntil || self == .interruptUntil }
            var wantsToken: Bool { self == .pauseWithToken || self == .interruptWithToken }
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
            try await Service.run(script: Situation.script) { service, model in
                for command in Command.allCases {
                    let entered = try await situation.enter(service, model)
                    try await prepare(command, situation, entered.run, service)
                    let before = try await service.summary(entered.run)
                    try #require(before.status == situation.status, "\(situation.rawValue)")
                    try await check(command, in: situation, entered, before, service)
                    entered.grip?.release()
                }
                try await service.audit(model)
            }
        }

        @Test(arguments: Situation.allCases)
        func reads(_ situation: Situation) async throws {
            try await Service.run(script: Situation.script) { service, model in
                let entered = try await situation.enter(service, model)
                let reply = try await service.client.send(
                    FermataGetRun.with {
                        $0.run = entered.run
                        $0.calls = true
                    })
                #expect(reply.run.status == situation.status)
                let events = try await service.events(entered.run)
                #expect(events.map(\.seq) == Array(1...reply.run.lastSeq))
                #expect(events.allSatisfy { $0.run == entered.run })
            }
        }

        /// A hold's time comes in every situation in which there is a hold: what it says is what a resume says.
        @Test func theTimeOfAHoldComes() async throws {
            try await Service.run(script: Situation.script) { service, model in
                let time = Scene.time(in: 2500)
                var all: [(situation: Situation, entered: Situation.Entered)] = []
                for situation in Situation.allCases where situation.isHeld {
                    let entered = try await situation.enter(service, model, holdUntil: time)
                    let summary = try await service.summary(entered.run)
                    #expect(summary.status == situation.status && summary.hold.resumeAt == time, "\(situation)")
                    all.append((situation, entered))
                }
                for (situation, entered) in all {
                    let lifted = try await service.event(entered.run, after: 4) {
                        if case .holdLifted = $0 { true } else { false }
                    }
                    #expect(lifted.holdLifted.cause == .byTime && lifted.at >= time && lifted.by.isEmpty)
                    guard case .done(let status) = Self.cell(.resume, situation) else {
                        Issue.record("a hold's end is no refusal")
                        continue
                    }
                    #expect(try await service.summary(entered.run).status == status, "\(situation)")
                    try await service.refused(.tokenUsed) {
                        _ = try await service.client.send(FermataResume.of("", token: entered.token))
                    }
                    entered.grip?.release()
                }
                try await service.audit(model)
            }
        }

        /// The message that is to be withdrawn while it waits.
        private func prepare(
            _ command: Command, _ situation: Situation, _ run: String, _ service: Service
        ) async throws {
            guard command == .withdraw, ![.idle, .finished, .stopped].contains(situation.status) else { return }
            try await service.send(run, "later", .whenIdle)
        }

        private func check(
            _ command: Command, in situation: Situation, _ entered: Situation.Entered, _ before: FermataRunSummary,
            _ service: Service
        ) async throws {
            let what = "\(command.rawValue) when \(situation.rawValue)"
            let time = Scene.time(in: 3_600_000)
            switch Self.cell(command, situation) {
            case .done(let status):
                let reply = try await Self.perform(command, entered, before, time, service)
                #expect(reply.changed, "\(what)")
                #expect(reply.run.status == status, "\(what)")
                #expect(reply.run.lastSeq > before.lastSeq, "\(what)")
                if command.isPause || command.isInterrupt {
                    #expect(reply.run.hold.cause == (command.isPause ? .requested : .interrupted), "\(what)")
                    #expect(reply.run.hold.resumeAt == (command.hasTime ? time : 0), "\(what)")
                    #expect(reply.run.hold.hasToken_p == command.wantsToken, "\(what)")
                    #expect(reply.resumeToken.isEmpty != command.wantsToken, "\(what)")
                }
                if command.rawValue.hasPrefix("resume") { #expect(!reply.run.hasHold, "\(what)") }
                if command == .withdraw { #expect(reply.run.queuedMessages == before.queuedMessages - 1, "\(what)") }
                guard command.bringsMessage else { break }
                #expect(reply.message == (before.task.isEmpty ? 1 : 2), "\(what)")
                #expect(reply.run.hasHold == (before.hasHold && command.isSend), "\(what)")
                #expect(reply.run.queuedMessages == (Self.delivers(command, situation) ? 0 : 1), "\(what)")
            case .ok:
                let reply = try await Self.perform(command, entered, before, time, service)
                #expect(!reply.changed && reply.resumeToken.isEmpty, "\(what)")
                #expect(reply.run.status == situation.status, "\(what)")
                #expect(try await service.summary(before.id) == before, "\(what): it was to change nothing")
            case .refused(let code):
                do {
                    _ = try await Self.perform(command, entered, before, time, service)
                    Issue.record("\(what) was not refused")
                } catch ClientError.refused(let error) {
                    #expect(error.code == code.name, "\(what)")
                    #expect(!error.retryable)
                    if code == .wrongStatus {
                        let name = "\(situation.status)".uppercased()
                        #expect(error.message.contains(name), "\(what)")
                        #expect(error.details.contains { $0.key == "status" && $0.value == name }, "\(what)")
                    }
                }
                #expect(try await service.summary(before.id) == before, "\(what): a refusal was to change nothing")
            }
        }

        /// The number of the message that `prepare` sent; if it did not, one that never was.
        private static func waiting(_ run: FermataRunSummary) -> UInt32 {
            if run.queuedMessages == 0 { return 99 }
            return run.task == "later" ? 1 : 2
        }

        private static func perform(
            _ command: Command, _ entered: Situation.Entered, _ before: FermataRunSummary, _ time: Int64,
            _ service: Service
        ) async throws -> FermataCommandReply {
            let (run, client) = (entered.run, service.client)
            return switch command {
            case .send: try await service.send(run, "hang")
            case .sendNow: try await service.send(run, "hang", .now)
            case .sendWhenIdle: try await service.send(run, "hang", .whenIdle)
            case .withdraw: try await client.send(FermataWithdraw.of(run, message: waiting(before)))
            case .withdrawDelivered: try await client.send(FermataWithdraw.of(run, message: 1))
            case .pause: try await client.send(FermataPause.of(run))
            case .pauseUntil: try await client.send(FermataPause.of(run, at: time))
            case .pauseWithToken: try await client.send(FermataPause.of(run, token: true))
            case .interrupt: try await client.send(FermataInterrupt.of(run))
            case .interruptUntil: try await client.send(FermataInterrupt.of(run, at: time))
            case .interruptWithToken: try await client.send(FermataInterrupt.of(run, token: true))
            case .resume: try await service.resume(run)
            case .resumeWithMessage: try await service.resume(run, "hang")
            case .resumeWithToken: try await client.send(FermataResume.of("", token: entered.token))
            case .stop: try await service.stop(run)
            case .answer: try await service.answer(run, 1, "This one.")
            }
        }
    }
}
