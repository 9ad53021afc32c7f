internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Stored agents.
extension Control {
    func putAgent(
        _ put: FermataPutAgent, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if let problem = put.agent.problems.first { return refuse(put, Refusal(problem.inside("agent")), complete) }
        withTools(named: launches.toolsToLookUp(.init(), from: put.agent)) { [self] registered in
            do {
                try launches.check(put.agent, registered: registered.get())
                noteUnchecked(put.agent.workerTools)
                loop.inbox.put(
                    .putAgent(
                        AgentCommand(
                            agent: put.agent, ifVersion: put.hasIfVersion ? put.ifVersion : nil,
                            by: put.by.isEmpty ? exchange.sender : put.by, identity: try identity(of: put, complete))))
            } catch let refusal as Refusal {
                refuse(put, refusal, complete)
            } catch {
                complete(.failure(Refusal(.internalError, "\(error)")))
            }
        }
    }

    func getAgent(_ get: FermataGetAgent, _ complete: @escaping Exchange.Completion) throws {
        withAgent(named: get.name) { found in
            complete(
                Result {
                    let agent = try found.get()
                    guard let agent else { throw Refusal.noSuchAgent }
                    return try FermataGetAgentReply.with { $0.agent = agent }.serializedBytes()
                })
        }
    }

    func listAgents(_ list: FermataListAgents, _ complete: @escaping Exchange.Completion) throws {
        let limit = Control.rows(list.limit)
        guard list.after.isEmpty || FermataAgent.isName(list.after) else { throw Refusal.badCursor }
        try readers.readPage { reader in
            complete(
                Result {
                    var reply = FermataListAgentsReply()
                    let after = list.after.isEmpty ? nil : list.after
                    reply.next =
                        try Control.page(after: after, limit: limit, atOnce: 8) { after, limit in
                            try reader.agents(after: after, limit: limit)
                        } each: { row in
                            var stored = try FermataStoredAgent(row)
                            stored.agent.systemPrompt = ""
                            reply.agents.append(stored)
                            return (row.body.count, row.name)
                        } ?? ""
                    return try reply.serializedBytes()
                })
        }
    }

    /// Reads a stored agent; nil for no name.
    func withAgent(
        named name: String, _ body: @escaping @Sendable (Result<FermataStoredAgent?, Refusal>) -> Void
    ) {
        guard !name.isEmpty else { return body(.success(nil)) }
        readers.lookUp { reader in
            body(
                Result {
                    guard FermataAgent.isName(name), let row = try reader.agent(name) else { throw Refusal.noSuchAgent }
                    return try FermataStoredAgent(row)
                })
        }
    }
}

extension Refusal {
    fileprivate static let noSuchAgent = Refusal(.noSuchAgent, "no agent is stored under this name")
}
