internal import ArgumentParser
internal import Foundation
internal import Journal
internal import JournalSQLite
internal import StoreTools

/// Which store: a file, or that of a server's directory.
private func storePath(_ file: String?, _ directory: String?) throws -> String {
    try file.map(Settings.absolute) ?? ServerOptions.settings(dir: directory, control: nil)["dir"] + "/fermata.db"
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Verify a store: the file, its numbers, every event, and that its tables agree.",
        discussion: """
            It needs no server and disturbs none: it reads one state of the store and changes nothing. While it runs \
            beside a server, that server's log grows.

            Every problem is named with its run, its event and its offset. Exit code 0: none; 1: some, or the file \
            cannot be opened as a store.

            EXAMPLES
              fermata check
              fermata check ~/backups/monday.db
              fermata check --json | jq '.problems[].what'
            """)

    @Argument(
        help: ArgumentHelp("The store's file; else that of the directory.", valueName: "file"), completion: .file())
    var file: String?

    @Option(
        help: ArgumentHelp("The server's directory (FERMATA_DIR; else ~/.local/state/fermata).", valueName: "dir"),
        completion: .directory)
    var dir: String?

    @Option(help: ArgumentHelp("Problems to name; all are counted.", valueName: "count"))
    var limit = 100

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let line = ProgressLine()
        let report: StoreReport
        do {
            report = try StoreVerification.verify(store: storePath(file, dir), limit: max(0, limit)) {
                line.show("checking \($0.part)", UInt64($0.done), of: UInt64($0.total))
            }
        } catch {
            line.clear()
            Failure.say("\(error)")
            throw ExitCode(Failure.refused)
        }
        line.clear()
        try report.show(asJSON: json)
        if !report.isSound { throw ExitCode(Failure.refused) }
    }
}

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the store into a file, while its server runs.",
        discussion: """
            The copy is the store as it was at one moment, in one file that only its owner can read. It is verified \
            as `fermata check` does it and appears under its name only when it is whole. Serve it by putting it into \
            a directory as fermata.db.

            Exit code 0: the copy is there; 1: it is not, and the message says why.

            EXAMPLES
              fermata backup ~/backups/monday.db
              fermata backup --force /mnt/other-disk/fermata.db
            """)

    @Argument(help: ArgumentHelp("Where the copy goes.", valueName: "file"), completion: .file())
    var file: String

    @Option(
        help: ArgumentHelp("The server's directory (FERMATA_DIR; else ~/.local/state/fermata).", valueName: "dir"),
        completion: .directory)
    var dir: String?

    @Flag(help: "Replace the file if it is there.")
    var force = false

    @Flag(help: "Print one JSON object: what the verification of the copy found.")
    var json = false

    func run() throws {
        let line = ProgressLine()
        let report: StoreReport
        do {
            report = try StoreBackup.make(
                of: storePath(nil, dir), at: Settings.absolute(file), replaces: force
            ) { progress in
                switch progress {
                case .copying(let done, let total): line.show("copying", UInt64(done), of: UInt64(total))
                case .verifying(let part): line.show("checking \(part.part)", part.done, of: part.total)
                }
            }
        } catch {
            line.clear()
            Failure.say("\(error)")
            throw ExitCode(Failure.refused)
        }
        line.clear()
        guard report.isSound else {
            try report.show(asJSON: json)
            Failure.say("the copy is not sound, so there is none; fermata check tells about the store itself")
            throw ExitCode(Failure.refused)
        }
        if json { try report.show(asJSON: true) } else { print("\(file)  \(report.counts)") }
    }
}

struct Accept: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Go on with a store that its mark says has lost something.",
        discussion: """
            A server does not start on a store that ends before it was known to be: its write-ahead log was lost or \
            damaged, or an older copy was put in its place. The refusal says where it ends and where it should end. Put \
            the whole store back if you can: whoever has read the missing events, or was told that a command was \
            accepted, knows of things that the store will never have happened.

            This accepts the loss: EVENT is the store's last event as the refusal names it, so that nothing else is \
            accepted than what was seen. `fermata check` verifies the rest. No server may have the store.

            EXAMPLES
              fermata accept 4711
            """)

    @Argument(help: ArgumentHelp("The offset of the store's last event.", valueName: "event"))
    var event: UInt64

    @Option(
        help: ArgumentHelp("The server's directory (FERMATA_DIR; else ~/.local/state/fermata).", valueName: "dir"),
        completion: .directory)
    var dir: String?

    func run() throws {
        do {
            let known = try StoreAcceptance.accept(store: storePath(nil, dir), endingAt: event)
            let before =
                known.map {
                    $0 == event ? ", without commits that had no event" : ", and was known to reach event \($0)"
                }
                ?? ""
            print("the store goes on from event \(event)\(before)")
        } catch {
            Failure.say("\(error)")
            throw ExitCode(Failure.refused)
        }
    }
}

extension StoreReport {
    fileprivate var counts: String {
        "\(events) events, \(runs) runs, \(asks) asks, \(requests) requests, \(agents) agents, \(snapshots) snapshots, "
            + "\(messages) messages in the outbox"
    }

    fileprivate func show(asJSON isJSON: Bool) throws {
        if isJSON {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return print(String(decoding: try encoder.encode(self), as: UTF8.self))
        }
        for problem in problems { print("\(problem)".harmless) }
        if problemCount > problems.count { print("… and \(problemCount - UInt64(problems.count)) more") }
        let verdict = isSound ? "no problems" : "\(problemCount) problem\(problemCount == 1 ? "" : "s")"
        print("\(store): \(verdict) in \(counts)")
    }
}
