import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

/// A way to be in a status. Several lead to some of them.
enum Situation: String, CaseIterable, Sendable {
    case idle
    case modelInFlight, toolExecuting, betweenAttempts, runningWhileKilling
    case pausingModel, pausingTool, killing
    case pausedIdle, pausedSelected, pausedEnded, pausedFailed, pausedAsking, pausedAtLimit, interrupted
    case waiting
    case finished
    case failed, failedByLimit
    case stopped, stoppedWhileKilling

    var status: FermataStatus {
        switch self {
        case .idle: .idle
        case .modelInFlight, .toolExecuting, .betweenAttempts, .runningWhileKilling: .running
        case .pausingModel, .pausingTool, .killing: .pausing
        case .pausedIdle, .pausedSelected, .pausedEnded, .pausedFailed, .pausedAsking, .pausedAtLimit, .interrupted:
            .paused
        case .waiting: .waiting
        case .finished: .finished
        case .failed, .failedByLimit: .failed
        case .stopped, .stoppedWhileKilling: .stopped
        }
    }

    var isHeld: Bool { status == .pausing || status == .paused }

    /// What the model answers follows from the last message. What is on its way at the gate `never` stays so.
    static let script = #"""
        [
          {"match": "user: tool",
           "tool_calls": [{"name": "terminal", "arguments": {"command": "echo $$; exec sleep 60"}}]},
          {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
          {"match": "user: finish", "text": "Done."},
          {"match": "user: fail", "fault": {"status": 400}, "repeat": true},
          {"match": "user: busy", "fault": {"status": 503, "retry_after": 60}, "repeat": true},
          {"match": "user: choose later", "gate": "later",
           "tool_calls": [{"name": "terminal", "arguments": {"command": "exec sleep 60"}}]},
          {"match": "user: end later", "gate": "later", "text": "Done."},
          {"match": "user: break later", "gate": "later", "fault": {"status": 400}, "repeat": true},
          {"match": "user: step", "tool_calls": [{"name": "terminal", "arguments": {"command": "true"}}]},
          {"match": "", "text": "One two three.", "gate": "never"}
        ]
        """#

    /// A fresh run in a situation.
    struct Entered {
        var run: String
        /// Of the hold, if there is one; else of one that was lifted by hand.
        var token: String
        /// What keeps a killed tool from being gone.
        var grip: Grip?
    }

    /// Brings a fresh run into the situation and returns its id.
    func enter(_ service: Service) async throws -> String { try await enter(service, nil).run }

    /// - Parameters:
    ///   - model: for those situations in which it answers under a hold.
    ///   - time: when the hold lifts itself, if there is one; 0: never.
    func enter(_ service: Service, _ model: MockModel?, holdUntil time: Int64 = 0) async throws -> Entered {
        switch self {
        case .idle: return try await launch("", service)
        case .modelInFlight: return try await launch("hang", service)
        case .toolExecuting: return try await launchTool(service).entered
        case .betweenAttempts:
            let entered = try await launch("busy", service) { $0.modelAttempts = 3 }
            try await service.event(entered.run) { if case .modelFailed = $0 { true } else { false } }
            return entered
        case .runningWhileKilling:
            let entered = try await Situation.killing.enter(service, model)
            try await service.resume(entered.run)
            return entered
        case .pausingModel: return try await pause(.modelInFlight, service, time)
        case .pausingTool: return try await pause(.toolExecuting, service, time)
        case .killing: return try await kill(service, FermataInterrupt.self) { .of($0, at: time, token: true) }
        case .pausedIdle: return try await pause(.idle, service, time)
        case .pausedSelected: return try await pauseBefore("choose later", service, model, time)
        case .pausedEnded: return try await pauseBefore("end later", service, model, time)
        case .pausedFailed: return try await pauseBefore("break later", service, model, time)
        case .pausedAsking: return try await pause(.waiting, service, time)
        case .pausedAtLimit:
            let waiting = try await launch("ask", service, until: .waiting) { $0.limits.maxSteps = 1 }
            let paused = try await pause(waiting, service, time)
            try await service.answer(paused.run, 1, "This one.")
            return paused
        case .interrupted:
            var entered = try await Situation.modelInFlight.enter(service, model)
            entered.token = try await service.client.send(FermataInterrupt.of(entered.run, at: time, token: true))
                .resumeToken
            return entered
        case .waiting: return try await launch("ask", service, until: .waiting)
        case .finished: return try await launch("finish", service, until: .finished)
        case .failed: return try await launch("fail", service, until: .failed)
        case .failedByLimit:
            let waiting = try await launch("step", service, until: .waiting) { $0.limits.maxSteps = 1 }
            try await service.answer(waiting.run, 1, "", .endTurn)
            return waiting
        case .stopped:
            let entered = try await Situation.finished.enter(service, model)
            try await service.stop(entered.run)
            return entered
        case .stoppedWhileKilling: return try await kill(service, FermataStop.self) { .of($0) }
        }
    }

    /// A run with a lifted hold behind it, whose first message is the task.
    private func launch(
        _ task: String, _ service: Service, until status: FermataStatus? = nil,
        _ change: (inout FermataLaunch) -> Void = { _ in }
    ) async throws -> Entered {
        let run = try await service.launch("", change)
        let token = try await service.client.send(FermataPause.of(run, token: true)).resumeToken
        try await service.resume(run)
        if !task.isEmpty { try await service.send(run, task) }
        if let status { try await service.wait(run, status) }
        return Entered(run: run, token: token)
    }

    /// With the process of its tool.
    private func launchTool(_ service: Service) async throws -> (entered: Entered, process: pid_t) {
        let pieces = try await service.client.text()
        let entered = try await launch("tool", service)
        for await piece in pieces where piece.run == entered.run && piece.call > 0 {
            return (entered, pid_t(piece.text.prefix { $0.isNumber }) ?? 0)
        }
        throw CancellationError()
    }

    /// A command that kills the tool, which is then not gone until the grip is released.
    private func kill<C: FermataProtocol.Command>(
        _ service: Service, _: C.Type, _ command: (String) -> C
    ) async throws -> Entered where C.Reply == FermataCommandReply {
        var (entered, process) = try await launchTool(service)
        entered.grip = try await Grip(process)
        let token = try await service.client.send(command(entered.run)).resumeToken
        if !token.isEmpty { entered.token = token }
        return entered
    }

    private func pause(_ situation: Situation, _ service: Service, _ time: Int64) async throws -> Entered {
        try await pause(situation.enter(service, nil), service, time)
    }

    private func pause(_ entered: Entered, _ service: Service, _ time: Int64) async throws -> Entered {
        var entered = entered
        entered.token = try await service.client.send(FermataPause.of(entered.run, at: time, token: true)).resumeToken
        return entered
    }

    /// The model answers a task after the pause.
    private func pauseBefore(
        _ task: String, _ service: Service, _ model: MockModel?, _ time: Int64
    ) async throws -> Entered {
        let model = try #require(model)
        model.gates.close("later")
        let entered = try await launch(task, service)
        await model.gates.awaited("later")
        let paused = try await pause(entered, service, time)
        model.gates.open("later")
        try await service.wait(paused.run, .paused)
        return paused
    }
}
