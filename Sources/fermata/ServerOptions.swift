internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// Where the server is, and how results are printed: the same for every client command.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The server's directory (FERMATA_DIR; else ~/.local/state/fermata).", valueName: "dir"),
        completion: .directory)
    var dir: String?

    @Option(help: ArgumentHelp("The server's control socket, if it is not in its directory.", valueName: "url"))
    var control: String?

    @Option(
        help: ArgumentHelp(
            "A file that has the token to present and nothing else (FERMATA_TOKEN_FILE; FERMATA_TOKEN is the token).",
            valueName: "file"), completion: .file())
    var tokenFile: String?

    @Flag(help: "Print JSON: protobuf's JSON mapping of the protocol's messages, one a line.")
    var json = false

    var client: Client { Client(controlURL: settings["control"], token: token) }

    /// Ends the command if the file that it is in cannot be read.
    private var token: String? {
        do { return try Self.token(file: tokenFile) } catch { Failure.end(error) }
    }

    /// The token to present: none where the socket's permissions say who may connect.
    static func token(file: String? = nil) throws -> String? {
        func variable(_ name: String) -> String? {
            ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        if let file { return try KeyFile(file).key }
        return try variable("FERMATA_TOKEN") ?? variable("FERMATA_TOKEN_FILE").map { try KeyFile($0).key }
    }

    var directory: String { settings["dir"] }

    /// Where the server is, by the same precedence as the server's own settings. Ends the command if the file that says
    /// so is wrong.
    private var settings: Settings {
        do { return try Self.settings(dir: dir, control: control) } catch { Failure.end(error) }
    }

    static func settings(dir: String?, control: String?) throws -> Settings {
        try Settings(
            options: ["dir": dir, "control": control].compactMapValues(\.self),
            environment: ProcessInfo.processInfo.environment, file: nil, keys: ["dir", "control"])
    }

    func print(json message: some SwiftProtobuf.Message) throws {
        fermata.print(try message.jsonString())
    }

    /// Sends a command and prints what has become of the run.
    func run<C: Command>(_ command: C) async throws where C.Reply == FermataCommandReply {
        try print(try await client.send(command))
    }

    /// What has become of the run.
    func print(_ reply: FermataCommandReply) throws {
        if json { return try print(json: reply) }
        let note = reply.changed ? "" : "  (nothing to do)"
        let message = reply.message > 0 ? "  message \(reply.message)" : ""
        fermata.print("\(reply.run.id)  \(reply.run.statusText)\(message)\(note)")
    }
}

/// Who sends a command, why, and on what condition.
struct CommandOptions: ParsableArguments {
    @Option(help: "Who sends the command; noted in the journal.")
    var by: String?

    @Option(help: "Why; noted in the journal.")
    var reason: String?

    @Option(help: ArgumentHelp("Refuse the command unless this is the run's last event.", valueName: "seq"))
    var ifSeq: UInt64?

    @OptionGroup var server: ServerOptions

    /// A command with the fields filled in that all commands on a run share.
    func command<C: RunCommand>(_ type: C.Type, run: String) -> C {
        var command = C()
        command.run = run
        command.by = by ?? operatorName
        command.reason = reason ?? ""
        if let ifSeq { command.ifSeq = ifSeq }
        return command
    }
}

/// The run that a command is about, and who asks why.
struct RunOptions: ParsableArguments {
    @Argument(help: "The run's id, or the beginning of it.", completion: .runs)
    var run: String

    @OptionGroup var options: CommandOptions

    var server: ServerOptions { options.server }

    func command<C: RunCommand>(_ type: C.Type) -> C { options.command(type, run: run) }
}

/// Who types: as the journal will name them unless they say otherwise.
var operatorName: String { ProcessInfo.processInfo.environment["USER"].map { "operator:\($0)" } ?? "" }
