internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List runs, newest first.",
        discussion: """
            Only runs that fit everything that is given. On a terminal the lines are cut to its width; into a pipe \
            they are whole, and the id is the first word of each.

            With --watch the list stays and changes with the runs: redrawn in place on a terminal, a line for each \
            change of a status into a pipe. Ctrl-C ends it.

            EXAMPLES
              fermata list --status WAITING FAILED
              fermata list --agent reviewer --since 2h
              fermata list --since 2026-12-01 --before 2026-12-24 --oldest-first --limit 0 --json
              fermata list --watch
            """)
    @Option(parsing: .upToNextOption, help: "Only with these statuses.") var status: [FermataStatus] = []
    @Option(help: "Only launched from this agent.", completion: .agents) var agent: String?
    @Option(help: "Only children of this run.", completion: .runs) var parent: String?
    @Option(
        help: ArgumentHelp("Only launched later: 2h (ago), 14:30, '2026-12-24 14:30'.", valueName: "time"),
        transform: { try TimeArgument.past($0) })
    var since: Int64?
    @Option(
        help: ArgumentHelp("Only launched earlier.", valueName: "time"), transform: { try TimeArgument.past($0) })
    var before: Int64?
    @Flag(help: "Oldest first.") var oldestFirst = false
    @Option(help: "At most so many; 0: all.") var limit: UInt32 = 50
    @Flag(help: "Stay, and show changes as they happen.") var watch = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        var list = FermataListRuns.with {
            $0.status = status
            $0.agent = agent ?? ""
            $0.createdAfterAt = since ?? 0
            $0.createdBeforeAt = before ?? 0
            $0.oldestFirst = oldestFirst
        }
        if let parent {
            list.parent = try await client.send(FermataGetRun.with { $0.run = parent }).run.id
        }
        if watch { return try await ListWatch(client: client, list: list, limit: Int(limit), server: server).run() }
        let table = RunTable(terminal: .output)
        if !server.json, let head = table.head { Screen.output.write(head + "\n") }
        let isMore = try await client.eachRun(list, limit: limit) { run in
            if server.json { try server.print(json: run) } else { Screen.output.write(table.line(run) + "\n") }
        }
        if isMore, Screen.errors.isTerminal { Failure.say("there are more: --limit 0 lists all") }
    }
}

extension Client {
    /// Pages through the runs that a request names.
    ///
    /// - Parameter limit: 0: all.
    /// - Returns: whether there are more than the limit.
    func eachRun(
        _ list: FermataListRuns, limit: UInt32, _ body: (FermataRunSummary) throws -> Void
    ) async throws -> Bool {
        var list = list
        var left = limit == 0 ? UInt32.max : limit
        while left > 0 {
            list.limit = min(left, 1000)
            let reply = try await send(list)
            for run in reply.runs { try body(run) }
            left -= min(left, UInt32(reply.runs.count))
            list.after = reply.next
            guard !reply.next.isEmpty else { return false }
        }
        list.limit = 1
        return try await !send(list).runs.isEmpty
    }
}

/// Runs as lines: on a terminal in columns, cut to its width and coloured; else whole.
struct RunTable {
    let terminal: Screen
    /// Columns of the terminal; nil: it is none.
    let width: Int?

    init(terminal: Screen) {
        self.terminal = terminal
        width = terminal.isTerminal ? terminal.size.columns : nil
    }

    /// Ids are whole where there is room; their beginnings name a run as well.
    private var idWidth: Int { (width ?? 0) >= 140 ? 36 : 18 }

    /// What is above the columns; only on a terminal.
    var head: String? {
        guard let width else { return nil }
        let names = columns("RUN", "STATUS", "STEP", "COST", "AGE", "MODEL")
        return terminal.paint((names + "TASK").cut(to: width), nil, bold: true)
    }

    func line(_ run: FermataRunSummary, now: Int64 = TimeArgument.now) -> String {
        guard let width else {
            return "\(run.id)  \(run.status.protocolName.padding(to: 9))  step \(run.step)  \(run.model)  "
                + run.task.oneLine(60)
        }
        let status = run.status.protocolName
        let cells = columns(
            String(run.id.prefix(idWidth)), status, "\(run.step)",
            run.usage.costNanoUsd > 0 ? Self.cents(run.usage.costNanoUsd) : "-",
            TimeArgument.text(period: now - run.createdAt), run.model.harmless)
        let text = (cells + run.task.harmless.oneLine(max(10, width - cells.displayWidth))).cut(to: width)
        // The status is a word of ASCII at a known place, unless the terminal is too narrow for it.
        let start = text.index(text.startIndex, offsetBy: idWidth + 2, limitedBy: text.endIndex) ?? text.endIndex
        guard text[start...].hasPrefix(status) else { return text }
        let end = text.index(start, offsetBy: status.count)
        return text[..<start] + terminal.paint(status, Self.colour(of: run.status)) + text[end...]
    }

    private func columns(
        _ id: String, _ status: String, _ step: String, _ cost: String, _ age: String, _ model: String
    ) -> String {
        let width = width ?? 0
        var cells = [id.padding(to: idWidth), status.padding(to: 8), step.leftPadding(to: 5)]
        // The task says more than the model, and than the cost, where there is no room for all.
        if width >= 72 { cells += [cost.leftPadding(to: 7), age.leftPadding(to: 6)] }
        let modelWidth = width >= 110 ? 24 : 14
        if width >= 90 { cells.append(model.oneLine(modelWidth).padding(to: modelWidth)) }
        return (cells + [""]).joined(separator: "  ")
    }

    private static func cents(_ nano: Int64) -> String {
        nano < 10_000_000 ? "<$0.01" : "$\(Dollars(nano: nano / 10_000_000 * 10_000_000))"
    }

    static func colour(of status: FermataStatus) -> Screen.Colour? {
        switch status {
        case .running: .green
        case .pausing, .paused: .yellow
        case .waiting: .cyan
        case .failed: .red
        case .finished: nil
        default: .grey
        }
    }
}

extension String {
    func leftPadding(to columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - displayWidth)) + self
    }
}
