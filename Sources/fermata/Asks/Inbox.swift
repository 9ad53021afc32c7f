internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Inbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inbox",
        abstract: "Show what runs are asking, oldest first.",
        discussion: """
            Each with the command that answers it. With --follow also what is asked from now on, and what becomes of \
            each, until Ctrl-C; nothing is missed, also over a restart of the server. With --tokens each ask comes \
            with the token that answers it from outside, through the gateway.

            EXAMPLES
              fermata inbox
              fermata inbox --follow
              fermata inbox --run 01a1fd79 --json
            """)
    @Option(help: "Only of this run.", completion: .runs) var run: String?
    @Flag(name: .shortAndLong, help: "Go on with what comes.") var follow = false
    @Flag(help: "With the token of each.") var tokens = false
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = server.client
        // What is asked after this is told by events, what was asked before is in the list.
        let last = try await client.send(FermataHello.with { $0.client = "fermata inbox" }).lastOffset
        let asks = try await client.openAsks(of: run ?? "", tokens: tokens)
        for ask in asks { try show(ask) }
        guard follow else {
            if asks.isEmpty, !server.json { print("nothing is asked") }
            return
        }
        let id = try await run == nil ? nil : client.send(FermataGetRun.with { $0.run = run! }).run.id
        var shown = Set(asks.map { AskID(run: $0.run, number: $0.number) })
        for try await event in try await client.tail(after: last) where id == nil || event.run == id {
            try await take(event, client, &shown)
        }
    }

    private struct AskID: Hashable {
        let run: String
        let number: UInt32
    }

    private func take(_ event: FermataEvent, _ client: Client, _ shown: inout Set<AskID>) async throws {
        switch event.kind {
        case .askOpened(let opened):
            guard shown.insert(AskID(run: event.run, number: opened.number)).inserted else { return }
            // It may have been answered since; then the event of that comes next.
            let asks = try await client.openAsks(of: event.run, tokens: tokens)
            if let ask = asks.first(where: { $0.number == opened.number }) { try show(ask) }
        case .askAnswered(let answer): try tell(event, answer.number, "answered", &shown)
        case .askClosed(let closed): try tell(event, closed.number, closed.expired ? "expired" : "closed", &shown)
        case .handedOff:
            for ask in shown.filter({ $0.run == event.run }) {
                try tell(event, ask.number, "goes on elsewhere", &shown)
            }
        default: break
        }
    }

    private func tell(_ event: FermataEvent, _ number: UInt32, _ what: String, _ shown: inout Set<AskID>) throws {
        guard shown.remove(AskID(run: event.run, number: number)) != nil else { return }
        if server.json { return try server.print(json: event) }
        print("\(event.run)  ask \(number)  \(what)" + (event.by.isEmpty ? "" : " by \(event.by)"))
    }

    private func show(_ ask: FermataAsk) throws {
        if server.json { return try server.print(json: ask) }
        var head = "\(ask.run)  ask \(ask.number)  \(ask.kind.protocolName)  since \(EventLine.time(ask.openedAt))"
        if ask.urgency == .high || ask.urgency == .critical { head += "  \(ask.urgency.protocolName)" }
        if ask.deadlineAt > 0 {
            head +=
                "  until \(TimeArgument.text(ask.deadlineAt)), then "
                + (ask.kind == .limit
                    ? "it is tried again" : ask.atDeadline == .default ? "the default answer" : "rejected")
        }
        print(head)
        for text in [ask.question, ask.context] where !text.isEmpty { print("    " + text.indented) }
        if !ask.arguments.isEmpty { print("    \(ask.tool) \(ask.arguments.oneLine(400))") }
        if let expected = ask.format.text { print("    expects \(expected)") }
        for command in ask.commands { print("    fermata \(command)") }
        if !ask.token.isEmpty { print("    token \(ask.token)") }
    }
}

extension Client {
    /// All open asks, of one run or of all, oldest first.
    func openAsks(of run: String, tokens: Bool = false) async throws -> [FermataAsk] {
        var list = FermataListAsks.with {
            $0.run = run
            $0.tokens = tokens
        }
        var asks: [FermataAsk] = []
        repeat {
            let reply = try await send(list)
            asks += reply.asks
            list.after = reply.next
        } while !list.after.isEmpty
        return asks
    }
}

extension FermataAsk {
    /// The commands that answer it, without the program's name.
    fileprivate var commands: [String] {
        let which = "\(run.prefix(18)) --ask \(number)"
        return switch kind {
        case .question: ["answer \(which) \(format.form == .json ? "JSON" : "TEXT")"]
        case .approval:
            // What is approved is what is shown here: other arguments have another digest.
            ["approve \(which) --shown \(argumentsSha256.prefix(12))", "edit \(which) ARGUMENTS", "reject \(which)"]
        case .outcome:
            ["answer \(which) --run-again", "answer \(which) --result TEXT", "answer \(which) --unknown"]
        case .budget: ["answer \(which) --raise", "answer \(which) --end-turn"]
        case .stuck: ["answer \(which) --guide TEXT", "answer \(which) --go-on", "answer \(which) --end-turn"]
        case .limit:
            ["answer \(which) --go-on", "answer \(which) --use-model MODEL", "answer \(which) --end-turn"]
        case .unspecified, .UNRECOGNIZED: []
        }
    }
}

extension FermataAnswerFormat {
    /// What an answer is to be, where it is not any text.
    fileprivate var text: String? {
        switch form {
        case .yesNo: "yes or no"
        case .choice: "one of: " + choices.joined(separator: " | ")
        case .json: schema.isEmpty ? "JSON" : "JSON that fits \(schema.oneLine(400))"
        default: nil
        }
    }
}

extension String {
    fileprivate var indented: String { replacing("\n", with: "\n    ") }
}
