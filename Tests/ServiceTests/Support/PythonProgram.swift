import Foundation

/// A program in Python with the client of tools/clients/python, as a process of its own.
///
/// Whoever starts one ends it: by its own end, or `kill`.
final class PythonProgram: @unchecked Sendable {
    // Everything is set before `start` returns.

    /// FERMATA_PYTHON names a python3 that has what the client needs; tools/test makes one.
    static let python = ProcessInfo.processInfo.environment["FERMATA_PYTHON"]

    static let client = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("tools/clients/python").path

    let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    private var said: Task<String, Never>?

    /// - Parameters:
    ///   - arguments: as for `python3`: a file and its arguments, or `-c` and the program itself.
    ///   - service: which the client finds by itself.
    init(_ arguments: [String], service: Service? = nil) {
        process.executableURL = Self.python.map { URL(fileURLWithPath: $0) }
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LANG"].contains($0.key) }
        environment["PYTHONPATH"] = Self.client
        environment["PYTHONUNBUFFERED"] = "1"
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["FERMATA_DIR"] = service?.directory
        process.environment = environment
        process.standardOutput = output
        process.standardError = errors
    }

    /// Starts it; the lines that it prints as they come.
    func start() throws -> AsyncStream<String> {
        try process.run()
        said = Task { [errors] in await errors.readAll() }
        return output.lines
    }

    /// Waits for its end: what it said on standard error, and its exit code.
    func end() async -> (errors: String, code: Int32) {
        (await said?.value ?? "", await process.exitCode())
    }

    /// SIGKILL, and wait until it is gone.
    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Runs it to its end.
    static func run(
        _ arguments: [String], service: Service? = nil
    ) async throws -> (output: String, errors: String, code: Int32) {
        let program = PythonProgram(arguments, service: service)
        defer { program.kill() }
        var output = ""
        for await line in try program.start() { output += line + "\n" }
        let (errors, code) = await program.end()
        return (output, errors, code)
    }
}
