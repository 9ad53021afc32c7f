import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

/// DESIGN, "Commands on a run": every cell of the table.
@Suite struct RunTableTests {
    /// A way to be in a status. Several lead to some of them.
    enum Place: String, CaseIterable, Sendable {
        case idle
        case modelInFlight, toolExecuting, betweenAttempts, runningWhileKilling, workerExecuting
        case pausingModel, pausingTool, killing
        case pausedIdle, pausedSelected, pausedEnded, pausedFailed, pausedAsking, pausedAtLimit
        case waiting, waitingForApproval, waitingForWorker, waitingAtLimit
        case finished
        case failed, failedByLimit
        case stopped, stoppedKilling, handedOff

        var status: FermataStatus {
            switch self {
            case .idle: .idle
            case .modelInFlight, .toolExecuting, .betweenAttempts, .runningWhileKilling, .workerExecuting: .running
            case .pausingModel, .pausingTool, .killing: .pausing
            case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking, .pausedAtLimit: .paused
            case .waiting, .waitingForApproval, .waitingForWorker, .waitingAtLimit: .waiting
            case .finished: .finished
            case .failed, .failedByLimit: .failed
            case .stopped, .stoppedKilling, .handedOff: .stopped
            }
        }

        var isHeld: Bool { status == .pausing || status == .paused }

        /// - Parameter terms: of the hold, where there is one.
        func scenario(_ terms: HoldTerms = HoldTerms()) throws -> Scenario {
            switch self {
            case .idle: return try Scenario()
            case .modelInFlight: return try Scenario(task: "go")
            case .toolExecuting:
                var scenario = try Scenario(task: "go")
                try scenario.modelAnswers("", calls: [.terminal("sleep 60"), .terminal("ls")])
                return scenario
            case .betweenAttempts:
                var scenario = try Scenario(task: "go", attempts: 3)
                try scenario.modelFails(retryable: true)
                return scenario
            case .workerExecuting:
                return try Place.waitingForWorker.then(.startCall(call: 1, attempt: 1, worker: "w"))
            case .runningWhileKilling: return try Place.killing.then(.resume(text: ""))
            case .pausingModel: return try Place.modelInFlight.then(.pause(terms))
            case .pausingTool: return try Place.toolExecuting.then(.pause(terms))
            case .killing: return try Place.toolExecuting.then(.interrupt(terms))
            case .pausedIdle: return try Place.idle.then(.pause(terms))
            case .pausedSelected:
                var scenario = try Place.modelInFlight.then(.pause(terms))
                try scenario.modelAnswers("", calls: [.terminal("ls")])
                return scenario
            case .pausedEnded:
                var scenario = try Place.modelInFlight.then(.pause(terms))
                try scenario.modelAnswers("Done.")
                return scenario
            case .pausedFailed:
                var scenario = try Place.modelInFlight.then(.pause(terms))
                try scenario.modelFails()
                return scenario
            case .pausedAsking: return try Place.waiting.then(.pause(terms))
            case .pausedAtLimit:
                var scenario = try Scenario(task: "go", limits: .with { $0.maxSteps = 1 })
                try scenario.modelAnswers("", calls: [.read("a")])
                try scenario.command(.pause(terms))
                try scenario.toolEnds(1)
                return scenario
            case .waiting:
                var scenario = try Scenario(task: "go")
                try scenario.modelAnswers("", calls: [.ask("Which?")])
                return scenario
            case .waitingForApproval:
                var scenario = try Scenario(task: "go", policy: .asking("terminal"))
                try scenario.modelAnswers("", calls: [.terminal("ls")])
                return scenario
            case .waitingForWorker:
                var scenario = try Scenario(task: "go")
                try scenario.modelAnswers("", calls: [.deploy("it")])
                return scenario
            case .waitingAtLimit:
                var scenario = try Scenario(task: "go", limits: .with { $0.maxSteps = 1 })
                try scenario.modelAnswers("", calls: [.read("a")])
                try scenario.toolEnds(1)
                return scenario
            case .finished:
                var scenario = try Scenario(task: "go")
                try scenario.modelAnswers("Done.")
                return scenario
            case .failed:
                var scenario = try Scenario(task: "go")
                try scenario.modelFails()
                return scenario
            case .failedByLimit:
                return try Place.waitingAtLimit.then(.answer(AskAnswer(ask: 1, verdict: .endTurn)))
            case .handedOff: return try Place.finished.then(.handOff)
            case .stopped: return try Place.modelInFlight.then(.stop)
            case .stoppedKilling: return try Place.toolExecuting.then(.stop)
            }
        }

        private func then(_ request: RunRequest) throws -> Scenario {
            var scenario = try scenario()
            try scenario.command(request)
            return scenario
        }
    }

