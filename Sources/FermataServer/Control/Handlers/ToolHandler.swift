internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows
internal import Secrets
internal import SwiftProtobuf
internal import Threads

/// Tools that runs can have, and those that workers serve.
struct ToolHandler: FrameHandler {
    let entry: CommandEntry
    let readers: ReaderPool
    let launches: LaunchCheck
    let offers: CallOffers
    /// What is masked in everything that workers send.
    let secrets: SecretTable
    let logger: Logger

    var routes: [Route] { [.command(entry, registerTools), .read(listTools)] }

    private func registerTools(
        _ register: FermataRegisterTools, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let worker = try secrets.nameOfWorker(register.worker)
        guard !register.tools.isEmpty else {
            throw Refusal(.invalidArgument, "tools is empty", details: ["field": "tools"])
        }
        let tools = try launches.workerTools(register.tools.map { $0.masked(by: secrets) }, field: "tools")
        logger.noteUnchecked(tools)
        let command = ToolChange(
            tools: tools, worker: worker, by: exchange.author(of: register),
            identity: try entry.identity(of: register, complete))
        entry.inbox.put(.registerTools(command))
    }

    private func listTools(
        _ list: FermataListTools, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard list.after.isEmpty || FermataAgent.isName(list.after) else { throw Refusal.badCursor }
        try readers.answerPage(complete) { reader in
            var reply = FermataListToolsReply()
            if list.after.isEmpty {
                reply.tools = launches.tools.offered.map { tool in .with { $0.spec = tool } }
            }
            let after = list.after.isEmpty ? nil : list.after
            reply.next =
                try Page.read(after: after, limit: Page.rows(list.limit), atOnce: 8) { after, limit in
                    try reader.tools(after: after, limit: limit)
                } each: { row in
                    var tool = try FermataRegisteredTool(row)
                    tool.polledAt = offers.polledAt(row.name) ?? 0
                    reply.tools.append(tool)
                    return (row.body.count, row.name)
                } ?? ""
            return reply
        }
    }
}

extension SecretTable {
    /// A worker's name as it is written down: without the keys of the service.
    func nameOfWorker(_ worker: String) throws(Refusal) -> String {
        guard (1...Configuration.maximumNameBytes).contains(worker.utf8.count) else {
            throw Refusal(
                .invalidArgument, "worker is not 1 to \(Configuration.maximumNameBytes) bytes",
                details: ["field": "worker"])
        }
        return masked(worker)
    }
}

extension FermataToolSpec {
    fileprivate func masked(by secrets: SecretTable) -> FermataToolSpec {
        if secrets.isEmpty { return self }
        var spec = self
        spec.description_p = secrets.masked(description_p)
        spec.parameters = secrets.masked(parameters)
        return spec
    }
}
