import Glibc
import Synchronization
import Testing

@testable import Tools

/// A terminal in a workspace of its own, and the marks by which its processes are found.
final class TerminalHarness: Sendable {
    let processes: ToolProcesses
    let terminal: Terminal
    let workspace: String
    /// In the environment of every process that the terminal starts.
    let marker: String

    /// Removed when the process exits, because the last reference may go on another thread at that very moment.
    private static let workspaces: Mutex<Set<String>> = {
        atexit { TerminalHarness.workspaces.withLock { $0 }.forEach(removeTree) }
        return Mutex([])
    }()

    /// - Parameter workspace: a path for it, if the caller removes it.
    init(
        environment: [String: String] = [:], outputLimit: Int = Terminal.defaultOutputLimit, options: [String] = [],
        workspace: String? = nil
    ) throws {
        marker = "FERMATA_TEST=\(UInt64.random(in: 1...UInt64.max))"
        let path = workspace ?? "/tmp/fermata-toolbox-\(getpid())-\(UInt64.random(in: 1...UInt64.max))"
        self.workspace = path
        _ = TerminalHarness.workspaces.withLock { $0.insert(path) }
        processes = try ToolProcesses(supervisor: ToolProcesses.defaultSupervisor, options: options)
        var variables = environment
        variables["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        variables["FERMATA_TEST"] = String(marker.drop { $0 != "=" }.dropFirst())
        terminal = Terminal(processes: processes, environment: variables, outputLimit: outputLimit)
    }

    deinit {
        removeTree(workspace)
        _ = TerminalHarness.workspaces.withLock { $0.remove(workspace) }
    }

    func start(_ command: String, timeout: Double? = nil) -> TerminalCall {
        let limit = timeout.map { ",\"timeout_seconds\":\($0)" } ?? ""
        return start(arguments: "{\"command\":\(quoted(command))\(limit)}")
    }

    func start(arguments: String, workspace other: String? = nil) -> TerminalCall {
        TerminalCall(
            self,
            ToolCall(
                tool: "terminal", run: "run", argumentsJSON: arguments, workspace: other ?? workspace,
                state: workspace + ".state"))
    }

    func run(_ command: String, timeout: Double? = nil) async -> ToolResult {
        await start(command, timeout: timeout).result()
    }

    /// Numbers of the processes that carry the marker, supervisors included. No zombies: they have no environment.
    var processesLeft: [pid_t] { processesWithEnvironment(marker) }
}

/// One call: its live output as it came and its end, both to be waited for.
final class TerminalCall: Sendable {
    private struct State {
        var live = ""
        var result: ToolResult?
        var ends = 0
        var waiters: [(text: String?, CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let box = Mutex<(any ToolExecution)?>(nil)

    /// Its workspace lasts as long as the call is looked at.
    private let harness: TerminalHarness

    init(_ harness: TerminalHarness, _ call: ToolCall) {
        self.harness = harness
        let execution = harness.terminal.start(
            call,
            onOutput: { [self] text in
                #expect(!text.isEmpty)
                change { state in
                    #expect(state.result == nil, "output after the end")
                    state.live += text
                    // What is waited for is short; searching all of it each time would make the reader slow.
                    return String(state.live.suffix(text.count + 64))
                }
            },
            onEnd: { [self] result in
                change { state in
                    state.ends += 1
                    #expect(state.ends == 1, "two ends")
                    state.result = result
                    return ""
                }
            })
        box.withLock { $0 = execution }
    }

    var execution: any ToolExecution { box.withLock { $0! } }
    var live: String { state.withLock { $0.live } }

    /// - Parameter body: returns where a text that somebody waits for may have appeared.
    private func change(_ body: (inout State) -> String) {
        let woken = state.withLock { state in
            let news = body(&state)
            let isOver: (String?) -> Bool = { [over = state.result != nil] in over || $0.map(news.contains) ?? false }
            defer { state.waiters.removeAll { isOver($0.text) } }
            return state.waiters.filter { isOver($0.text) }
        }
        for waiter in woken { waiter.1.resume() }
    }

    func result() async -> ToolResult {
        await wait(for: nil)
        return state.withLock { $0.result! }
    }

    /// Until the live output contains the text, or the call has ended.
    func output(contains text: String) async { await wait(for: text) }

    private func wait(for text: String?) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.result != nil || text.map(state.live.contains) ?? false { return true }
                state.waiters.append((text, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

func quoted(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": json += "\\\""
        case "\\": json += "\\\\"
        case "\n": json += "\\n"
        case "\t": json += "\\t"
        default: json.unicodeScalars.append(scalar)
        }
    }
    return json + "\""
}

func processesWithEnvironment(_ variable: String) -> [pid_t] {
    entries(of: "/proc").compactMap { pid_t($0) }.filter { pid in
        contents(of: "/proc/\(pid)/environ").split(separator: 0).contains { $0.elementsEqual(variable.utf8) }
    }
}

func entries(of directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

func contents(of file: String) -> [UInt8] {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count <= 0 { return bytes }
        bytes += buffer[..<count]
    }
}

func removeTree(_ path: String) {
    if unlink(path) == 0 || errno == ENOENT { return }
    for name in entries(of: path) { removeTree(path + "/" + name) }
    rmdir(path)
}
