internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct Usage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Show what model calls have used: tokens and cost, by model, agent, run or day.",
        discussion: """
            It is summed from the journal. A call counts on the day (UTC) on which it ended, for the model that was asked, \
            also where it was cut or has failed. What a fork or an import brought along was used elsewhere and is not \
            counted. A cost with ~ is estimated in part: its calls were cut. Of calls of unknown cost nothing is in the sum.

            EXAMPLES
              fermata usage
              fermata usage --by agent model --since 7d
              fermata usage --by day --since 2026-12-01 --json
              fermata usage --run 01a1fd79
            """)

    enum Group: String, ExpressibleByArgument, CaseIterable { case run, agent, model, day }

    @Option(parsing: .upToNextOption, help: "What is summed: run, agent, model, day; one or several.")
    var by: [Group] = [.model]
    @Option(help: "Only of this run.", completion: .runs) var run: String?
    @Option(help: "Only of runs launched from this agent.", completion: .agents) var agent: String?
    @Option(
        help: ArgumentHelp("Only calls that ended later: 2h (ago), 14:30, '2026-12-24 14:30'.", valueName: "time"),
        transform: { try TimeArgument.past($0) })
    var since: Int64?
    @Option(
        help: ArgumentHelp("Only calls that ended earlier.", valueName: "time"),
        transform: { try TimeArgument.past($0) })
    var until: Int64?
    @OptionGroup var server: ServerOptions

    func validate() throws {
        if Set(by).count < by.count { throw ValidationError("--by names a thing once.") }
    }

    func run() async throws {
        let rows = try await rows()
        if server.json {
            for row in rows { try server.print(json: row.message) }
            return
        }
        guard !rows.isEmpty else { return print("no model call has ended") }
        var total = FermataUsage()
        for row in rows { total.add(row.usage) }
        let heads = by.map { $0.rawValue.uppercased() } + ["CALLS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST"]
        let cells = rows.map { $0.names + $0.usage.cells } + (rows.count > 1 ? [total.totals(by.count)] : [])
        for (index, line) in TextTable.lines([heads] + cells, textColumns: by.count).enumerated() {
            print(index == 0 ? Screen.output.paint(line, nil, bold: true) : line)
        }
        if total.callsOfUnknownCost > 0 { print("\(total.callsOfUnknownCost) calls of unknown cost") }
    }

    private struct Row {
        var message: FermataUsageRow
        var names: [String]
        var usage: FermataUsage { message.usage }
    }

    private func rows() async throws -> [Row] {
        var get = FermataGetUsage.with {
            $0.run = run ?? ""
            $0.agent = agent ?? ""
            $0.sinceAt = since ?? 0
            $0.untilAt = until ?? 0
        }
        var rows: [[String]: Row] = [:]
        repeat {
            let reply = try await server.client.send(get)
            for row in reply.rows {
                let names = by.map { row.name(of: $0) }
                if rows[names] == nil {
                    rows[names] = Row(
                        message: .with {
                            if by.contains(.run) { ($0.run, $0.agent) = (row.run, row.agent) }
                            if by.contains(.agent) { $0.agent = row.agent }
                            if by.contains(.model) { $0.model = row.model }
                            if by.contains(.day) { $0.dayAt = row.dayAt }
                        }, names: names)
                }
                rows[names]?.message.usage.add(row.usage)
            }
            get.after = reply.next
        } while get.after > 0
        return rows.values.sorted { $0.names.lexicographicallyPrecedes($1.names) }
    }
}

extension FermataUsageRow {
    fileprivate func name(of group: Usage.Group) -> String {
        switch group {
        case .run: run
        case .agent: agent.harmless
        case .model: model.harmless
        case .day: Date(timeIntervalSince1970: Double(dayAt) / 1e6).formatted(.iso8601.year().month().day())
        }
    }
}

extension FermataUsage {
    fileprivate var cells: [String] {
        let cost = String(format: "$%.6f", Double(costNanoUsd) / 1e9)
        return [
            "\(modelCalls)", "\(inputTokens)", cachedShare ?? "-", "\(outputTokens)",
            reasoningTokens > 0 ? "\(reasoningTokens)" : "-",
            callsOfUnknownCost >= modelCalls ? "unknown" : (callsOfEstimatedCost > 0 ? "~" : "") + cost,
        ]
    }

    fileprivate func totals(_ columns: Int) -> [String] {
        ["all"] + [String](repeating: "", count: columns - 1) + cells
    }
}
