import Foundation
import Glibc
import Synchronization
public import Tools

/// A source whose tools one lasting process executes: `LineServer`. A new one is started by the first call, and by the
/// first after the last one has ended.
public final class LineSource: ToolSource {
    private struct Pending {
        let onEnd: @Sendable (ToolResult) -> Void
    }

    private struct State {
        var tools: [ToolDefinition]
        var changed: @Sendable () -> Void = {}
        var process: LongLivedProcess?
        /// Which process it is that calls are pending of.
        var generation = 0
        var last = 0
        var pending: [Int: Pending] = [:]
        var forgotten: [String] = []
        var onEnd: (@Sendable () -> Void)?
    }

    public let origin = ToolOrigin.builtIn
    public let longLivedProcesses = 1
    public let callsMayGoOn = true

    private let processes: ToolProcesses
    private let program: LongLivedProcess.Program
    private let state: Mutex<State>

    public init(
        _ tools: [ToolDefinition] = [LineSource.tool()], in processes: ToolProcesses, directory: String, log: String,
        environment: [String: String] = [:]
    ) {
        self.processes = processes
        program = LineServer.program(in: directory, log: log, environment: environment)
        state = Mutex(State(tools: tools))
    }

    public static func tool(
        _ name: String = "line", idempotent: Bool = false, description: String = "Asks the line server."
    ) -> ToolDefinition {
        ToolDefinition(
            name: name, description: description,
            parametersJSON: """
                {"type":"object","properties":{"verb":{"type":"string"},"text":{"type":"string"}},"required":["verb"]}
                """, idempotent: idempotent, parallel: true)
    }

    public var tools: [ToolDefinition] { state.withLock { $0.tools } }
    public func whenToolsChange(_ changed: @escaping @Sendable () -> Void) { state.withLock { $0.changed = changed } }
    public func descriptors(of tool: String) -> Int { 0 }

    /// Offers these from now on.
    public func offer(_ tools: [ToolDefinition]) {
        let changed = state.withLock { state in
            state.tools = tools
            return state.changed
        }
        changed()
    }

    /// Runs that were forgotten.
    public var forgotten: [String] { state.withLock { $0.forgotten } }
    public func forget(run: String) { state.withLock { $0.forgotten.append(run) } }

    public func start(
        _ call: ToolCall, onOutput: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (ToolResult) -> Void
    ) -> any ToolExecution {
        let fields = (try? JSONSerialization.jsonObject(with: Data(call.argumentsJSON.utf8))) as? [String: String]
        let (number, process) = state.withLock { state in
            state.last += 1
            state.pending[state.last] = Pending(onEnd: onEnd)
            return (state.last, current(&state))
        }
        let line = LineServer.line(number, fields?["verb"] ?? "", fields?["text"] ?? "")
        switch process.write(line) {
        case .queued: break
        // Nothing of it has reached the process.
        case .full: end(number, .init(outcome: .failed, output: ToolOutput(text: "The server does not read.")))
        case .closed: end(number, .init(outcome: .failed, output: ToolOutput(text: "The server has ended.")))
        }
        return Execution(number: number, source: self)
    }

    /// The process that takes calls. The lock is held.
    private func current(_ state: inout State) -> LongLivedProcess {
        if let process = state.process { return process }
        let process = LongLivedProcess(program, in: processes, reading: .lines(limit: 1 << 20))
        state.process = process
        state.generation += 1
        let generation = state.generation
        process.start(
            onOutput: { [weak self] line in self?.take(String(decoding: line, as: UTF8.self)) },
            onEnd: { [weak self] end in self?.ended(generation, end) })
        return process
    }

    private func take(_ line: String) {
        let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
        guard parts.count >= 2, let number = Int(parts[0]) else { return }
        let text = parts.count > 2 ? parts[2] : ""
        switch parts[1] {
        // A result of more than text: what is to be shown, in hexadecimal.
        case "ok" where text.hasPrefix("media "):
            let fields = text.split(separator: " ").map(String.init)
            let data = stride(from: 0, to: fields[2].count, by: 2).map { offset in
                UInt8(fields[2].dropFirst(offset).prefix(2), radix: 16) ?? 0
            }
            let media = ToolMedia(type: fields[1], name: "../dir/shot.png", data: data)
            end(number, ToolResult(outcome: .finished, parts: [.text("Seen:"), .media(media), .text("below")]))
        case "ok": end(number, .init(outcome: .finished, output: ToolOutput(text: text)))
        case "cancelled": end(number, .init(outcome: .cancelled, output: ToolOutput(text: text)))
        default: break
        }
    }

    private func ended(_ generation: Int, _ ended: LongLivedProcess.End) {
        let (pending, over) = state.withLock { state in
            guard state.generation == generation else { return ([Pending](), (@Sendable () -> Void)?.none) }
            defer { (state.process, state.pending, state.onEnd) = (nil, [:], nil) }
            return (Array(state.pending.values), state.onEnd)
        }
        // One that could not be started has executed nothing.
        let isStarted = if case .notStarted = ended.cause { false } else { true }
        for call in pending {
            call.onEnd(
                ToolResult(outcome: isStarted ? .unknown : .failed, output: ToolOutput(text: ended.description)))
        }
        over?()
    }

    private func end(_ number: Int, _ result: ToolResult) {
        state.withLock { $0.pending.removeValue(forKey: number) }?.onEnd(result)
    }

    fileprivate func cancel(_ number: Int) {
        guard let process = state.withLock({ $0.pending[number] == nil ? nil : $0.process }) else { return }
        // Who cannot be told is killed: then nobody knows of the other calls either.
        if process.write(LineServer.line(0, "cancel", "\(number)")) != .queued { process.kill() }
    }

    /// Kills the process.
    public func kill() { state.withLock { $0.process }?.kill() }

    public func shutDown(within time: Duration, onEnd: @escaping @Sendable () -> Void) {
        let process = state.withLock { state in
            if state.process != nil { state.onEnd = onEnd }
            return state.process
        }
        guard let process else { return onEnd() }
        process.end(within: time)
    }

    private struct Execution: ToolExecution {
        let number: Int
        let source: LineSource

        func cancel() { source.cancel(number) }
        func takeOutput() -> ToolOutput { ToolOutput(text: "") }
    }
}
