import Dispatch
import FoundationEssentials
public import Secrets
import Synchronization

extension ToolDefinition {
    /// What the model is told of `FileEditor`.
    public static let fileEditor = ToolDefinition(
        name: "file_editor",
        description: """
            Views and edits text files (UTF-8, at most 4 MiB) in the workspace directory. Commands: \
            view: a file with line numbers, or a directory two levels deep. \
            create: a new file with file_text; missing directories are made, an existing file is refused. \
            str_replace: replaces old_str, which must occur exactly once in the file, by new_str. \
            insert: adds insert_text as lines of their own after line insert_line. \
            undo: takes back this tool's last change of the file; repeat it to go back further.
            """,
        parametersJSON: """
            {"type":"object","properties":{\
            "command":{"type":"string","enum":["view","create","str_replace","insert","undo"]},\
            "path":{"type":"string","minLength":1,\
            "description":"File or directory: relative to the workspace, or an absolute path in it."},\
            "view_range":{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2,\
            "description":"For view of a file: first and last line, from 1; last -1 is the end. Default: all."},\
            "file_text":{"type":"string","description":"For create: the whole text."},\
            "old_str":{"type":"string",\
            "description":"For str_replace: text exactly as in the file, white space included, without line numbers."},\
            "new_str":{"type":"string","description":"For str_replace: the text instead. Default: none."},\
            "insert_line":{"type":"integer","minimum":0,\
            "description":"For insert: a line number; 0 is the beginning."},\
            "insert_text":{"type":"string","description":"For insert: the lines."}\
            },"required":["command","path"],"additionalProperties":false}
            """,
        idempotent: false,
        reading: ("command", "view"),
        parallel: false
    )
}

/// The built-in tool `file_editor`: it works on text files of the run's workspace and never outside of it, whatever
/// links there are and whoever changes them meanwhile (`WorkspaceRoot` says how).
///
/// A file is written whole or not at all, keeps its owner, mode and kind of line ends, and is made anew: other names of
/// it (hard links) keep the old content. Extended attributes are not kept. What undo needs is in `ToolCall.state`.
/// Secrets are `****` in results, as in those of `Terminal`.
///
/// Ends: `finished`; `failed`, saying why in words for the model, and then nothing was changed; `cancelled` before it
/// began. Once begun, a call goes on to its end, which takes milliseconds.
public struct FileEditor: Tool {
    public var definition: ToolDefinition { .fileEditor }

    /// A directory for each component of a path of usual length, the file, its successor and what undo needs. Calls are
    /// done one after the other: those that wait leave theirs to one that is deeper.
    public var descriptors: Int { 8 }

    /// One job after the other, off the caller's thread: a file system may hang.
    private let work: DispatchQueue
    private let secrets: SecretTable

    /// - Parameter secrets: what is `****` in results.
    public init(secrets: SecretTable = .none) {
        self.init(secrets: secrets, work: DispatchQueue(label: "fermata-files"))
    }

    init(secrets: SecretTable, work: DispatchQueue) {
        self.secrets = secrets
        self.work = work
    }

    public func start(
        _ call: ToolCall,
        onOutput: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (ToolResult) -> Void
    ) -> any ToolExecution {
        let execution = FileEditorExecution()
        work.async { [secrets] in
            let result = execution.begin() ? FileEditor.result(of: call, secrets) : .cancelledBeforeItBegan
            execution.end(result.output)
            onEnd(result)
        }
        return execution
    }

    private static func result(of call: ToolCall, _ secrets: SecretTable) -> ToolResult {
        do throws(FileRefusal) {
            let arguments = try FileEditorArguments(call.argumentsJSON)
            let text = try FileEditing(workspace: call.workspace, state: call.state).perform(arguments)
            return ToolResult(outcome: .finished, output: ToolOutput(text: secrets.masked(text)))
        } catch {
            return ToolResult(outcome: .failed, output: ToolOutput(text: secrets.masked(error.text)))
        }
    }
}

extension ToolResult {
    fileprivate static let cancelledBeforeItBegan = ToolResult(
        outcome: .cancelled, output: ToolOutput(text: "Cancelled before it began: nothing was changed."))
}

/// A call that waits for the thread, or is being worked on. Threads: any.
private final class FileEditorExecution: ToolExecution {
    private enum State {
        case waiting
        case cancelled
        case begun
        case ended(ToolOutput)
    }

    private let state = Mutex(State.waiting)

    func cancel() {
        state.withLock { state in
            if case .waiting = state { state = .cancelled }
        }
    }

    /// - Returns: whether the call is to be done.
    func begin() -> Bool {
        state.withLock { state in
            guard case .waiting = state else { return false }
            state = .begun
            return true
        }
    }

    func end(_ output: ToolOutput) { state.withLock { $0 = .ended(output) } }

    func takeOutput() -> ToolOutput {
        state.withLock { state in
            if case .ended(let output) = state { return output }
            // It may begin, and end, before whoever asks has cancelled it.
            return ToolOutput(text: "If this was a change, it may have been made or not: view the file.")
        }
    }
}
