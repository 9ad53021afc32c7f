import Glibc
import LineTools
import Secrets
import Synchronization
import Testing

@testable import Tools

/// Lasting processes in a directory of their own, and the mark by which they and all that they start are found.
final class LineHarness: Sendable {
    let processes: ToolProcesses
    let directory: String
    let log: String
    let marker: String

    init(options: [String] = [], adoptsOrphans: Bool = false) throws {
        let number = UInt64.random(in: 1...UInt64.max)
        directory = "/tmp/fermata-lines-\(getpid())-\(number)"
        log = directory + "/log"
        marker = "FERMATA_TEST=\(number)"
        processes = try ToolProcesses(
            supervisor: ToolProcesses.defaultSupervisor, options: options, adoptsOrphans: adoptsOrphans)
    }

    deinit { removeTree(directory) }

    /// What was begun, as the line servers wrote it down.
    var begun: [String] { String(decoding: contents(of: log), as: UTF8.self).split(separator: "\n").map(String.init) }

    /// Without zombies, which have no environment.
    var processesLeft: [pid_t] { processesWithEnvironment(marker) }

    var supervisors: [pid_t] {
        processesLeft.filter {
            String(decoding: contents(of: "/proc/\($0)/comm"), as: UTF8.self).hasPrefix("fermata-superv")
        }
    }

    func server(
        reading: LongLivedProcess.Reading = .lines(limit: 1 << 20), limits: LongLivedProcess.Limits = .init(),
        secrets: SecretTable = .none, environment: [String: String] = [:]
    ) -> Conversation {
        let program = LineServer.program(in: directory, log: log, environment: environment)
        return run(
            program.arguments, reading: reading, limits: limits, secrets: secrets, environment: program.environment)
    }

    func run(
        _ arguments: [String], reading: LongLivedProcess.Reading = .lines(limit: 1 << 20),
        limits: LongLivedProcess.Limits = .init(), secrets: SecretTable = .none,
        environment: [String: String] = ["PATH": LineServer.path]
    ) -> Conversation {
        var environment = environment
        environment["FERMATA_TEST"] = String(marker.drop { $0 != "=" }.dropFirst())
        return Conversation(
            LongLivedProcess(
                .init(arguments: arguments, directory: directory, environment: environment), in: processes,
                reading: reading, limits: limits, secrets: secrets))
    }
}

/// A lasting process and what it has said, to be waited for.
final class Conversation: Sendable {
    private struct State {
        var said: [[UInt8]] = []
        /// Of each number the first answer.
        var answers: [Int: String] = [:]
        var end: LongLivedProcess.End?
        var waiters: [(isThere: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let box: Mutex<LongLivedProcess?>
    private let state = Mutex(State())

    init(_ process: LongLivedProcess) { box = Mutex(process) }

    /// Until it was dropped.
    var process: LongLivedProcess { box.withLock { $0! } }
    func drop() { box.withLock { $0 = nil } }

    func start() -> Conversation {
        process.start(
            onOutput: { [self] bytes in
                change { state in
                    #expect(state.end == nil, "output after the end")
                    state.said.append(Array(bytes))
                    let parts = String(decoding: bytes.prefix(100), as: UTF8.self).split(separator: " ", maxSplits: 1)
                    guard parts.count == 2, let number = Int(parts[0]), state.answers[number] == nil else { return }
                    state.answers[number] = String(parts[1])
                }
            },
            onEnd: { [self] end in
                change { state in
                    #expect(state.end == nil, "two ends")
                    state.end = end
                }
            })
        return self
    }

    @discardableResult
    func ask(_ number: Int, _ verb: String, _ text: String = "") -> LongLivedProcess.Writing {
        process.write(LineServer.line(number, verb, text))
    }

    var count: Int { state.withLock { $0.said.count } }
    var bytes: [UInt8] { state.withLock { Array($0.said.joined()) } }
    var lines: [String] { state.withLock { $0.said.map { String(decoding: $0, as: UTF8.self) } } }
    var hasEnded: Bool { state.withLock { $0.end != nil } }

    private func change(_ body: (inout State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            let now = state
            let isOver: (State) -> Bool = { _ in now.end != nil }
            defer { state.waiters.removeAll { isOver(now) || $0.isThere(now) } }
            return now.waiters.filter { isOver(now) || $0.isThere(now) }
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    private func wait(_ isThere: @escaping @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isNow = state.withLock { state in
                if state.end != nil || isThere(state) { return true }
                state.waiters.append((isThere, continuation))
                return false
            }
            if isNow { continuation.resume() }
        }
    }

    func end() async -> LongLivedProcess.End {
        await wait { _ in false }
        return state.withLock { $0.end! }
    }

    /// The answer to a request; nil: the process has ended without one.
    func answer(to number: Int) async -> String? {
        await wait { $0.answers[number] != nil }
        return state.withLock { $0.answers[number] }
    }

    /// Until it has said so much.
    func said(_ count: Int) async { await wait { $0.said.count >= count } }
}
