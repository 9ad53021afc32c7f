internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show how the server is: what is in flight, what it has done, what it uses.",
        discussion: """
            Counts are since the server started. It is answered from counters and never waits for the disk.

            EXAMPLES
              fermata stats
              fermata stats --json | jq .descriptors
            """)
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let stats = try await server.client.send(FermataStats())
        if server.json { return try server.print(json: stats) }
        section("server")
        line("instance", stats.instance)
        line(
            "up",
            TimeArgument.text(period: stats.nowAt - stats.startedAt) + ", since \(TimeArgument.text(stats.startedAt))")
        section("now")
        line("runs in memory", "\(stats.runsInMemory)")
        line(
            "model calls",
            "\(stats.modelCallsInFlight) in flight, \(stats.callsWaiting) wait for their provider, "
                + "\(Self.bytes(stats.historyBytes)) of history kept")
        line("tools", "\(stats.toolsExecuting) executing")
        line("workers", "\(stats.leases) calls, \(stats.callOffers) offered since the start")
        line("requests", "\(stats.requestsInProgress) in progress, \(stats.readsWaiting) reads waiting")
        line("commands", "\(stats.commandsQueued) queued, \(Self.bytes(stats.requestBytes))")
        section("done")
        line("requests", "\(stats.requests)")
        line(
            "commands",
            "\(stats.commandsAccepted) accepted, \(stats.commandsRefused) refused, of these "
                + "\(stats.commandsOverloaded) overloaded"
        )
        line("events", "\(stats.events) in \(stats.commits) commits, last offset \(stats.lastOffset)")
        var used = FermataUsage()
        used.modelCalls = stats.modelCalls
        used.inputTokens = stats.inputTokens
        used.cachedInputTokens = stats.cachedInputTokens
        used.outputTokens = stats.outputTokens
        used.costNanoUsd = Int64(clamping: stats.costNanoUsd)
        used.callsOfUnknownCost = stats.callsOfUnknownCost
        line("model calls", used.text)
        line("listeners", "restarted \(stats.listenerRestarts) times")
        line("webhooks", "\(stats.webhooksPending) to be delivered, \(stats.webhooksDead) given up")
        section("uses")
        line(
            "store",
            "\(Self.bytes(stats.storeBytes)), WAL \(Self.bytes(stats.logBytes))" + (stats.storeIsFull ? ", FULL" : ""))
        line("memory", Self.bytes(stats.residentBytes))
        line("descriptors", "\(stats.descriptors) of \(stats.descriptorLimit)")
        line(
            "for effects",
            "\(stats.effectDescriptors) of \(stats.effectDescriptorLimit), \(stats.effectsWaiting) effects wait for some"
        )
        line(
            "connections",
            "\(stats.controlConnections) for control, \(stats.connectionsClosed) closed for newcomers; "
                + "\(stats.subscribers) subscribers, \(stats.subscribersRefused) turned away")
    }

    private func section(_ name: String) { Screen.output.write(Screen.output.paint(name, nil, bold: true) + "\n") }

    private func line(_ name: String, _ value: String) { print("  \(name.padding(to: 16))\(value)") }

    /// `512 B`, `1.4 MiB`.
    static func bytes(_ count: UInt64) -> String {
        var (value, unit) = (Double(count), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return unit == 0 ? "\(count) B" : "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
