internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Fork: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fork",
        abstract: "Make a new run of the beginning of another one's journal.",
        discussion: """
            The source is not touched. The fork is on hold (PAUSED, FORKED) unless it is told to start; what waited \
            for a person waits for one of its own. It is cut where nothing was in flight: without --at at the last \
            such point before the run was stopped.

            With --message it is cut before that message was sent, and --text takes its place. With --call it is \
            cut when that call had been chosen, and the call gets other arguments.

            EXAMPLES
              fermata fork 01a1fd79
              fermata fork 01a1fd79 --at 17 --start
              fermata fork 01a1fd79 --message 1 --text "Look at /var only." --start
              fermata fork 01a1fd79 --call 3 --arguments '{"command": "ls /var"}'
            """)
    @OptionGroup var on: RunOptions
    @Option(help: ArgumentHelp("The last event to copy.", valueName: "seq")) var at: UInt64?
    @Option(help: ArgumentHelp("The message to put another one in the place of.", valueName: "number"))
    var message: UInt32?
    @Option(help: "That message; without --message one to send along.") var text: String?
    @Option(help: ArgumentHelp("The call to give other arguments.", valueName: "number")) var call: UInt32?
    @Option(help: ArgumentHelp("These arguments.", valueName: "json")) var arguments: String?
    @Flag(help: "Go on at once.") var start = false
    @Option(help: "The directory to work in, instead of the source's.", completion: .directory) var workspace: String?

    func validate() throws {
        if message != nil, text == nil { throw ValidationError("--message needs --text.") }
        if (call == nil) != (arguments == nil) { throw ValidationError("--call and --arguments need each other.") }
    }

    func run() async throws {
        var fork = on.command(FermataFork.self)
        fork.at = at ?? 0
        fork.message = message ?? 0
        fork.text = text ?? ""
        fork.call = call ?? 0
        fork.arguments = arguments ?? ""
        fork.start = start
        fork.workspace = workspace.map(Settings.absolute) ?? ""
        try on.server.print(try await on.server.client.send(fork, timeout: .seconds(120)))
    }
}
