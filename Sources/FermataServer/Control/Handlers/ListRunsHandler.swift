internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// Lists of runs.
struct ListRunsHandler: FrameHandler {
    let readers: ReaderPool

    var routes: [Route] { [.read(listRuns)] }

    private func listRuns(
        _ list: FermataListRuns, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let after = try list.after.isEmpty ? nil : RunCursor(text: list.after)
        let filter = try RunFilter(list)
        try readers.answerPage(complete) { reader in
            var reply = FermataListRunsReply()
            reply.next =
                try Page.read(after: after, limit: Page.rows(list.limit), atOnce: 64) { after, limit in
                    try reader.runs(
                        filter, order: list.oldestFirst ? .oldestFirst : .newestFirst, after: after, limit: limit)
                } each: { row in
                    var summary = try FermataRunSummary(serializedBytes: row.summary)
                    summary.lastMessage = ""
                    reply.runs.append(summary)
                    return (row.summary.count, RunCursor(row))
                }?.text ?? ""
            return reply
        }
    }
}

extension RunFilter {
    fileprivate init(_ list: FermataListRuns) throws(Refusal) {
        self.init()
        if !list.status.isEmpty { statuses = Set(list.status.map { Int32($0.rawValue) }) }
        if !list.agent.isEmpty {
            guard FermataAgent.isName(list.agent) else {
                throw Refusal(
                    .invalidArgument, "agent is not a name that an agent can have", details: ["field": "agent"])
            }
            agent = list.agent
        }
        if !list.parent.isEmpty {
            guard let id = RunID(list.parent) else {
                throw Refusal(.invalidArgument, "parent is not the id of a run", details: ["field": "parent"])
            }
            parent = id.journaled
        }
        if list.createdAfterAt != 0 { createdAfter = list.createdAfterAt }
        if list.createdBeforeAt != 0 { createdBefore = list.createdBeforeAt }
    }
}
