import FermataProtocol
import MockModel
import Testing

/// A way to be in a status. Several lead to some of them.
enum Situation: String, CaseIterable, Sendable {
    case idle
    case modelInFlight, toolExecuting, betweenAttempts
    case pausingModel, pausingTool
    case pausedIdle, pausedAsking, interrupted
    case waiting
    case finished
    case failed
    case stopped

    var status: FermataStatus {
        switch self {
        case .idle: .idle
        case .modelInFlight, .toolExecuting, .betweenAttempts: .running
        case .pausingModel, .pausingTool: .pausing
        case .pausedIdle, .pausedAsking, .interrupted: .paused
        case .waiting: .waiting
        case .finished: .finished
        case .failed: .failed
        case .stopped: .stopped
        }
    }

    /// What the model answers follows from the last message. Its gate never opens: what is on its way stays so.
    static let script = #"""
        [
          {"match": "user: tool", "tool_calls": [{"name": "terminal", "arguments": {"command": "exec sleep 60"}}]},
          {"match": "user: ask", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
          {"match": "user: finish", "text": "Done."},
          {"match": "user: fail", "fault": {"status": 400}, "repeat": true},
          {"match": "user: busy", "fault": {"status": 503, "retry_after": 60}, "repeat": true},
          {"match": "", "text": "One two three.", "gate": "never"}
        ]
        """#

    /// Brings a fresh run into the situation and returns its id.
    func enter(_ service: Service) async throws -> String {
        switch self {
        case .idle: return try await service.launch("")
        case .modelInFlight: return try await service.launch("hang")
        case .toolExecuting:
            let run = try await service.launch("tool")
            try await service.event(run) { if case .callStarted = $0 { true } else { false } }
            return run
        case .betweenAttempts:
            let run = try await service.launch("busy") { $0.modelAttempts = 3 }
            try await service.event(run) { if case .modelFailed = $0 { true } else { false } }
            return run
        case .pausingModel: return try await pause(.modelInFlight, service)
        case .pausingTool: return try await pause(.toolExecuting, service)
        case .pausedIdle: return try await pause(.idle, service)
        case .pausedAsking: return try await pause(.waiting, service)
        case .interrupted:
            let run = try await Situation.modelInFlight.enter(service)
            try await service.interrupt(run)
            return run
        case .waiting: return try await launch("ask", service)
        case .finished: return try await launch("finish", service)
        case .failed: return try await launch("fail", service)
        case .stopped:
            let run = try await Situation.finished.enter(service)
            try await service.stop(run)
            return run
        }
    }

    private func pause(_ situation: Situation, _ service: Service) async throws -> String {
        let run = try await situation.enter(service)
        try await service.pause(run)
        return run
    }

    private func launch(_ task: String, _ service: Service) async throws -> String {
        let run = try await service.launch(task)
        try await service.wait(run, status)
        return run
    }
}
