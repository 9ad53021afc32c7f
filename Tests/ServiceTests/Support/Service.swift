import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import SwiftProtobuf

/// The real binary, serving a directory of its own, for one test: driven through its sockets only.
///
/// Whatever happens in the test, the process is ended by its id before `run` returns.
final class Service: @unchecked Sendable {
    // `process` is replaced by `start` only, which one test calls from one task at a time.
    let directory: String
    let client: Client
    private(set) var process = Process()
    /// What `start` runs.
    var executable = Service.binary
    private(set) var environment: [String: String]
    private var arguments: [String]

    static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().path
    static let binary = products + "/fermata"

    /// Runs a body with a started server. `environment` is added to PATH and HOME, and nothing else is inherited.
    static func run<T>(
        environment: [String: String] = [:], arguments: [String] = [], _ body: (Service) async throws -> T
    ) async throws -> T {
        let directory = try temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let service = Service(directory: directory, environment: environment, arguments: arguments)
        defer { service.kill() }
        try await service.start()
        return try await body(service)
    }

    /// Runs a body with a server and a scripted model over real HTTP.
    ///
    /// - Parameter environment: of the server; without it the model is asked over chat completions.
    static func run<T>(
        script: String, arguments: [String] = [], environment: (MockModel) -> [String: String] = environment,
        _ body: (Service, MockModel) async throws -> T
    ) async throws -> T {
        let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
        do {
            let result = try await run(environment: environment(model), arguments: arguments) {
                try await body($0, model)
            }
            await model.stop()
            return result
        } catch {
            await model.stop()
            throw error
        }
    }

    static func environment(_ model: MockModel) -> [String: String] {
        ["LLM_MODEL": "openai/mock", "LLM_BASE_URL": model.baseURL, "LLM_API_KEY": "test-key-1"]
    }

    init(directory: String, environment: [String: String], arguments: [String]) {
        self.directory = directory
        self.environment = environment
        self.arguments = arguments
        client = Client(controlURL: "ipc://\(directory)/control.sock")
    }

    /// Starts the server (again) and returns when it listens.
    ///
    /// - Throws: `Ended` if it ends instead.
    func start() async throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["serve", "--dir", directory] + arguments
        let inherited = ["PATH", "HOME", "LANG"].compactMap { name in
            ProcessInfo.processInfo.environment[name].map { (name, $0) }
        }
        process.environment = environment.merging(inherited) { own, _ in own }
        let output = Pipe()
        let log = directory + "/serve.log"
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try errors.seekToEnd()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        for await line in output.lines where line.hasPrefix("listening ") { return }
        throw Ended(code: await process.exitCode(), log: serverLog)
    }

    struct Ended: Error, CustomStringConvertible {
        let code: Int32
        let log: String
        var description: String { "the server ended with \(code): \(log)" }
    }

    var serverLog: String { (try? String(contentsOfFile: directory + "/serve.log", encoding: .utf8)) ?? "" }

    /// SIGKILL, and wait until it is gone.
    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM; the exit code.
    func terminate() async -> Int32 {
        process.terminate()
        return await process.exitCode()
    }

    static func temporaryDirectory() throws -> String {
        var template = Array("/tmp/fermata-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
