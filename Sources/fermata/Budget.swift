internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Budget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget",
        abstract: "Show a run's limits, or replace them.",
        discussion: """
            Before a model call that a limit forbids the run asks whether it may go on, and waits. The limits given \
            here are the run's only ones from then on; an ask that they make needless closes by itself.

            EXAMPLES
              fermata budget 01a1fd79
              fermata budget 01a1fd79 --max-cost 2.50 --max-steps 100
              fermata budget 01a1fd79 --unlimited
            """)
    @OptionGroup var on: RunOptions
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @Flag(help: "No limit at all.") var unlimited = false

    func validate() throws {
        if unlimited, limits.message != nil { throw ValidationError("--unlimited is given alone.") }
    }

    func run() async throws {
        guard limits.message != nil || unlimited else {
            let run = try await on.server.client.send(FermataGetRun.with { $0.run = on.run }).run
            if on.server.json { return try on.server.print(json: run.limits) }
            let texts = run.limits.texts
            print("limits     \(texts.isEmpty ? "none" : texts.joined(separator: ", "))")
            return print("usage      \(run.usage.text)")
        }
        var set = on.command(FermataSetBudget.self)
        set.limits = limits.message ?? FermataLimits()
        try await on.server.run(set)
    }
}
