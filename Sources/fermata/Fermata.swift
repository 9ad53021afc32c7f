internal import ArgumentParser

struct Fermata: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fermata",
        abstract: "Runs LLM agents that anyone can launch, watch, pause, interrupt, correct, answer, resume and stop.",
        discussion: """
            EXIT CODES
              0   done; for --wait and wait: the run is FINISHED, or has a status that was asked for
              1   refused by the server, or not possible: the message says why
              10  WAITING   11  PAUSED   12  FAILED   13  STOPPED     (launch --wait, --follow)
              64  the command line is wrong
              69  no server is there
              74  the output cannot be written
              75  no answer in time
              78  the environment or the configuration file is wrong
            """,
        version: "fermata 0.1.0",
        subcommands: [
            Serve.self, Launch.self, Send.self, Withdraw.self, Pause.self, Interrupt.self, Resume.self, Stop.self,
            Answer.self, Inbox.self, List.self, Show.self, History.self, TailEvents.self, Wait.self, Stats.self,
            Doctor.self, Completions.self, MockModelCommand.self,
        ])
}
