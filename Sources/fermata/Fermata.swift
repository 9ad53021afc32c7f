internal import ArgumentParser

struct Fermata: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fermata",
        abstract: "Runs LLM agents that anyone can launch, watch, pause, interrupt, correct, answer, resume and stop.",
        discussion: """
            A server (`fermata serve`) holds the runs; every other command is a client of it. A run is named by its \
            id or by the beginning of it. Where the server is, its directory or its control socket, is taken from \
            --dir and --control, else from FERMATA_DIR and FERMATA_CONTROL, else from the configuration file, else \
            it is ~/.local/state/fermata. On a terminal there are colours, unless NO_COLOR is set; --json prints \
            protobuf's JSON of the messages that cross the sockets.

            A FIRST SESSION
              fermata serve --model openai/gpt-4o &        with LLM_API_KEY set
              fermata launch --follow "Where did the disk space go?"
              fermata list --watch
              fermata doctor                               if something is wrong

            EXIT CODES
              0   done; for --wait and wait: the run is FINISHED, or has a status that was asked for
              1   refused by the server, or not possible: the message says why
              10  WAITING   11  PAUSED   12  FAILED   13  STOPPED     (launch --wait, --follow, wait)
              64  the command line is wrong
              69  no server is there
              74  the output cannot be written
              75  no answer in time
              78  the environment or the configuration file is wrong
            """,
        version: "fermata 0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Runs",
                subcommands: [
                    Launch.self, Send.self, Withdraw.self, Pause.self, Interrupt.self, Resume.self, Stop.self,
                ]),
            CommandGroup(
                name: "Questions and approvals",
                subcommands: [Inbox.self, Answer.self, Approve.self, Edit.self, Reject.self]),
            CommandGroup(name: "Policies and limits", subcommands: [PolicyCommand.self, Budget.self]),
            CommandGroup(
                name: "Watching",
                subcommands: [
                    List.self, Show.self, History.self, TailEvents.self, Wait.self, BlobCommands.self,
                ]),
            CommandGroup(name: "Copies", subcommands: [Export.self, Import.self, Fork.self]),
            CommandGroup(name: "Agents", subcommands: [AgentCommand.self, ToolsCommand.self]),
            CommandGroup(
                name: "The server",
                subcommands: [
                    Serve.self, GatewayCommand.self, TokenCommands.self, Stats.self, Usage.self,
                    Check.self, Backup.self, Accept.self, Doctor.self, ModelsCommand.self, Completions.self,
                    MockModelCommand.self,
                ]),
        ])
}

extension Fermata {
    /// What is wrong with the first word of a command line, if it should be a command and is none.
    static func mistake(in word: String?) -> String? {
        guard let word, !word.hasPrefix("-") else { return nil }
        // Each has its name written down: one that is made of its type takes 8 ms of every start to be told.
        let names = ["help"] + configuration.subcommands.map { $0.configuration.commandName ?? $0._commandName }
        guard !names.contains(word) else { return nil }
        let near =
            names.first { SettingsFile.areNear($0, word) } ?? names.first { word.count > 1 && $0.hasPrefix(word) }
        let next = near.map { "is it \($0)?" } ?? "fermata --help lists them"
        return "\(word.oneLine(40)) is no command; \(next)"
    }
}
