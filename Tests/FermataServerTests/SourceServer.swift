import FermataClient
import FermataProtocol
import Foundation
import LineTools
import Logging
import Models
import RawServer
import SwiftProtobuf
import Synchronization
import Tools

@testable import FermataServer
import RunRows

/// A server in this process, with a source beside the built-in tools whose calls one lasting process executes. For tests
/// that have a process of their own: the server is made for being the only one.
final class SourceServer: @unchecked Sendable {
    // `server` crosses threads once, for its end; everything else is Sendable.
    let directory: String
    let source: LineSource
    let client: Client
    private let server: Server

    var log: String { directory + "/lines" }

    init(
        _ directory: String, script: String, tools: [ToolDefinition] = [LineSource.tool()],
        environment: [String: String] = [:]
    ) throws {
        self.directory = directory
        let file = directory + "/script.json"
        try Data(script.utf8).write(to: URL(fileURLWithPath: file))
        let configuration = Configuration(
            directory: directory, environment: ["PATH": LineServer.path, "LLM_MODEL": "mock/\(file)"],
            prices: Prices.builtIn)
        let made = Mutex<LineSource?>(nil)
        let log = directory + "/lines"
        server = try Server(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            processes in
            let source = LineSource(
                tools, in: processes, directory: directory, log: log, environment: environment)
            made.withLock { $0 = source }
            return [source]
        }
        source = made.withLock { $0! }
        client = Client(controlURL: configuration.controlURL)
    }

    static func temporaryDirectory() throws -> String {
        var template = Array("/tmp/fermata-source-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func shutDown() async {
        await withCheckedContinuation { continuation in
            RawThread.start { [self] in
                server.shutDown()
                continuation.resume()
            }
        }
    }

    /// What was begun, as the line server wrote it down.
    var begun: [String] {
        ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    func launch(_ task: String, _ change: (inout FermataLaunch) -> Void = { _ in }) async throws -> String {
        var launch = FermataLaunch.with {
            $0.task = task
            $0.modelAttempts = 1
        }
        change(&launch)
        return try await client.send(launch).run.id
    }

    func wait(_ run: String, _ statuses: FermataStatus...) async throws {
        _ = try await client.wait(for: statuses, run: run)
    }

    func event(_ run: String, _ isWanted: (FermataEvent.OneOf_Kind) -> Bool) async throws -> FermataEvent {
        for try await event in try await client.tail(run: RunID(run), after: 0) {
            if let kind = event.kind, isWanted(kind) { return event }
        }
        throw CancellationError()
    }

    func ends(_ run: String) async throws -> [FermataCallEnded] {
        try await client.send(FermataReadEvents.with { $0.run = run }).events.compactMap {
            if case .callEnded(let ended) = $0.kind { ended } else { nil }
        }
    }

    /// Until a call of this run executes in the line server.
    func isExecuting(_ line: String) async { while !begun.contains(line) { await Task.yield() } }
}
