internal import FermataCore
internal import FermataProtocol

/// Messages to runs, their end, their policies and their limits.
struct RunHandler: FrameHandler {
    let entry: CommandEntry
    let contents: ContentLookUp

    var routes: [Route] {
        [
            .command(entry, send), .command(entry, withdraw), .command(entry, stop), .command(entry, setPolicy),
            .command(entry, setBudget),
        ]
    }

    private func send(_ send: FermataSend, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        if send.blocks.isEmpty { try TextCheck.text(send.text, field: "text") }
        contents.complete(send.text, send.blocks) { content in
            entry.refusing(send, complete) {
                try entry.onRun(send, .send(content.get(), send.delivery), exchange, complete)
            }
        }
    }

    private func withdraw(
        _ withdraw: FermataWithdraw, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        try entry.onRun(withdraw, .withdraw(message: withdraw.message), exchange, complete)
    }

    private func stop(_ stop: FermataStop, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        try entry.onRun(stop, .stop, exchange, complete)
    }

    private func setPolicy(
        _ command: FermataSetPolicy, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if let problem = command.policy.problems.first { throw Refusal(problem.inside("policy")) }
        try entry.onRun(command, .setPolicy(command.policy), exchange, complete)
    }

    private func setBudget(
        _ command: FermataSetBudget, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if let problem = command.limits.problems.first { throw Refusal(problem.inside("limits")) }
        try entry.onRun(command, .setLimits(command.limits), exchange, complete)
    }
}
