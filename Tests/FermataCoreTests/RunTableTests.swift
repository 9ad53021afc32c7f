import FermataCore
import FermataProtocol
import RunAudit
import Testing

/// DESIGN, "Commands on a run": every cell of the table.
@Suite struct RunTableTests {
    /// A way to be in a status. Several lead to some of them.
    enum Place: String, CaseIterable, Sendable {
        case idle
        case modelInFlight, toolExecuting, betweenAttempts
        case pausingModel, pausingTool, killing
        case pausedIdle, pausedSelected, pausedEnded, pausedFailed, pausedAsking
        case waiting
        case finished
        case failed
        case stopped, stoppedKilling

        var status: FermataStatus {
            switch self {
            case .idle: .idle
            case .modelInFlight, .toolExecuting, .betweenAttempts: .running
            case .pausingModel, .pausingTool, .killing: .pausing
            case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking: .paused
            case .waiting: .waiting
            case .finished: .finished
            case .failed: .failed
            case .stopped, .stoppedKilling: .stopped
            }
        }

        func scenario() throws -> Scenario {
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
            case .pausingModel: return try Place.modelInFlight.then(.pause())
            case .pausingTool: return try Place.toolExecuting.then(.pause())
            case .killing: return try Place.toolExecuting.then(.interrupt())
            case .pausedIdle: return try Place.idle.then(.pause())
            case .pausedSelected:
                var scenario = try Place.modelInFlight.then(.pause())
                try scenario.modelAnswers("", calls: [.terminal("ls")])
                return scenario
            case .pausedEnded:
                var scenario = try Place.modelInFlight.then(.pause())
                try scenario.modelAnswers("Done.")
                return scenario
            case .pausedFailed:
                var scenario = try Place.modelInFlight.then(.pause())
                try scenario.modelFails()
                return scenario
            case .pausedAsking: return try Place.waiting.then(.pause())
            case .waiting:
                var scenario = try Scenario(task: "go")
                try scenario.modelAnswers("", calls: [.ask("Which?")])
                return scenario
            case .finished:
                var scenario = try Scenario(task: "go")
                try scenario.modelAnswers("Done.")
                return scenario
            case .failed:
                var scenario = try Scenario(task: "go")
                try scenario.modelFails()
                return scenario
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
        let scenario = try check(.send(text: "More.", .nextStep), in: place) {
            switch place {
            case .idle, .finished: .to(.running)
            case .stopped, .stoppedKilling: .refused
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
            case .idle, .waiting: .to(.paused)
            case .modelInFlight, .toolExecuting: .to(.pausing)
            // Nothing is in flight between two attempts: the wait ends at once.
            case .betweenAttempts: .to(.paused)
            case .pausingModel, .pausingTool, .killing: .ok
            case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking: .ok
            case .finished, .failed, .stopped, .stoppedKilling: .refused
            }
        }
    }

    @Test(arguments: Place.allCases) func interrupt(_ place: Place) throws {
        try check(.interrupt(), in: place) {
            switch place {
            case .idle, .modelInFlight, .betweenAttempts, .pausingModel, .waiting: .to(.paused)
            // Until the killed processes are gone.
            case .toolExecuting, .pausingTool: .to(.pausing)
            case .killing: .ok
            case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking: .ok
            case .finished, .failed, .stopped, .stoppedKilling: .refused
            }
        }
    }

    @Test(arguments: Place.allCases) func resume(_ place: Place) throws {
        try check(.resume(text: ""), in: place) {
            switch place {
            case .idle, .finished, .stopped, .stoppedKilling: .refused
            case .modelInFlight, .toolExecuting, .betweenAttempts, .waiting: .ok
            case .pausingModel, .pausingTool, .killing, .pausedSelected, .failed: .to(.running)
            // What the hold hid.
            case .pausedIdle: .to(.idle)
            case .pausedEnded: .to(.finished)
            case .pausedFailed: .to(.failed)
            case .pausedAsking: .to(.waiting)
            }
        }
    }

    @Test(arguments: Place.allCases) func resumeWithAMessage(_ place: Place) throws {
        let scenario = try check(.resume(text: "And this."), in: place) {
            switch place {
            case .stopped, .stoppedKilling: .refused
            case .waiting, .pausedAsking: .to(.waiting)
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
            case .idle, .finished, .failed, .pausedIdle, .pausedEnded: true
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
