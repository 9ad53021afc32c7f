internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Print every event of a run.",
        discussion: """
            All of the journal, from the first event to the last that exists. `fermata tail RUN` goes on from there.

            EXAMPLES
              fermata history 01a1fd79
              fermata history --json 01a1fd79 | jq -r 'select(.callEnded) | .callEnded.output'
            """)
    @Argument(help: "The run's id, or the beginning of it.", completion: .runs) var run: String
    @Option(help: "Only after this seq.") var after: UInt64 = 0
    @OptionGroup var reasoning: ReasoningOption
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        var read = FermataReadEvents.with {
            $0.run = run
            $0.after = after
        }
        while true {
            let reply = try await client.send(read)
            for event in reply.events {
                if server.json {
                    try server.print(json: event)
                } else {
                    print(EventLine(event, withReasoning: reasoning.reasoning).text)
                }
            }
            guard reply.more, let last = reply.events.last else { return }
            read.after = last.seq
        }
    }
}

struct TailEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Print events as they happen, each exactly once, until Ctrl-C.",
        discussion: """
            Of a run: from its first event on. Without a run: of all runs, from the next event on. It survives a \
            restart of the server; no event is missed.

            EXAMPLES
              fermata tail 01a1fd79
              fermata tail --json --after 0 >> audit.jsonl
            """)
    @Argument(help: "The run's id, or the beginning of it.", completion: .runs) var run: String?
    @Option(help: "Begin after this seq (of a run) or offset (of all).") var after: UInt64?
    @OptionGroup var reasoning: ReasoningOption
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        let tail: Tail
        if let run {
            let id = try await client.send(FermataGetRun.with { $0.run = run }).run.id
            tail = try await client.tail(run: RunID(id), after: after ?? 0)
        } else {
            let last = try await client.send(FermataHello.with { $0.client = "fermata tail" }).lastOffset
            tail = try await client.tail(after: after ?? last)
        }
        for try await event in tail {
            if server.json {
                try server.print(json: event)
            } else {
                print((run == nil ? "\(event.run) " : "") + EventLine(event, withReasoning: reasoning.reasoning).text)
            }
        }
    }
}
