internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Let a call run that waits for approval, exactly as it is shown.",
        discussion: """
            With --shown, as the inbox prints it, the approval is for the arguments that were shown there, and is \
            refused for any others. With --always such calls of the run need no approval from now on; --when says \
            which: a JSON pointer, one of = < > ~ (a regular expression), and a value. Several --when all have to \
            apply.

            EXAMPLES
              fermata approve 01a1fd79 --ask 2 --shown 3f5a0c1b2d3e
              fermata approve 01a1fd79 --always --when '/amount < 100' --when '/currency = "EUR"'
            """)
    @OptionGroup var on: AskOptions
    @Option(help: ArgumentHelp("The beginning of the SHA-256 of the arguments that were shown.", valueName: "digits"))
    var shown: String?
    @OptionGroup var sticky: StickyOptions

    func run() async throws {
        let ask = try await on.approval()
        if let shown, shown.isEmpty || !ask.argumentsSha256.hasPrefix(shown.lowercased()) {
            Failure.say("the arguments are not those that were shown: ask \(ask.number) has others")
            throw ExitCode(Failure.refused)
        }
        var answer = try await on.command(FermataAnswer.self)
        answer.ask = ask.number
        answer.verdict = .approve
        answer.argumentsSha256 = ask.argumentsSha256
        if let sticky = sticky.message { answer.sticky = sticky }
        try await on.server.run(answer)
    }
}

struct Edit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Let a call run with other arguments.",
        discussion: """
            Of a call that waits for approval: it is approved with these arguments. With --call: of a selected call \
            of a run on hold; it is not approved by that, only changed. The model is told.

            EXAMPLES
              fermata edit 01a1fd79 '{"amount": 50}'
              fermata edit 01a1fd79 --call 7 '{"environment": "staging"}'
            """)
    @OptionGroup var on: AskOptions
    @Option(help: ArgumentHelp("A selected call of a run on hold.", valueName: "number")) var call: UInt32?
    @Argument(help: "The arguments, as JSON.") var arguments: String

    func validate() throws {
        if call != nil, on.ask != nil { throw ValidationError("--call and --ask exclude each other.") }
    }

    func run() async throws {
        if let call {
            var decide = try await on.command(FermataDecideCall.self)
            decide.call = call
            decide.verdict = .edit
            decide.arguments = arguments
            return try await on.server.run(decide)
        }
        let ask = try await on.approval()
        var answer = try await on.command(FermataAnswer.self)
        answer.ask = ask.number
        answer.verdict = .edit
        answer.arguments = arguments
        answer.argumentsSha256 = ask.argumentsSha256
        try await on.server.run(answer)
    }
}

struct Reject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject",
        abstract: "Do not let a call run.",
        discussion: """
            Of a call that waits for approval, or with --call of a selected call of a run on hold. The model reads \
            the message as the call's result. With --always such calls of the run are denied from now on.

            EXAMPLES
              fermata reject 01a1fd79 --message "Not on a Friday."
              fermata reject 01a1fd79 --call 7
              fermata reject 01a1fd79 --always --when '/path ~ ^/etc'
            """)
    @OptionGroup var on: AskOptions
    @Option(help: ArgumentHelp("A selected call of a run on hold.", valueName: "number")) var call: UInt32?
    @Option(name: .shortAndLong, help: "What the model is told.") var message: String?
    @OptionGroup var sticky: StickyOptions

    func validate() throws {
        if call != nil, on.ask != nil { throw ValidationError("--call and --ask exclude each other.") }
        if call != nil, sticky.always { throw ValidationError("--always goes with an approval; see fermata policy.") }
    }

    func run() async throws {
        if let call {
            var decide = try await on.command(FermataDecideCall.self)
            decide.call = call
            decide.verdict = .reject
            decide.text = message ?? ""
            return try await on.server.run(decide)
        }
        var answer = try await on.command(FermataAnswer.self)
        answer.ask = try await on.approval().number
        answer.verdict = .reject
        answer.text = message ?? ""
        if let sticky = sticky.message { answer.sticky = sticky }
        try await on.server.run(answer)
    }
}

/// Whether an answer is a rule for such calls, too.
struct StickyOptions: ParsableArguments {
    @Flag(help: "Decide such calls of the run so from now on.") var always = false
    @Option(
        help: ArgumentHelp("Only calls to which this applies; may be given several times.", valueName: "condition"),
        transform: { try FermataCondition(argument: $0) })
    var when: [FermataCondition] = []

    func validate() throws {
        if !when.isEmpty, !always { throw ValidationError("--when goes with --always.") }
    }

    var message: FermataSticky? { always ? .with { $0.when = when } : nil }
}

extension FermataCondition {
    /// `/amount < 100`: a JSON pointer, an operator, a value.
    init(argument: String) throws {
        self.init()
        guard let place = argument.firstIndex(where: { "=<>~".contains($0) }) else {
            throw TimeArgument.Mistake(description: "a condition is written '/pointer = JSON', with =, <, > or ~")
        }
        pointer = String(argument[..<place]).trimmed
        let value = String(argument[argument.index(after: place)...]).trimmed
        switch argument[place] {
        case "=": equals = value
        case "~": matches = value
        case let sign:
            guard let number = Double(value) else {
                throw TimeArgument.Mistake(description: "what follows \(sign) in a condition is a number")
            }
            if sign == "<" { less = number } else { greater = number }
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
