internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Stored agents.
struct AgentHandler: FrameHandler {
    let entry: CommandEntry
    let agents: AgentLookUp
    let tools: ToolLookUp
    let readers: ReaderPool
    let launches: LaunchCheck
    let logger: Logger

    var routes: [Route] { [.command(entry, putAgent), .read(getAgent), .read(listAgents)] }

    private func putAgent(
        _ put: FermataPutAgent, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if let problem = put.agent.problems.first { throw Refusal(problem.inside("agent")) }
        tools.read(launches.toolsToLookUp(.init(), from: put.agent)) { registered in
            entry.refusing(put, complete) {
                try launches.check(put.agent, registered: registered.get())
                logger.noteUnchecked(put.agent.workerTools)
                let command = AgentChange(
                    agent: put.agent, ifVersion: put.hasIfVersion ? put.ifVersion : nil,
                    by: exchange.author(of: put), identity: try entry.identity(of: put, complete))
                entry.inbox.put(.putAgent(command))
            }
        }
    }

    private func getAgent(_ get: FermataGetAgent, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) {
        agents.read(get.name) { found in
            complete(
                Result {
                    guard let agent = try found.get() else { throw Refusal.noSuchAgent }
                    return try FermataGetAgentReply.with { $0.agent = agent }.serializedBytes()
                })
        }
    }

    private func listAgents(
        _ list: FermataListAgents, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard list.after.isEmpty || FermataAgent.isName(list.after) else { throw Refusal.badCursor }
        try readers.answerPage(complete) { reader in
            var reply = FermataListAgentsReply()
            let after = list.after.isEmpty ? nil : list.after
            reply.next =
                try Page.read(after: after, limit: Page.rows(list.limit), atOnce: 8) { after, limit in
                    try reader.agents(after: after, limit: limit)
                } each: { row in
                    var stored = try FermataStoredAgent(row)
                    stored.agent.systemPrompt = ""
                    reply.agents.append(stored)
                    return (row.body.count, row.name)
                } ?? ""
            return reply
        }
    }
}