    /// What a cell says.
    enum Cell: Equatable {
        /// Accepted, with the status after it.
        case to(FermataStatus)
        /// Changes nothing and says so.
        case ok
        /// `WRONG_STATUS`, naming the status.
        case refused
    }

    @Test(arguments: Place.allCases) func placesAreWhatTheyAreCalled(_ place: Place) throws {
        let scenario = try place.scenario()
        #expect(scenario.run.status == place.status)
        #expect(scenario.run.summary.status == place.status)
    }

    @Test(arguments: Place.allCases) func send(_ place: Place) throws {
        let scenario = try check(.send("More.", .nextStep), in: place) {
            switch place {
            case .idle, .finished: .to(.running)
            case .stopped, .stoppedKilling, .handedOff: .refused
            default: .to(place.status)
            }
        }
        guard place.status != .stopped else { return }
        let isDelivered = place == .idle || place == .finished
        #expect(scenario.run.summary.queuedMessages == (isDelivered ? 0 : 1))
        #expect(scenario.message == (place == .idle || place == .pausedIdle ? 1 : 2))
    }

    @Test(arguments: Place.allCases) func pause(_ place: Place) throws {
        try check(.pause(), in: place) {
            switch place {
            case .idle, .waiting, .waitingForApproval, .waitingForWorker, .waitingAtLimit: .to(.paused)
            case .modelInFlight, .toolExecuting, .runningWhileKilling, .workerExecuting: .to(.pausing)
            // Nothing is in flight between two attempts: the wait ends at once.
            case .betweenAttempts: .to(.paused)
            case .pausingModel, .pausingTool, .killing: .ok
            case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking, .pausedAtLimit: .ok
            case .finished, .failed, .failedByLimit, .stopped, .stoppedKilling, .handedOff: .refused
            }
        }
    }

    @Test(arguments: Place.allCases) func interrupt(_ place: Place) throws {
        try check(.interrupt(), in: place) {
            switch place {
            case .idle, .modelInFlight, .betweenAttempts, .pausingModel, .waiting: .to(.paused)
            case .waitingForApproval, .waitingForWorker, .waitingAtLimit: .to(.paused)
            // What a worker has is not killed: it has its result at once.
            case .workerExecuting: .to(.paused)
            // Until the killed processes are gone.
            case .toolExecuting, .pausingTool: .to(.pausing)
            // Nothing is in flight: the second call waits for the killed one.
            case .runningWhileKilling: .to(.pausing)
            case .killing: .ok
            case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking, .pausedAtLimit: .ok
            case .finished, .failed, .failedByLimit, .stopped, .stoppedKilling, .handedOff: .refused
            }
        }
    }

    @Test(arguments: Place.allCases) func resume(_ place: Place) throws {
        try check(.resume(text: ""), in: place) { Self.resumed(place) }
    }

    private static func resumed(_ place: Place) -> Cell {
        switch place {
        case .idle, .finished, .stopped, .stoppedKilling, .handedOff: .refused
        case .modelInFlight, .toolExecuting, .betweenAttempts, .runningWhileKilling, .workerExecuting: .ok
        case .waiting, .waitingForApproval, .waitingForWorker, .waitingAtLimit: .ok
        case .pausingModel, .pausingTool, .killing, .pausedSelected, .failed, .failedByLimit: .to(.running)
        // What the hold hid.
        case .pausedIdle: .to(.idle)
        case .pausedEnded: .to(.finished)
        case .pausedFailed: .to(.failed)
        case .pausedAsking, .pausedAtLimit: .to(.waiting)
        }
    }

