import Dispatch
import Glibc
import Secrets
import Testing

@testable import Tools

/// A file editor, a workspace, a directory for its state, and beside them one that it must not touch.
final class FileEditorHarness: Sendable {
    /// Holds everything.
    let base: String
    let workspace: String
    let outside: String
    let work = DispatchQueue(label: "files")
    private let editor: FileEditor

    init(secrets: [String] = []) {
        var template = Array("/tmp/fermata-files-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil)
        base = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        workspace = base + "/workspace"
        outside = base + "/outside"
        editor = FileEditor(secrets: SecretTable(secrets), work: work)
        mkdir(workspace, 0o700)
        mkdir(outside, 0o700)
    }

    deinit { removeTree(base) }

    var state: String { base + "/state/run" }

    enum Argument: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
        ExpressibleByArrayLiteral
    {
        case text(String)
        case number(Int)
        case numbers([Int])

        init(stringLiteral text: String) { self = .text(text) }
        init(integerLiteral number: Int) { self = .number(number) }
        init(arrayLiteral numbers: Int...) { self = .numbers(numbers) }

        var json: String {
            switch self {
            case .text(let text): quoted(text)
            case .number(let number): "\(number)"
            case .numbers(let numbers): "\(numbers)"
            }
        }
    }

    static func json(_ command: String, _ path: String, _ arguments: KeyValuePairs<String, Argument>) -> String {
        let fields = [("command", .text(command)), ("path", .text(path))] + arguments.map { ($0.key, $0.value) }
        return "{" + fields.map { "\"\($0.0)\":\($0.1.json)" }.joined(separator: ",") + "}"
    }

    func start(_ json: String, _ onEnd: @escaping @Sendable (ToolResult) -> Void) -> any ToolExecution {
        editor.start(
            ToolCall(
                tool: "file_editor", run: "run", argumentsJSON: json, workspace: workspace, state: state),
            onOutput: { _ in Issue.record("live output") }, onEnd: onEnd)
    }

    func run(json: String) async -> ToolResult {
        await withCheckedContinuation { continuation in
            _ = start(json) { continuation.resume(returning: $0) }
        }
    }

    /// A call that has to succeed; its text.
    @discardableResult
    func edit(
        _ command: String, _ path: String, _ arguments: KeyValuePairs<String, Argument> = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> String {
        let result = await run(json: FileEditorHarness.json(command, path, arguments))
        #expect(result.outcome == .finished, "\(result.output.text)", sourceLocation: sourceLocation)
        return result.output.text
    }

    /// A call that has to fail; why it did. Nothing may be left behind by it.
    @discardableResult
    func refusal(
        _ command: String, _ path: String, _ arguments: KeyValuePairs<String, Argument> = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async -> String {
        let result = await run(json: FileEditorHarness.json(command, path, arguments))
        #expect(result.outcome == .failed, "\(result.output.text)", sourceLocation: sourceLocation)
        return result.output.text
    }

    func put(_ text: String, in file: String) { put(Array(text.utf8), in: file) }

    func put(_ bytes: [UInt8], in file: String) {
        let descriptor = open(absolute(file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        precondition(descriptor >= 0 && Descriptor(descriptor).write(bytes))
    }

    func text(of file: String) -> String { String(decoding: contents(of: absolute(file)), as: UTF8.self) }

    func exists(_ file: String) -> Bool {
        var status = stat()
        return lstat(absolute(file), &status) == 0
    }

    func makeDirectory(_ name: String) { precondition(mkdir(absolute(name), 0o700) == 0) }

    func link(_ name: String, to target: String) { precondition(symlink(target, absolute(name)) == 0) }

    /// Everything under a directory: a path and the bytes of each file.
    func tree(_ path: String) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in entries(of: path) {
            let inner = path + "/" + name
            var status = stat()
            guard lstat(inner, &status) == 0 else { continue }
            switch status.kind {
            case .directory: files.merge(tree(inner)) { first, _ in first }
            case .file: files[inner] = contents(of: inner)
            default: files[inner] = []
            }
        }
        return files
    }

    func absolute(_ file: String) -> String { file.hasPrefix("/") ? file : workspace + "/" + file }
}
