internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Inbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what runs are asking, oldest first.")
    @Option(help: "Only of this run.") var run: String?
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        var list = FermataListAsks.with { $0.run = run ?? "" }
        var count = 0
        repeat {
            let reply = try await client.send(list)
            for ask in reply.asks {
                count += 1
                if server.json {
                    try server.print(json: ask)
                } else {
                    print("\(ask.run)  ask \(ask.number)  since \(EventLine.time(ask.openedAt))\n    \(ask.question)")
                    if !ask.context.isEmpty { print("    \(ask.context)") }
                    print("    fermata answer \(ask.run.prefix(18)) --ask \(ask.number) TEXT")
                }
            }
            list.after = reply.next
        } while !list.after.isEmpty
        if count == 0, !server.json { print("nothing is asked") }
    }
}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List runs, newest first.")
    @Option(parsing: .upToNextOption, help: "Only with these statuses.") var status: [FermataStatus] = []
    @Option(help: "At most so many.") var limit: UInt32 = 50
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        var list = FermataListRuns.with { $0.status = status }
        var left = limit
        while left > 0 {
            list.limit = min(left, 1000)
            let reply = try await client.send(list)
            for run in reply.runs {
                if server.json {
                    try server.print(json: run)
                } else {
                    let status = run.status.protocolName.padding(to: 9)
                    print("\(run.id)  \(status)  step \(run.step)  \(run.model)  \(run.task.oneLine(60))")
                }
            }
            left -= min(left, UInt32(reply.runs.count))
            guard !reply.next.isEmpty else { break }
            list.after = reply.next
        }
    }
}

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a run: status, calls, cost, last message.")
    @Argument(help: "The run's id, or the beginning of it.") var run: String
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let reply = try await server.client.send(
            FermataGetRun.with {
                $0.run = run
                $0.calls = true
            })
        if server.json { return try server.print(json: reply) }
        let summary = reply.run
        print("run        \(summary.id)")
        print("status     \(summary.why)")
        print("model      \(summary.model)")
        print("workspace  \(summary.workspace)")
        print("task       \(summary.task.oneLine(100))")
        print("step       \(summary.step), last event #\(summary.lastSeq) at \(EventLine.time(summary.updatedAt))")
        print("usage      \(summary.usage.text)")
        for message in reply.queued { print("message    \(message.number) waits (\(message.delivery.protocolName))") }
        for call in reply.calls {
            let state = call.state == .ended ? "\(call.outcome.protocolName)" : "\(call.state.protocolName)"
            print("call \(call.number)     \(call.tool) \(call.arguments)  \(state)")
        }
        if !summary.lastMessage.isEmpty { print("\n\(summary.lastMessage)") }
    }
}

struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print every event of a run.")
    @Argument(help: "The run's id, or the beginning of it.") var run: String
    @Option(help: "Only after this seq.") var after: UInt64 = 0
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
                if server.json { try server.print(json: event) } else { print(EventLine(event).text) }
            }
            guard reply.more, let last = reply.events.last else { return }
            read.after = last.seq
        }
    }
}

struct TailEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Print events as they happen, each exactly once, until Ctrl-C.",
        discussion: "Without a run: of all runs, from the next event on.")
    @Argument(help: "The run's id, or the beginning of it.") var run: String?
    @Option(help: "Begin after this seq (of a run) or offset (of all).") var after: UInt64?
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
                print((run == nil ? "\(event.run) " : "") + EventLine(event).text)
            }
        }
    }
}

extension String {
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// The text without line breaks, shortened to so many characters.
    func oneLine(_ limit: Int) -> String {
        let line = split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > limit ? line.prefix(limit - 1) + "…" : line
    }
}
