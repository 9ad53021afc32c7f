internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct Answer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer",
        abstract: "Answer what a run asks; `fermata inbox` shows what that is.",
        discussion: """
            An ask is answered once. The answer to a question is the result of the call that asked; under a hold it \
            takes effect when the run is resumed. `yes` and `no`, choices and JSON have to be exactly that, if the \
            ask wants them. Approvals have commands of their own: approve, edit, reject. - reads the text from the \
            input.

            EXAMPLES
              fermata answer 01a1fd79 "No, keep them."
              fermata answer 01a1fd79 --ask 3 '{"approved": true, "amount": 500}'
              fermata answer 01a1fd79 --run-again            a call of which nobody knows whether it happened
              fermata answer 01a1fd79 --raise --max-cost 5   a limit was reached
              fermata answer 01a1fd79 --use-model openai/gpt-5.5   its provider wants too long a wait
              fermata answer 01a1fd79 --guide "Try the other branch."
            """)
    @OptionGroup var on: AskOptions
    @Argument(help: "The answer to a question.") var text: String?
    @Flag(help: "OUTCOME: execute the call again.") var runAgain = false
    @Option(help: ArgumentHelp("OUTCOME: this is what came of the call.", valueName: "text")) var result: String?
    @Flag(help: "OUTCOME: tell the model that nobody knows.") var unknown = false
    @Flag(help: "BUDGET: go on, with the limits given here or as much again.") var raise = false
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @Option(help: ArgumentHelp("STUCK: go on with this message.", valueName: "text")) var guide: String?
    @Flag(help: "STUCK: go on as it is. LIMIT: wait for as long as it takes.") var goOn = false
    @Option(help: ArgumentHelp("LIMIT: go on with this model.", valueName: "provider/model")) var useModel: String?
    @Flag(help: "BUDGET, STUCK, LIMIT: end the turn; resume goes on.") var endTurn = false

    private var verdicts: [FermataVerdict] {
        [
            runAgain ? .runAgain : nil, result.map { _ in .takeResult }, unknown ? .tellUnknown : nil,
            raise ? .raise : nil, guide.map { _ in .guide }, goOn ? .goOn : nil, useModel.map { _ in .useModel },
            endTurn ? .endTurn : nil,
        ].compactMap { $0 }
    }

    func validate() throws {
        guard verdicts.count + (text == nil ? 0 : 1) == 1 else {
            throw ValidationError("Give one answer: a text, or one of the options that decide.")
        }
        if limits.message != nil, !raise { throw ValidationError("Limits go with --raise.") }
    }

    func run() async throws {
        var answer = try await on.command(FermataAnswer.self)
        answer.ask = try await on.number()
        answer.verdict = verdicts.first ?? .unspecified
        answer.text = try await readText() ?? result ?? guide ?? useModel ?? ""
        if let limits = limits.message { answer.limits = limits }
        try await on.server.run(answer)
    }

    private func readText() async throws -> String? {
        guard text == "-" else { return text }
        let data = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: FileHandle.standardInput.readDataToEndOfFile()) }
        }
        guard let read = String(data: data, encoding: .utf8) else { throw ValidationError("The input is not UTF-8.") }
        return read.hasSuffix("\n") ? String(read.dropLast()) : read
    }
}

/// An ask of a run, and who answers it why.
struct AskOptions: ParsableArguments {
    @OptionGroup var on: RunOptions
    @Option(help: ArgumentHelp("The ask's number; not needed while only one is open.", valueName: "number"))
    var ask: UInt32?

    var server: ServerOptions { on.server }

    func command<C: RunCommand>(_ type: C.Type) async throws -> C { on.command(type) }

    func number() async throws -> UInt32 {
        if let ask { return ask }
        let open = try await server.client.send(FermataGetRun.with { $0.run = on.run }).run.openAsks
        return try only(open)
    }

    /// The open approval that is meant.
    func approval() async throws -> FermataAsk {
        let asks = try await server.client.openAsks(of: on.run)
        if let ask {
            guard let found = asks.first(where: { $0.number == ask }) else {
                throw ValidationError("Ask \(ask) of the run is not open.")
            }
            return found
        }
        let approvals = asks.filter { $0.kind == .approval }
        let number = try only(approvals.map(\.number))
        return approvals.first { $0.number == number }!
    }

    private func only(_ open: [UInt32]) throws -> UInt32 {
        guard open.count == 1 else {
            throw ValidationError(
                open.isEmpty
                    ? "The run has no open ask."
                    : "The run has several open asks (\(open.map(String.init).joined(separator: ", "))): name one with --ask."
            )
        }
        return open[0]
    }
}