    /// The token of the hold does what a resume does; of a hold that is gone it does nothing, whatever the status.
    @Test(arguments: Place.allCases) func resumeWithAToken(_ place: Place) throws {
        var scenario = try place.scenario(HoldTerms(tokenDigest: [7]))
        guard place.isHeld else {
            #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: [7])) } == .tokenUsed)
            return
        }
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: [8])) } == .tokenUsed)
        try scenario.command(.resume(text: "", tokenDigest: [7]))
        #expect(Self.resumed(place) == .to(scenario.run.status))
        #expect(scenario.last.first?.holdLifted.cause == .byToken)
        #expect(refusal { try scenario.command(.resume(text: "", tokenDigest: [7])) } == .tokenUsed)
    }

    /// The time of the hold does what a resume does.
    @Test(arguments: Place.allCases.filter(\.isHeld)) func theTimeOfTheHoldComes(_ place: Place) throws {
        var scenario = try place.scenario(HoldTerms(resumeAt: 2_000_000))
        #expect(scenario.run.status == place.status && scenario.run.due == 2_000_000)
        scenario.now = 2_000_000
        try scenario.decide(.timePassed)
        #expect(Self.resumed(place) == .to(scenario.run.status))
        #expect(scenario.last.first?.holdLifted.cause == .byTime)
    }

    /// A time and a token are those of the hold that is set; a hold that is there keeps its own.
    @Test(arguments: Place.allCases) func pauseUntilWithAToken(_ place: Place) throws {
        let terms = HoldTerms(resumeAt: 9_000_000, tokenDigest: [7])
        var scenario = try place.scenario()
        do { try scenario.command(.pause(terms)) } catch { return }
        let isSet = !place.isHeld
        #expect(scenario.run.hold?.resumeAt == (isSet ? 9_000_000 : 0))
        #expect(scenario.run.hold?.hasToken_p == isSet)
        #expect(scenario.run.due == (isSet ? 9_000_000 : nil))
    }

    /// `NOW` cuts a model call and a wait, supersedes calls, and never touches a hold.
    @Test(arguments: Place.allCases) func sendNow(_ place: Place) throws {
        let scenario = try check(.send("Now.", .now), in: place) {
            switch place {
            case .idle, .finished, .waiting, .waitingForApproval, .waitingForWorker: .to(.running)
            case .stopped, .stoppedKilling, .handedOff: .refused
            default: .to(place.status)
            }
        }
        guard place.status != .stopped else { return }
        #expect((scenario.run.hold != nil) == place.isHeld)
        #expect(scenario.run.calls.allSatisfy { $0.state != .selected && $0.state != .asking })
    }

    @Test(arguments: Place.allCases) func sendWhenIdle(_ place: Place) throws {
        let scenario = try check(.send("Later.", .whenIdle), in: place) {
            switch place {
            case .idle, .finished: .to(.running)
            case .stopped, .stoppedKilling, .handedOff: .refused
            default: .to(place.status)
            }
        }
        guard place.status != .stopped else { return }
        let isDelivered = place == .idle || place == .finished
        #expect(scenario.run.summary.queuedMessages == (isDelivered ? 0 : 1))
    }

    @Test(arguments: Place.allCases) func withdraw(_ place: Place) throws {
        var scenario = try place.scenario()
        let first: ErrorCode = place == .idle || place == .pausedIdle ? .noSuchMessage : .alreadyDelivered
        #expect(refusal { try scenario.command(.withdraw(message: 1)) } == first)
        #expect(refusal { try scenario.command(.withdraw(message: 9)) } == .noSuchMessage)
        guard ![.idle, .finished, .stopped].contains(place.status) else { return }
        try scenario.send("Later.", .whenIdle)
        #expect(try scenario.command(.withdraw(message: scenario.message)) == ["messageWithdrawn"])
        #expect(scenario.run.status == place.status && scenario.run.summary.queuedMessages == 0)
    }

    @Test(arguments: Place.allCases) func resumeWithAMessage(_ place: Place) throws {
        let scenario = try check(.resume(text: "And this."), in: place) {
            switch place {
            case .stopped, .stoppedKilling, .handedOff: .refused
            case .waiting, .waitingForApproval, .waitingForWorker, .waitingAtLimit: .to(.waiting)
            case .pausedAsking, .pausedAtLimit: .to(.waiting)
            case .pausedFailed: .to(.failed)
            default: .to(.running)
            }
        }
        guard place.status != .stopped else { return }
        let hasHold = place.status == .paused || place.status == .pausing
        #expect(scenario.last.contains { $0.name == "holdLifted" } == hasHold)
        #expect(scenario.run.hold == nil)
        let isDelivered: Bool =
            switch place {
            case .idle, .finished, .failed, .failedByLimit, .pausedIdle, .pausedEnded: true
            default: false
            }
        #expect(scenario.run.summary.queuedMessages == (isDelivered ? 0 : 1))
    }

    @Test(arguments: Place.allCases) func stop(_ place: Place) throws {
        let scenario = try check(.stop, in: place) { place.status == .stopped ? .ok : .to(.stopped) }
        #expect(scenario.run.wanted.isEmpty)
        #expect(scenario.run.due == nil)
        #expect(scenario.run.summary.openAsks.isEmpty)
        #expect(scenario.run.summary.openCalls == 0)
    }

    /// "By ask": what is refused is the number, not the status, except where no ask can be open any more.
    @Test(arguments: Place.allCases) func answerWithoutSuchAnAsk(_ place: Place) throws {
        var scenario = try place.scenario()
        let before = scenario.run
        let code = refusal { try scenario.command(.answer(ask: 7, text: "Yes.")) }
        #expect(code == (place.status == .finished || place.status == .stopped ? .wrongStatus : .noSuchAsk))
        #expect(scenario.run == before)
    }

    @Test(arguments: [Place.waiting, .pausedAsking]) func answer(_ place: Place) throws {
        try check(.answer(ask: 1, text: "The left one."), in: place) {
            place == .waiting ? .to(.running) : .to(.paused)
        }
    }

    // MARK: - Commands of people who look after runs, and of workers

    /// Neither a policy nor limits change a status by themselves, but for a limit that is not reached any more.
    @Test(arguments: Place.allCases) func setPolicyAndBudget(_ place: Place) throws {
        try check(.setPolicy(.asking("look")), in: place) { place.status == .stopped ? .refused : .to(place.status) }
        try check(.setLimits(.with { $0.maxSteps = 9 }), in: place) {
            switch place {
            case .stopped, .stoppedKilling, .handedOff: .refused
            case .waitingAtLimit: .to(.running)
            default: .to(place.status)
            }
        }
    }

    @Test(arguments: Place.allCases) func handOff(_ place: Place) throws {
        switch place {
        case .modelInFlight, .toolExecuting, .betweenAttempts, .runningWhileKilling, .workerExecuting, .pausingModel,
            .pausingTool, .killing:
            var scenario = try place.scenario()
            #expect(refusal { try scenario.command(.handOff) } == .inFlight)
        case .stopped, .stoppedKilling: try check(.handOff, in: place) { .refused }
        case .handedOff: try check(.handOff, in: place) { .ok }
        default: #expect(try check(.handOff, in: place) { .to(.stopped) }.run.isHandedOff)
        }
    }

    @Test(arguments: Place.allCases) func decideCall(_ place: Place) throws {
        let code: ErrorCode? =
            switch place {
            case .stopped, .stoppedKilling, .handedOff: .wrongStatus
            case .idle, .modelInFlight, .betweenAttempts, .pausingModel, .pausedIdle, .pausedEnded, .pausedFailed,
                .finished, .failed:
                .noSuchCall
            case .killing, .pausedAtLimit: .callEnded
            case .pausingTool: .callTaken
            case .pausedSelected: nil
            default: .wrongStatus
            }
        for verdict in [FermataVerdict.reject, .edit] {
            var scenario = try place.scenario()
            let before = scenario.run
            let decision = CallDecision(call: 1, verdict: verdict, text: "No.", arguments: #"{"command":"pwd"}"#)
            #expect(refusal { try scenario.command(.decideCall(decision)) } == code)
            #expect(scenario.run.status == place.status && (scenario.run == before) == (code != nil))
        }
    }

    @Test(arguments: Place.allCases) func startAndCompleteCall(_ place: Place) throws {
        var scenario = try place.scenario()
        let isReady = place == .waitingForWorker
        let isWorkers = place == .workerExecuting
        let hasCall = scenario.run.calls[number: 1] != nil
        let isEnded = scenario.run.calls[number: 1]?.state == .ended
        let start = refusal { try scenario.start(1, by: "other") }
        #expect(
            start
                == (isReady
                    ? nil : !hasCall ? .noSuchCall : isEnded || place.status == .stopped ? .callEnded : .callTaken))
        scenario = try place.scenario()
        #expect(refusal { try scenario.complete(1) } == (isWorkers ? nil : !hasCall ? .noSuchCall : .callEnded))
        #expect(scenario.run.status == place.status)
    }

    @discardableResult
    private func check(
        _ request: RunRequest, in place: Place, sourceLocation: SourceLocation = #_sourceLocation,
        _ cell: () -> Cell
    ) throws -> Scenario {
        var scenario = try place.scenario()
        let before = scenario.run
        let expected = cell()
        do {
            try scenario.command(request, reason: "because")
        } catch let refusal as Refusal {
            #expect(expected == .refused, "\(refusal)", sourceLocation: sourceLocation)
            #expect(refusal.code == .wrongStatus, sourceLocation: sourceLocation)
            #expect(refusal.message.contains(place.status.protocolName), sourceLocation: sourceLocation)
            #expect(refusal.details["status"] == place.status.protocolName, sourceLocation: sourceLocation)
            #expect(scenario.run == before, sourceLocation: sourceLocation)
            return scenario
        }
        switch expected {
        case .refused: Issue.record("accepted, and should be refused", sourceLocation: sourceLocation)
        case .ok:
            #expect(scenario.last.isEmpty, sourceLocation: sourceLocation)
            #expect(scenario.run == before, sourceLocation: sourceLocation)
        case .to(let status):
            #expect(scenario.run.status == status, sourceLocation: sourceLocation)
            #expect(!scenario.last.isEmpty, sourceLocation: sourceLocation)
            #expect(
                scenario.last.contains { $0.by == "ann" && $0.reason == "because" },
                "what the command asked for says who and why", sourceLocation: sourceLocation)
        }
        return scenario
    }
}
