public import ArgumentParser
internal import FermataClient
internal import Foundation
public import FermataProtocol
internal import SwiftProtobuf

struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a message to a run.",
        discussion: "It reaches the model before its next step. It never lifts a hold and never answers an ask.")
    @OptionGroup var on: RunOptions
    @Argument(help: "The message.") var text: String
    @Flag(help: "Cut the model call in progress; calls that have not started are superseded.") var now = false
    @Flag(help: "Deliver it as a turn of its own, after this one has ended.") var whenIdle = false

    func validate() throws {
        if now && whenIdle { throw ValidationError("--now and --when-idle exclude each other.") }
    }

    func run() async throws {
        var send = on.command(FermataSend.self)
        send.text = text
        send.delivery = now ? .now : whenIdle ? .whenIdle : .nextStep
        try await on.server.run(send)
    }
}

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let what is in flight finish, and start nothing new.")
    @OptionGroup var on: RunOptions

    func run() async throws { try await on.server.run(on.command(FermataPause.self)) }
}

struct Interrupt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cut the model's answer and kill executing tools, now; the run is then on hold.")
    @OptionGroup var on: RunOptions

    func run() async throws {
        let sent = Date()
        let clock = ContinuousClock()
        let start = clock.now
        let reply = try await on.server.client.send(on.command(FermataInterrupt.self))
        let took = Follow.milliseconds(clock.now - start)
        if on.server.json { return try on.server.print(json: reply) }
        let microseconds = Int64(sent.timeIntervalSince1970 * 1_000_000)
        print("\(reply.run.id)  \(reply.run.status.protocolName) in \(took) ms, sent at \(microseconds) µs")
    }
}

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lift the hold, or try a failed step again.")
    @OptionGroup var on: RunOptions
    @Option(name: .shortAndLong, help: "A message to send along.") var message: String?

    func run() async throws {
        var resume = on.command(FermataResume.self)
        resume.text = message ?? ""
        try await on.server.run(resume)
    }
}

struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End a run for good.")
    @OptionGroup var on: RunOptions

    func run() async throws { try await on.server.run(on.command(FermataStop.self)) }
}

struct Answer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer a question of a run; `fermata inbox` shows them.")
    @OptionGroup var on: RunOptions
    @Option(help: ArgumentHelp("The ask's number; not needed while only one is open.", valueName: "number"))
    var ask: UInt32?
    @Argument(help: "The answer.") var text: String

    func run() async throws {
        var answer = on.command(FermataAnswer.self)
        if let ask {
            answer.ask = ask
        } else {
            let open = try await on.server.client.send(FermataGetRun.with { $0.run = on.run }).run.openAsks
            guard open.count == 1 else {
                throw ValidationError(
                    open.isEmpty
                        ? "The run has no open ask." : "The run has several open asks (\(open)): name one with --ask.")
            }
            answer.ask = open[0]
        }
        answer.text = text
        try await on.server.run(answer)
    }
}

struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until a run has one of some statuses.",
        discussion: "Without --for: until it needs nothing but a person (FINISHED, WAITING, PAUSED, FAILED, STOPPED).")
    @Argument(help: "The run's id, or the beginning of it.") var run: String
    @Option(
        name: .customLong("for"), parsing: .upToNextOption,
        help: ArgumentHelp("Statuses, such as PAUSED FINISHED.", valueName: "status")) var statuses: [FermataStatus] = []
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let wanted = statuses.isEmpty ? FermataStatus.atRest : statuses
        let summary = try await server.client.wait(for: wanted, run: run)
        if server.json { return try server.print(json: summary) }
        print("\(summary.id)  \(summary.status.protocolName)")
        if statuses.isEmpty, summary.status != .finished { throw ExitCode(Failure.code(for: summary.status)) }
    }
}

extension FermataStatus: ExpressibleByArgument {
    static let atRest: [FermataStatus] = [.finished, .waiting, .paused, .failed, .stopped]

    public init?(argument: String) {
        guard let status = FermataStatus.allCases.first(where: { $0.protocolName == argument.uppercased() }),
            status != .unspecified
        else { return nil }
        self = status
    }
}
