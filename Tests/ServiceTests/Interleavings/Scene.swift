import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Synchronization
import Testing

/// Where an interleaving is played: the real binary, a model whose gates the test opens, and tools that tell when they
/// have begun and end when they are told to. When it is over, the journals of all runs are held to the promises.
final class Scene: Sendable {
    let service: Service
    let model: MockModel
    /// The workspace of the runs: the tools' pipes are in it.
    let workspace: String
    /// Open until the end, whether or not the test has a use for them: else a tool would wait in `open`.
    private let pipes = Mutex<[Fifo]>([])

    private init(_ service: Service, _ model: MockModel, _ workspace: String) {
        (self.service, self.model, self.workspace) = (service, model, workspace)
    }

    /// - Parameter turns: of the model's script, see `ModelScript`.
    static func play(
        _ turns: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: (Scene) async throws -> Void
    ) async throws {
        let workspace = try Service.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: workspace) }
        try await Service.run(script: "[\(turns)]") { service, model in
            try await body(Scene(service, model, workspace))
            try await service.audit(model, sourceLocation: sourceLocation)
        }
    }

    // MARK: - Tools

    /// A call, for a script, of a tool that tells its process, tells when it has begun, and ends when it may go.
    static func call(_ name: String) -> String {
        let command = "echo $$; echo > \(name).begun; read word < \(name).go; echo \(name) $word"
        return #"{"name": "terminal", "arguments": {"command": "\#(command)"}}"#
    }

    static func ask(_ question: String = "Which?") -> String {
        #"{"name": "ask_human", "arguments": {"question": "\#(question)"}}"#
    }

    /// The two pipes of such a tool, to be made before it starts.
    func tool(_ name: String) throws -> (begun: Fifo, go: Fifo) {
        let begun = try Fifo(in: workspace, named: name + ".begun")
        let go = try Fifo(in: workspace, named: name + ".go")
        pipes.withLock { $0 += [begun, go] }
        return (begun, go)
    }

    // MARK: - Runs

    @discardableResult
    func launch(_ task: String = "go", _ change: (inout FermataLaunch) -> Void = { _ in }) async throws -> String {
        try await service.launch(task) {
            $0.workspace = workspace
            change(&$0)
        }
    }

    /// Launches a run whose model call waits at a gate.
    func launch(_ task: String = "go", upTo gate: String) async throws -> String {
        let before = model.log.entries().count
        model.gates.close(gate)
        let run = try await launch(task)
        _ = await model.log.entry(before + 1, reaches: .atGate)
        return run
    }

    /// Launches a run and returns when its first tool executes, with the process of it.
    func launchTool(_ task: String = "go", begun: Fifo) async throws -> (run: String, process: pid_t) {
        let pieces = try await service.client.text()
        let run = try await launch(task)
        var process: pid_t = 0
        for await piece in pieces where piece.run == run && piece.call > 0 {
            process = pid_t(piece.text.prefix { $0.isNumber }) ?? 0
            break
        }
        await begun.lines(1)
        return (run, process)
    }

    func open(_ gate: String) { model.gates.open(gate) }

    /// Kills the server, at once and without a word, and starts it again.
    func crash() async throws {
        service.kill()
        try await service.start()
    }

    /// Ends the server as systemd does and starts it again.
    func restart() async throws {
        #expect(await service.terminate() == 0)
        try await service.start()
    }

    // MARK: - Commands

    /// What a command came to.
    enum Outcome: Equatable {
        case done(FermataCommandReply)
        case refused(String)

        var reply: FermataCommandReply? { if case .done(let reply) = self { reply } else { nil } }
        var isChange: Bool { reply?.changed == true }
        func isRefused(_ code: ErrorCode) -> Bool { self == .refused(code.name) }
    }

    func command<C: Command>(_ command: C) async throws -> Outcome where C.Reply == FermataCommandReply {
        do {
            return .done(try await service.client.send(command))
        } catch ClientError.refused(let error) {
            return .refused(error.code)
        }
    }

    /// Two operators command at once; `meanwhile` happens in the same moment.
    func race<One: Command, Other: Command>(
        _ one: One, _ other: Other, meanwhile: () -> Void = {}
    ) async throws -> (Outcome, Outcome) where One.Reply == FermataCommandReply, Other.Reply == FermataCommandReply {
        async let first = command(one)
        async let second = command(other)
        meanwhile()
        return try await (first, second)
    }

    /// One operator commands, and in the same moment something happens outside.
    func race<C: Command>(_ one: C, _ meanwhile: () -> Void) async throws -> Outcome
    where C.Reply == FermataCommandReply {
        async let first = command(one)
        meanwhile()
        return try await first
    }

    // MARK: - What came of it

    func kinds(_ run: String) async throws -> [String] { try await service.events(run).map(\.kindName) }

    func ended(_ run: String) async throws -> [FermataCallEnded] {
        try await service.events(run).compactMap(\.callEndedValue)
    }

    func modelCalls(_ run: String) async throws -> [FermataModelCalled] {
        try await service.events(run).compactMap(\.modelCalledValue)
    }

    func lifted(_ run: String) async throws -> [FermataLiftCause] {
        try await service.events(run).compactMap(\.holdLiftedValue).map(\.cause)
    }

    /// Waits until the run's journal has an event of this kind.
    @discardableResult
    func event(_ kind: String, _ run: String, after: UInt64 = 0) async throws -> FermataEvent {
        try await service.event(run, after: after) { kindOf in FermataEvent.with { $0.kind = kindOf }.kindName == kind }
    }

    // MARK: - Time

    /// µs since 1970, so many milliseconds from now.
    static func time(in milliseconds: Int64) -> Int64 {
        Int64(Date.now.timeIntervalSince1970 * 1_000_000) + milliseconds * 1000
    }

    /// Returns when a time has passed for the server: a hold of another run, which ends then, has lifted itself.
    func passed(_ time: Int64) async throws {
        let clock = try await service.launch("")
        _ = try await service.client.send(FermataPause.of(clock, at: max(time + 1, Scene.time(in: 20))))
        try await event("holdLifted", clock)
    }
}
