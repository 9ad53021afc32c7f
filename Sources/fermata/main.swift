internal import ArgumentParser
internal import Dispatch
internal import Foundation

// Client commands are asynchronous; `serve` and `mock-model` own the main thread, which waits for a signal. So the
// main thread never runs on the cooperative pool, and nothing that blocks does.
if CommandLine.arguments.dropFirst().first == "---completion" {
    // A shell asks what a word could be; the answer may come from the server.
    Task { await Fermata.main(Array(CommandLine.arguments.dropFirst())) }
    dispatchMain()
}

if let mistake = Fermata.mistake(in: CommandLine.arguments.dropFirst().first) {
    Failure.say(mistake)
    exit(ExitCode.validationFailure.rawValue)
}

do {
    var command = try Fermata.parseAsRoot()
    if let command = command as? any AsyncParsableCommand {
        let box = Box(command)
        Task {
            do {
                try await box.command.run()
                Fermata.exit(withError: nil)
            } catch {
                Failure.end(error)
            }
        }
        dispatchMain()
    }
    try command.run()
} catch {
    Failure.end(error)
}

/// Carries the parsed command into its task: handed over once, used there alone.
final class Box: @unchecked Sendable {
    var command: any AsyncParsableCommand
    init(_ command: any AsyncParsableCommand) { self.command = command }
}
