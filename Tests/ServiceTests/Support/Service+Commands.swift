import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

extension Service {
    /// With one attempt of each model call: a fault of a script ends the turn.
    @discardableResult
    func launch(_ task: String = "go", _ change: (inout FermataLaunch) -> Void = { _ in }) async throws -> String {
        var launch = FermataLaunch.with {
            $0.task = task
            $0.modelAttempts = 1
        }
        change(&launch)
        return try await client.send(launch).run.id
    }

    @discardableResult
    func send(_ run: String, _ text: String, _ delivery: FermataDelivery = .nextStep) async throws
        -> FermataCommandReply
    {
        try await client.send(
            FermataSend.with {
                $0.run = run
                $0.text = text
                $0.delivery = delivery
            })
    }

    @discardableResult
    func pause(_ run: String) async throws -> FermataCommandReply {
        try await client.send(FermataPause.with { $0.run = run })
    }

    @discardableResult
    func interrupt(_ run: String) async throws -> FermataCommandReply {
        try await client.send(FermataInterrupt.with { $0.run = run })
    }

    @discardableResult
    func resume(_ run: String, _ text: String = "") async throws -> FermataCommandReply {
        try await client.send(
            FermataResume.with {
                $0.run = run
                $0.text = text
            })
    }

    @discardableResult
    func stop(_ run: String) async throws -> FermataCommandReply {
        try await client.send(FermataStop.with { $0.run = run })
    }

    @discardableResult
    func answer(
        _ run: String, _ ask: UInt32, _ text: String, _ verdict: FermataVerdict = .unspecified
    ) async throws -> FermataCommandReply {
        try await client.send(
            FermataAnswer.with {
                $0.run = run
                $0.ask = ask
                $0.text = text
                $0.verdict = verdict
            })
    }

    func summary(_ run: String) async throws -> FermataRunSummary {
        try await client.send(FermataGetRun.with { $0.run = run }).run
    }

    /// Waits until the run has had one of the statuses.
    @discardableResult
    func wait(_ run: String, _ statuses: FermataStatus...) async throws -> FermataRunSummary {
        try await client.wait(for: statuses, run: run)
    }

    /// The whole journal of a run.
    func events(_ run: String) async throws -> [FermataEvent] {
        var events: [FermataEvent] = []
        while true {
            let reply = try await client.send(
                FermataReadEvents.with {
                    $0.run = run
                    $0.after = events.last?.seq ?? 0
                })
            events += reply.events
            if !reply.more { return events }
        }
    }

    /// Waits until the run's journal has an event like this; also one from before.
    @discardableResult
    func event(
        _ run: String, after: UInt64 = 0, _ isWanted: (FermataEvent.OneOf_Kind) -> Bool
    ) async throws -> FermataEvent {
        for try await event in try await client.tail(run: RunID(run), after: after) {
            if let kind = event.kind, isWanted(kind) { return event }
        }
        throw CancellationError()
    }

    /// Expects a command to be refused with this code.
    func refused(
        _ code: ErrorCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
            Issue.record("it was not refused", sourceLocation: sourceLocation)
        } catch ClientError.refused(let error) {
            #expect(error.code == code.name, "\(error.message)", sourceLocation: sourceLocation)
        }
    }

    /// Runs the command line against this server.
    func cli(_ arguments: String..., input: String? = nil) async throws -> (code: Int32, output: String, errors: String)
    {
        try await Service.cli(arguments, directory: directory, input: input)
    }

    static func cli(
        _ arguments: [String], directory: String, environment: [String: String] = [:], input: String? = nil
    ) async throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = arguments
        process.environment = environment.merging(
            ["FERMATA_DIR": directory, "HOME": directory, "USER": "tester"]) { own, _ in own }
        let (output, errors, feed) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = feed
        try process.run()
        if let input { try feed.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try feed.fileHandleForWriting.close()
        async let text = output.readAll()
        async let problems = errors.readAll()
        return (await process.exitCode(), await text, await problems)
    }
}
