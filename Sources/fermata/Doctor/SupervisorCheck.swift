internal import Foundation
internal import Synchronization
internal import Tools

/// Runs a command as tools do, under the supervisor.
enum SupervisorCheck {
    static func finding() async -> Finding {
        let path = ToolProcesses.defaultSupervisor
        guard access(path, X_OK) == 0 else {
            return .problem(
                "supervisor", "\(path): \(String(cString: strerror(errno)))",
                do: "install fermata-supervisor beside fermata: tools run under it")
        }
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let processes = try ToolProcesses()
            defer { processes.close() }
            let terminal = Terminal(
                processes: processes, environment: ProcessInfo.processInfo.environment)
            let result = await withCheckedContinuation { continuation in
                _ = terminal.start(
                    // The terminal keeps no state.
                    ToolCall(
                        tool: terminal.definition.name, run: "", argumentsJSON: #"{"command":"echo $((6 * 7))"}"#,
                        workspace: NSTemporaryDirectory(),
                        state: NSTemporaryDirectory()),
                    onOutput: { _ in }, onEnd: { continuation.resume(returning: $0) })
            }
            let took = Follow.milliseconds(clock.now - start)
            guard result.output.text.contains("42") else {
                return .problem(
                    "supervisor", "\(path): a command under it says: \(result.output.text.oneLine(200))",
                    do: "is there a /bin/sh, and may this user run programs?")
            }
            return .ok("supervisor", "\(path), a command takes \(took) ms")
        } catch {
            return .problem("supervisor", "\(error)", do: "install fermata-supervisor beside fermata")
        }
    }
}
