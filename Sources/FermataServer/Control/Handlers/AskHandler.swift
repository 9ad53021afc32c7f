internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// Asks and their answers, and what operators decide about calls.
struct AskHandler: FrameHandler {
    let entry: CommandEntry
    let runs: RunLookUp
    let readers: ReaderPool
    let tokens: AskTokens
    /// Knows the models that a run can go on with.
    let catalogue: ModelCatalogue

    var routes: [Route] { [.command(entry, answer), .command(entry, decideCall), .read(listAsks)] }

    private func answer(
        _ answer: FermataAnswer, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        var command = answer
        var terms = AskAnswer(
            ask: answer.ask, text: answer.text, verdict: answer.verdict, arguments: answer.arguments,
            argumentsDigest: answer.argumentsSha256, limits: answer.limits)
        for (field, text) in [("text", answer.text), ("arguments", answer.arguments)] where !text.isEmpty {
            try TextCheck.text(text, field: field)
        }
        if answer.verdict == .useModel, !answer.text.isEmpty {
            guard answer.text.utf8.count <= 1024 else {
                throw Refusal(.invalidArgument, "a model's name has at most 1024 bytes", details: ["field": "text"])
            }
            try catalogue.check(answer.text, field: "text")
        }
        if answer.hasSticky {
            if let problem = answer.sticky.when.problems.first { throw Refusal(problem.inside("sticky")) }
            terms.sticky = answer.sticky.when
        }
        if !answer.token.isEmpty {
            let (run, number) = try tokens.ask(answer.token)
            guard answer.run.isEmpty || RunID(answer.run) == run, answer.ask == 0 || answer.ask == number else {
                throw Refusal.invalidToken
            }
            command.run = run.description
            terms.ask = number
            terms.via = .viaToken
            // The token was made for this ask, whose arguments never change.
            if answer.argumentsSha256.isEmpty { terms.argumentsDigest = nil }
        }
        try entry.onRun(command, .answer(terms), exchange, complete)
    }

    private func decideCall(
        _ command: FermataDecideCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        for (field, text) in [("text", command.text), ("arguments", command.arguments)] where !text.isEmpty {
            try TextCheck.text(text, field: field)
        }
        try entry.onRun(
            command,
            .decideCall(
                CallDecision(
                    call: command.call, verdict: command.verdict, text: command.text, arguments: command.arguments,
                    argumentsDigest: command.argumentsSha256)), exchange, complete)
    }

    private func listAsks(
        _ list: FermataListAsks, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let after = try list.after.isEmpty ? nil : AskCursor(text: list.after)
        guard !list.run.isEmpty else { return try page(of: nil, list, after: after, complete) }
        try runs.find(list.run, for: complete) { run in try page(of: run, list, after: after, complete) }
    }

    private func page(
        of run: RunID?, _ list: FermataListAsks, after: AskCursor?, _ complete: @escaping Exchange.Completion
    ) throws(Refusal) {
        try readers.answerPage(complete) { reader in
            var reply = FermataListAsksReply()
            reply.next =
                try Page.read(after: after, limit: Page.rows(list.limit), atOnce: 8) { after, limit in
                    try reader.openAsks(of: run?.journaled, after: after, limit: limit)
                } each: { row in
                    var ask = try FermataAsk(serializedBytes: row.body)
                    if list.tokens, let id = RunID(ask.run) { ask.token = tokens.token(run: id, ask: ask.number) }
                    reply.asks.append(ask)
                    return (row.body.count, AskCursor(row))
                }?.text ?? ""
            return reply
        }
    }
}
