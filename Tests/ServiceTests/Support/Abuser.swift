import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

/// Tests/Abuse/abuse.py: clients that no server would wish for, in a process of their own.
struct Abuser {
    /// FERMATA_ABUSE multiplies how many there are and how much they do: 10 is what the protocol's README promises.
    static let factor = max(1, Int(ProcessInfo.processInfo.environment["FERMATA_ABUSE"] ?? "") ?? 1)

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Abuse/abuse.py").path

    struct Outcome: Decodable, Sendable {
        /// How many messages were answered with `ok` or with an error of this code, or not at all: `closed`.
        var outcomes: [String: Int]?
        /// When the first of them came, in seconds.
        var first: [String: Double]?
        var seconds: Double?
    }

    private let process = Process()
    private let errors = Pipe()
    private var lines: AsyncStream<String>.Iterator

    init(_ service: Service, _ mode: String, _ arguments: [String]) throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", Self.script, mode, service.directory + "/control.sock"] + arguments
        process.environment = ["FERMATA_DIR": service.directory, "PATH": "/usr/local/bin:/usr/bin:/bin"]
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        lines = output.lines.makeAsyncIterator()
    }

    mutating func nextLine() async -> String? { await lines.next() }

    /// Waits for the end.
    mutating func outcome() async throws -> Outcome {
        var last = ""
        while let line = await nextLine() { last = line }
        let said = await errors.readAll()
        try #require(await process.exitCode() == 0, "\(said)")
        return try JSONDecoder().decode(Outcome.self, from: Data(last.utf8))
    }

    @discardableResult
    static func run(_ service: Service, _ mode: String, _ arguments: String...) async throws -> Outcome {
        var abuser = try Abuser(service, mode, arguments)
        return try await abuser.outcome()
    }
}

/// A client that behaves, asks again when it is told to, and has to be answered within two seconds whatever others do.
struct GoodClient {
    static let patience = Duration.seconds(2)
    let service: Service
    let run: String

    /// Asks again and again while the body goes on.
    ///
    /// - Parameter isNew: over a new connection each time.
    /// - Returns: how long each answer took.
    func asks(isNew: Bool, while body: () async throws -> Void) async throws -> Figures {
        let isOver = Mutex(false)
        let url = service.client.controlURL
        let kept = Client(controlURL: url)
        let get = FermataGetRun.with { $0.run = run }
        if !isNew { _ = try await kept.send(get) }
        let asking = Task {
            var times: [Duration] = []
            repeat {
                let client = isNew ? Client(controlURL: url) : kept
                let start = ContinuousClock.now
                var reply: FermataGetRunReply?
                while reply == nil {
                    do {
                        reply = try await client.send(get, timeout: Self.patience)
                    } catch {
                        guard try await GoodClient.waitsToAskAgain(after: error, since: start) else { throw error }
                    }
                }
                times.append(.now - start)
            } while !isOver.withLock { $0 }
            return Figures(times)
        }
        do {
            try await body()
        } catch {
            isOver.withLock { $0 = true }
            throw error
        }
        isOver.withLock { $0 = true }
        return try await asking.value
    }
}

extension GoodClient {
    /// Does what an error asks for: waits as long as it says, or, in the moment in which the watchdog restarts a
    /// listener and nobody listens, asks again at once.
    fileprivate static func waitsToAskAgain(
        after error: any Error, since start: ContinuousClock.Instant
    ) async throws -> Bool {
        switch error as? ClientError {
        case .refused(let refusal) where refusal.retryable:
            try await Task.sleep(for: .milliseconds(refusal.retryAfterMs))
            return true
        case .notRunning:
            await Task.yield()
            return ContinuousClock.now - start < patience
        default: return false
        }
    }
}

extension Service {
    /// Over a connection of its own: what is left of the others is seen.
    var stats: FermataStatsReply {
        get async throws {
            let start = ContinuousClock.now
            while true {
                do {
                    return try await Client(controlURL: client.controlURL).send(FermataStats())
                } catch {
                    guard try await GoodClient.waitsToAskAgain(after: error, since: start) else { throw error }
                }
            }
        }
    }

    /// Waits until descriptors and memory are back where they were, or nearly: ten seconds at most, since nobody tells
    /// when the kernel or nng has let go of something.
    func settles(
        since before: FermataStatsReply, descriptors: UInt64, bytes: UInt64
    ) async throws -> (isSettled: Bool, now: FermataStatsReply) {
        var now = try await stats
        for _ in 0..<100 {
            if now.descriptors <= before.descriptors + descriptors, now.residentBytes <= before.residentBytes + bytes,
                now.requestsInProgress <= 1
            {
                return (true, now)
            }
            try await Task.sleep(for: .milliseconds(100))
            now = try await stats
        }
        return (false, now)
    }
}
