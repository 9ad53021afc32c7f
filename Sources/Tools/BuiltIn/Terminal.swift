import FoundationEssentials
public import Secrets
internal import Threads

extension ToolDefinition {
    /// What the model is told of `Terminal`.
    public static let terminal = ToolDefinition(
        name: "terminal",
        description: """
            Runs a command with bash in the workspace directory and returns its output (standard output and error, in \
            the order written) and exit code. Every call is a new shell: directories and variables do not last from \
            call to call, files do. There is no input and no screen. When the command ends, whatever it left running \
            in the background is ended too. Long output loses its middle.
            """,
        parametersJSON: """
            {"type":"object","properties":{\
            "command":{"type":"string","minLength":1,\
            "description":"The bash command; several lines are allowed."},\
            "timeout_seconds":{"type":"number","minimum":0.1,"maximum":86400,\
            "description":"After this time the command and all that it started is killed. Default: 120."}\
            },"required":["command"],"additionalProperties":false}
            """,
        idempotent: false,
        parallel: false
    )
}

/// The built-in tool `terminal`: `bash --noprofile --norc -c COMMAND` in the run's workspace.
///
/// The workspace is created, with its parents, mode 0700, if it is missing. Standard input is /dev/null. The
/// environment is the service's, with `TERM=dumb`, `FERMATA=1`, `PWD`, `FERMATA_COMMAND` (by which a command's processes
/// are known when its supervisors were killed), without variables whose names end in `_API_KEY`,
/// `_TOKEN`, `_SECRET` or `_PASSWORD`; their values, if 8 bytes or longer, are `****` in the output. Set-user-id
/// programs (sudo) run without their privilege: what belongs to another user could not be killed.
///
/// Ends: `finished` with any exit code; `timedOut` and `cancelled` with the output so far; `failed` when the command
/// could not be started or its supervisor was killed, saying so in the last line of the output.
public struct Terminal: Tool {
    /// Bytes of output that are kept if nothing else is asked for, half of them from the end.
    public static let defaultOutputLimit = 32 * 1024
    public static let defaultTimeout: Duration = .seconds(120)
    public static let maximumTimeout: Duration = .seconds(86_400)

    /// Linux takes at most 128 KiB as one argument of a program (MAX_ARG_STRLEN), its final NUL included.
    static let maximumCommandBytes = 128 * 1024 - 1

    public var definition: ToolDefinition { .terminal }

    /// The socket to the supervisor, and the pipe with the command's output.
    public var descriptors: Int { 2 }

    private let processes: ToolProcesses
    private let environment: CommandEnvironment
    private let secrets: SecretTable
    private let outputLimit: Int

    /// - Parameters:
    ///   - environment: the service's own; nil takes it as it is now.
    ///   - secrets: what is `****` in output; nil: the environment's.
    ///   - outputLimit: bytes of output that are kept.
    public init(
        processes: ToolProcesses,
        environment: [String: String]? = nil,
        secrets: SecretTable? = nil,
        outputLimit: Int = Terminal.defaultOutputLimit
    ) {
        self.processes = processes
        self.environment = CommandEnvironment(inheriting: environment ?? ProcessInfo.processInfo.environment)
        self.secrets = secrets ?? SecretTable(self.environment.secrets)
        self.outputLimit = outputLimit
    }

    public func start(
        _ call: ToolCall,
        onOutput: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (ToolResult) -> Void
    ) -> any ToolExecution {
        let output = CommandOutput(secrets: secrets, limit: outputLimit)
        let process = ToolProcess()
        let listener = ToolProcessListener(
            onBytes: { bytes in
                let live = output.append(bytes, at: .now)
                if !live.isEmpty { onOutput(live) }
            },
            onEnd: { end in
                let (live, output) = output.finish()
                if !live.isEmpty { onOutput(live) }
                onEnd(Terminal.result(of: end, output))
            })
        do throws(TerminalArguments.Invalid) {
            let arguments = try TerminalArguments(call.argumentsJSON)
            processes.start(process, command(arguments, in: call.workspace), listener)
        } catch {
            processes.refuse(process, error.text, listener)
        }
        return TerminalExecution(process: process, processes: processes, output: output)
    }

    private func command(_ arguments: TerminalArguments, in workspace: String) -> ProcessCommand {
        ProcessCommand(
            arguments: ["bash", "--noprofile", "--norc", "-c", arguments.command],
            directory: workspace,
            environment: environment.variables(in: workspace),
            timeout: arguments.timeout)
    }

    private static func result(of end: ToolProcessEnd, _ output: ToolOutput) -> ToolResult {
        switch end {
        case .exited(let code): return ToolResult(outcome: .finished, output: output, exitCode: code)
        case .stopped(.timedOut, let code): return ToolResult(outcome: .timedOut, output: output, exitCode: code)
        case .stopped(.cancelled, let code): return ToolResult(outcome: .cancelled, output: output, exitCode: code)
        case .failed(let reason), .lost(let reason):
            var output = output
            if !output.text.isEmpty && !output.text.hasSuffix("\n") { output.text += "\n" }
            output.text += reason
            return ToolResult(outcome: .failed, output: output)
        }
    }
}

/// A command that is executing.
private struct TerminalExecution: ToolExecution {
    let process: ToolProcess
    let processes: ToolProcesses
    let output: CommandOutput

    func cancel() { processes.cancel(process) }

    func takeOutput() -> ToolOutput {
        process.drainOutput()
        return output.take()
    }
}

/// The arguments of one call. The caller has checked them against the schema; what is dangerous is checked again.
private struct TerminalArguments {
    struct Invalid: Error { var text: String }

    private struct Fields: Decodable {
        var command: String
        var timeout_seconds: Double?
    }

    var command: String
    var timeout: Duration

    init(_ json: String) throws(Invalid) {
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: Data(json.utf8))
        } catch {
            throw Invalid(
                text: "The arguments must be a JSON object with the string \"command\" and, if wanted, the "
                    + "number \"timeout_seconds\".")
        }
        guard fields.command.utf8.count <= Terminal.maximumCommandBytes else {
            throw Invalid(
                text: "The command has \(fields.command.utf8.count) bytes; at most "
                    + "\(Terminal.maximumCommandBytes) can be executed. Write it to a file and run that.")
        }
        guard !fields.command.utf8.contains(0) else {
            throw Invalid(text: "The command contains a NUL character; bash cannot take one.")
        }
        command = fields.command
        guard let seconds = fields.timeout_seconds else {
            timeout = Terminal.defaultTimeout
            return
        }
        guard seconds > 0, seconds <= Double(Terminal.maximumTimeout.components.seconds) else {
            throw Invalid(
                text: "timeout_seconds must be more than 0 and at most "
                    + "\(Terminal.maximumTimeout.components.seconds).")
        }
        timeout = .seconds(seconds)
    }
}
