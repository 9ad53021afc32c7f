internal import ArgumentParser
internal import Foundation

struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print the completions of a shell, to be installed once.",
        discussion: """
            Commands, options, statuses and files are completed by the shell itself; ids of runs and names of agents \
            by asking the running server, quickly or not at all.

            INSTALL
              bash   fermata completions bash > ~/.local/share/bash-completion/completions/fermata
              zsh    fermata completions zsh > ~/.zfunc/_fermata
                     and in ~/.zshrc, before compinit: fpath+=(~/.zfunc)
              fish   fermata completions fish > ~/.config/fish/completions/fermata.fish
            Make the directory if it is missing, and start a new shell.

            EXAMPLE
              source <(fermata completions bash)     for this shell only
            """)
    @Argument(help: "bash, zsh or fish.") var shell: Shell

    enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }

    func run() {
        let shell: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Screen.output.write(Fermata.completionScript(for: shell) + "\n")
    }
}
