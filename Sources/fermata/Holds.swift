internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// What Pause and Interrupt have in common: they set a hold.
protocol HoldCommand: RunCommand {
    var resumeAt: Int64 { get set }
    var resumeAfterMs: UInt64 { get set }
    var resumeToken: Bool { get set }
}

extension FermataPause: HoldCommand {}
extension FermataInterrupt: HoldCommand {}

/// How long a hold lasts, and who else may lift it.
struct HoldOptions: ParsableArguments {
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Lift the hold by itself after this time: 90s, 30m, 2h, 1h30m.", valueName: "period"),
        transform: { try TimeArgument.period($0) })
    var period: Int64?

    @Option(
        help: ArgumentHelp("Lift the hold by itself at this time: 14:30, '2026-12-24 14:30'.", valueName: "time"),
        transform: { try TimeArgument.coming($0) })
    var until: Int64?

    @Flag(help: "Give a token that lifts this hold, once: fermata resume --token TOKEN.")
    var token = false

    func validate() throws {
        if period != nil, until != nil { throw ValidationError("--for and --until exclude each other.") }
    }

    func fill(_ command: inout some HoldCommand) {
        command.resumeAt = until ?? 0
        // A length is one by whatever clock; less than a millisecond is one.
        command.resumeAfterMs = period.map { UInt64(max(1, $0 / 1000)) } ?? 0
        command.resumeToken = token
    }

    /// The token on a line of its own, or why there is none.
    func printToken(of reply: FermataCommandReply) {
        guard token else { return }
        if reply.resumeToken.isEmpty {
            Failure.say("no token was given: the run was on hold already, and that hold stays as it is")
        } else {
            print("token \(reply.resumeToken)")
        }
    }
}

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Let what is in flight finish, and start nothing new.",
        discussion: """
            A model call in flight ends and is kept; the tools that it chose do not start. An executing tool ends. \
            Until then the run is PAUSING, after that PAUSED. A run that is on hold keeps its hold as it is.

            EXAMPLES
              fermata pause 01a1fd79 --reason "let me look first"
              fermata pause 01a1fd79 --for 30m
              fermata pause 01a1fd79 --until 08:00 --token
            """)
    @OptionGroup var on: RunOptions
    @OptionGroup var hold: HoldOptions

    func run() async throws {
        var pause = on.command(FermataPause.self)
        hold.fill(&pause)
        let reply = try await on.server.client.send(pause)
        try on.server.print(reply)
        if !on.server.json { hold.printToken(of: reply) }
    }
}

struct Interrupt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interrupt",
        abstract: "Cut the model's answer and kill executing tools, now; the run is then on hold.",
        discussion: """
            What the model has written so far and what tools have put out so far is kept, and the model will be told \
            that it was cut. The run is PAUSED, or PAUSING until no process of a killed tool is left.

            EXAMPLES
              fermata interrupt 01a1fd79 --reason "wrong directory"
              fermata interrupt 01a1fd79 --for 10m
            """)
    @OptionGroup var on: RunOptions
    @OptionGroup var hold: HoldOptions

    func run() async throws {
        var interrupt = on.command(FermataInterrupt.self)
        hold.fill(&interrupt)
        let sent = Date()
        let clock = ContinuousClock()
        let start = clock.now
        let reply = try await on.server.client.send(interrupt)
        let took = Follow.milliseconds(clock.now - start)
        if on.server.json { return try on.server.print(json: reply) }
        let microseconds = Int64(sent.timeIntervalSince1970 * 1_000_000)
        print("\(reply.run.id)  \(reply.run.statusText) in \(took) ms, sent at \(microseconds) µs")
        hold.printToken(of: reply)
    }
}

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Lift the hold, or try a failed step again.",
        discussion: """
            The run goes on exactly where its journal ends. With a message it goes on with that, and also where \
            there is nothing to resume. With a token no run needs to be named: the token knows its hold, and lifts \
            no other. Other users of the machine can see a command's arguments while it runs; `--token -` reads the \
            token from the input.

            EXAMPLES
              fermata resume 01a1fd79
              fermata resume 01a1fd79 --message "Go on, but leave the logs alone."
              fermata resume --token frt_…
              fermata resume 01a1fd79 --hold-at selection
              fermata resume 01a1fd79 --model openai/gpt-4o
            """)
    @Argument(help: ArgumentHelp("The run's id, or the beginning of it; not needed with --token."), completion: .runs)
    var run: String?
    @Option(name: .shortAndLong, help: "A message to send along.") var message: String?
    @Option(help: "The token that the hold was set with; - reads it from the input.") var token: String?
    @Option(
        help: ArgumentHelp(
            "Whether to hold after each selection of calls from now on; as it was, if left out.",
            valueName: "selection|none"))
    var holdAt: FermataHoldPoint.At?
    @Option(help: "The model for all calls from now on, as provider/model.") var model: String?
    @Option(
        name: .customLong("base-url"),
        help: ArgumentHelp("Where that model's server is; only for who may ADMIN.", valueName: "url"))
    var baseURL: String?
    @OptionGroup var options: CommandOptions

    func validate() throws {
        if baseURL != nil, model == nil { throw ValidationError("--base-url needs a --model.") }
        if run == nil, token == nil { throw ValidationError("Name a run, or give a --token.") }
        if token?.isEmpty == true { throw ValidationError("The token is empty.") }
    }

    func run() async throws {
        var resume = options.command(FermataResume.self, run: run ?? "")
        resume.text = message ?? ""
        resume.token = token ?? ""
        resume.holdAt = holdAt ?? .unspecified
        resume.model = model ?? ""
        resume.baseURL = baseURL ?? ""
        if token == "-" {
            let typed = await withCheckedContinuation { continuation in
                Thread.detachNewThread { continuation.resume(returning: readLine()) }
            }
            resume.token = typed?.trimmingCharacters(in: .whitespaces) ?? ""
            guard !resume.token.isEmpty else { throw ValidationError("No token came from the input.") }
        }
        try await options.server.run(resume)
    }
}
