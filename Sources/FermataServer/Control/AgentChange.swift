internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// A PutAgent, decoded and checked.
struct AgentChange: Sendable {
    let agent: FermataAgent
    /// Refuse it unless the stored agent has this version; 0: unless there is none.
    let ifVersion: UInt32?
    let by: String
    let identity: RunLoop.CommandIdentity
}

/// Stored agents change through the loop as runs do, so that a request id stands for one change whatever happens.
extension RunLoop {
    func handle(_ command: AgentChange) {
        let stored: FermataStoredAgent?
        do {
            let row = try batch.agents[command.agent.name] ?? writer.agent(command.agent.name)
            stored = try row.map { try FermataStoredAgent($0) }
        } catch { fail("the journal cannot be read", error) }
        if let expected = command.ifVersion, expected != stored?.version ?? 0 {
            let refusal = Refusal(
                .stale, "the stored agent has version \(stored?.version ?? 0), the command was made for \(expected)",
                details: ["version": String(stored?.version ?? 0)])
            batch.replies.append { command.identity.reply(.failure($0 ? refusal : .notWritten)) }
            return
        }
        var result = stored ?? FermataStoredAgent()
        let isChanged = result.agent != command.agent || stored == nil
        if isChanged {
            result.agent = command.agent
            result.version += 1
            result.storedAt = Clock.now
            result.by = command.by
            batch.agents[command.agent.name] = AgentRow(result)
        }
        let reply = FermataPutAgentReply.with {
            $0.agent = result
            $0.changed = isChanged
        }
        remember(command.identity, try! reply.serializedBytes())
    }
}
