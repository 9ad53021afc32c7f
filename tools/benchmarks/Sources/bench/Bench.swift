internal import ArgumentParser
internal import Foundation

@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tools/bench",
        abstract: "Measure what Fermata costs, beside the C libraries that it stands on.",
        discussion: """
            Prints one line for each row of the design's table "What it must cost", measured in this run: the value, the
            raw C libraries' value beside it, their ratio, the limit, and whether it holds. Fermata is the release
            binary, in processes of its own, with a store on the file system of --dir; it and the raw libraries are
            measured by turns, and medians of the turns are compared.

            ROWS
            \(Row.all.map { "  \($0.name.padding(toLength: 12, withPad: " ", startingAt: 0))\($0.about)" }
                .joined(separator: "\n"))
            """)

    @Flag(help: "Short counts: under a minute. Says whether the rows work more than what they cost.")
    var quick = false
    @Flag(help: "Print one JSON document.")
    var json = false
    @Option(help: ArgumentHelp("Where stores are made, then removed: on the disk to be measured.", valueName: "dir"))
    var dir = "/var/tmp"
    @Argument(help: ArgumentHelp("Rows to measure; all of them without any.", valueName: "row"))
    var rows: [String] = []

    func validate() throws {
        let names = Row.all.map(\.name)
        for row in rows where !names.contains(row) {
            throw ValidationError("there is no row \(row); there are \(names.joined(separator: ", ")).")
        }
    }

    func run() throws {
        let directory = "\(dir)/fermata-bench-\(getpid())"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let setting = Setting(directory: directory, isQuick: quick, disk: try Disk(directory, isQuick: quick))
        var lines: [Line] = []
        let begun = ContinuousClock.now
        for row in Row.all where rows.isEmpty || rows.contains(row.name) {
            FileHandle.standardError.write(Data("measuring \(row.name)\n".utf8))
            lines += try row.measure(setting)
        }
        let seconds = (ContinuousClock.now - begun).components.seconds
        let machine = try Machine(directory: directory, disk: setting.disk)
        let report = Report(machine: machine, isQuick: quick, seconds: Int(seconds), lines: lines)
        print(try json ? report.json() : report.table())
    }
}

/// What every row is given.
struct Setting {
    /// Exists, is empty at first, and is removed at the end.
    let directory: String
    let isQuick: Bool
    let disk: Disk

    /// One of two numbers.
    func count(_ full: Int, quick: Int) -> Int { isQuick ? quick : full }
}

/// One row of the design's table.
struct Row: Sendable {
    let name: String
    let about: String
    let measure: @Sendable (Setting) throws -> [Line]

    static let all = [
        Row(name: "get-run", about: "GetRun of a run in memory beside an nng echo", measure: getRun),
        Row(name: "command", about: "a durable command beside an nng echo and an SQLite commit", measure: command),
        Row(name: "commands", about: "durable commands of 64 clients beside SQLite alone", measure: commands),
        Row(name: "interrupt", about: "interrupt until the model's server sees it", measure: interrupt),
        Row(name: "step", about: "own time per step at step 10, 1,000, 10,000", measure: step),
        Row(name: "body", about: "encoding of the request for the model at 10,000 steps", measure: requestBody),
        Row(name: "paused", about: "memory of paused runs", measure: pausedMemory),
        Row(name: "streaming", about: "memory of streaming runs", measure: streamingMemory),
        Row(name: "start", about: "memory when idle, and time from start to ready", measure: start),
    ]
}

/// Why a measurement cannot be made, in one line.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
