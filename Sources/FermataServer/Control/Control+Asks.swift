internal import FermataCore
internal import FermataProtocol
internal import RunRows
internal import SwiftProtobuf

/// Answers, and what operators decide about calls.
extension Control {
    func answer(_ answer: FermataAnswer, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        var command = answer
        var terms = AskAnswer(
            ask: answer.ask, text: answer.text, verdict: answer.verdict, arguments: answer.arguments,
            argumentsDigest: answer.argumentsSha256, limits: answer.limits)
        do throws(Refusal) {
            for (field, text) in [("text", answer.text), ("arguments", answer.arguments)] where !text.isEmpty {
                try check(text: text, field: field)
            }
            if answer.hasSticky {
                if let problem = answer.sticky.when.problems.first { throw Refusal(problem.inside("sticky")) }
                terms.sticky = answer.sticky.when
            }
            if !answer.token.isEmpty {
                let (run, number) = try askTokens.ask(answer.token)
                guard answer.run.isEmpty || RunID(answer.run) == run, answer.ask == 0 || answer.ask == number else {
                    throw .invalidToken
                }
                command.run = run.description
                terms.ask = number
                terms.via = .viaToken
                // The token was made for this ask, whose arguments never change.
                if answer.argumentsSha256.isEmpty { terms.argumentsDigest = nil }
            }
        } catch {
            return refuse(answer, error, complete)
        }
        try onRun(command, .answer(terms), exchange, complete)
    }

    func decideCall(
        _ command: FermataDecideCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        for (field, text) in [("text", command.text), ("arguments", command.arguments)] where !text.isEmpty {
            try check(text: text, field: field)
        }
        try onRun(
            command,
            .decideCall(
                CallDecision(
                    call: command.call, verdict: command.verdict, text: command.text, arguments: command.arguments,
                    argumentsDigest: command.argumentsSha256)), exchange, complete)
    }

    func setPolicy(
        _ command: FermataSetPolicy, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if let problem = command.policy.problems.first { throw Refusal(problem.inside("policy")) }
        try onRun(command, .setPolicy(command.policy), exchange, complete)
    }

    func setBudget(
        _ command: FermataSetBudget, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if let problem = command.limits.problems.first { throw Refusal(problem.inside("limits")) }
        try onRun(command, .setLimits(command.limits), exchange, complete)
    }
}
