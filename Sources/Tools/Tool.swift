/// A tool that is built in: what the model is told of it, and how a call of it is executed. `BuiltInTools` offers them.
public protocol Tool: Sendable {
    var definition: ToolDefinition { get }

    /// The most descriptors of this process that a call has open at once, but for the moment in which it starts.
    var descriptors: Int { get }

    /// Executes one call.
    ///
    /// Threads: callable from any thread, never blocks for longer than it takes to start a process. `onOutput` and
    /// `onEnd` are called one after the other, never at once, on a thread of the toolbox's (or, of a call that cannot
    /// begin, before this returns; or, of what was still unread, on the thread that takes the output); they must not
    /// block.
    ///
    /// - Parameters:
    ///   - onOutput: live output as it arrives, valid UTF-8, in order, never empty.
    ///   - onEnd: called exactly once, when the call has ended and no process of it is left, also after `cancel`. Of a call
    ///     whose process lasts (`ToolSource`), when nobody works on the call any more as far as can be known.
    func start(
        _ call: ToolCall,
        onOutput: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (ToolResult) -> Void
    ) -> any ToolExecution
}

/// A call that is executing.
public protocol ToolExecution: Sendable {
    /// Ends the call as soon as possible: kills every process of it, or, of a call that a lasting process executes, tells
    /// that to stop. Idempotent, never blocks, callable from any thread; the end comes by `onEnd`, and soon also if what
    /// was told to stop does not: then its source gives it up, or kills it.
    func cancel()

    /// What the call's result would be if its output ended now: same limit, head and tail kept. What it writes later is
    /// not shown by `onOutput` any more, so that all that was shown is part of this. Any thread, does not block.
    func takeOutput() -> ToolOutput
}

/// What a tool is, as data: name, description, JSON Schema of its arguments as text.
public struct ToolDefinition: Sendable {
    public var name: String
    public var description: String
    public var parametersJSON: String
    /// Any call may run again after a crash without harm.
    public var idempotent: Bool
    /// Calls that change nothing, of a tool of which others do: those with this text as this argument. They may run
    /// again as well.
    public var reading: (argument: String, value: String)?
    /// A call may run beside its neighbours in a step.
    public var parallel: Bool

    public init(
        name: String, description: String, parametersJSON: String, idempotent: Bool,
        reading: (argument: String, value: String)? = nil, parallel: Bool
    ) {
        self.name = name
        self.description = description
        self.parametersJSON = parametersJSON
        self.idempotent = idempotent
        self.reading = reading
        self.parallel = parallel
    }
}

/// One call to execute. `argumentsJSON` was checked against the tool's schema by the caller.
public struct ToolCall: Sendable, Equatable {
    /// The name of the tool.
    public var tool: String
    /// Which run's call it is, as `ToolSource.forget` names it: nothing is to be read from it.
    public var run: String
    public var argumentsJSON: String
    /// Absolute path of the run's workspace directory; the tool creates it if it is missing.
    public var workspace: String
    /// Absolute path of a directory of the run's own, outside of the workspace, for what a tool has to remember between
    /// its calls. It outlives the service. A tool that needs it creates it, and in it a directory of its own name.
    public var state: String

    public init(tool: String, run: String, argumentsJSON: String, workspace: String, state: String) {
        self.tool = tool
        self.run = run
        self.argumentsJSON = argumentsJSON
        self.workspace = workspace
        self.state = state
    }
}

/// Output of a call: UTF-8, repaired where the tool's bytes were not, cut in the middle where there was too much.
public struct ToolOutput: Sendable, Equatable {
    public var text: String
    /// Bytes left out between head and tail.
    public var omittedBytes: UInt64
    /// Some bytes were not UTF-8 and were replaced by U+FFFD.
    public var repaired: Bool

    public init(text: String, omittedBytes: UInt64 = 0, repaired: Bool = false) {
        self.text = text
        self.omittedBytes = omittedBytes
        self.repaired = repaired
    }
}

/// How a call ended.
public struct ToolResult: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        /// The tool ran to its end; for a command, whatever its exit code.
        case finished
        /// The tool could not do it: bad argument, no process, unwritable workspace. `output.text` says why.
        case failed
        /// The tool's own time limit ended it.
        case timedOut
        /// `cancel` ended it.
        case cancelled
        /// What executed it was lost before it could say how the call ended: the call may have happened, in part or not
        /// at all. It must not be made again by whoever says so: what becomes of it is decided with the run, by what the
        /// tool was launched with and by its policy. `output` is what is known of its output.
        case unknown
    }

    /// A piece of a result that is more than text.
    public enum Part: Sendable, Equatable {
        case text(String)
        /// Any bytes, as the tool says what they are: whoever shows them looks whether it is so.
        case media(ToolMedia)
    }

    public var outcome: Outcome
    public var output: ToolOutput
    /// The command's exit code; 128 + signal where a signal ended it; nil where there was no command.
    public var exitCode: Int32?
    /// What the result is made of, in order, if of more than text; its texts are together `output.text`. Empty: the output,
    /// and nothing else.
    public private(set) var parts: [Part] = []

    public init(outcome: Outcome, output: ToolOutput, exitCode: Int32? = nil) {
        self.outcome = outcome
        self.output = output
        self.exitCode = exitCode
    }

    /// A result of text, images and files.
    public init(outcome: Outcome, parts: [Part]) {
        let text = parts.reduce(into: "") { if case .text(let text) = $1 { $0 += text } }
        self.init(outcome: outcome, output: ToolOutput(text: text))
        self.parts = parts
    }
}

/// Bytes that a tool gives beside its text.
public struct ToolMedia: Sendable, Equatable {
    /// As image/png; whatever the tool says.
    public var type: String
    /// Of the file; may be empty.
    public var name: String
    public var data: [UInt8]

    public init(type: String, name: String = "", data: [UInt8]) {
        self.type = type
        self.name = name
        self.data = data
    }
}
