import Foundation

/// A command of the real command line that goes on while the test does: its output is read line by line, its input
/// typed, signals sent. Used by one task; end it by `kill` whatever happens.
final class RunningCommand {
    private let process = Process()
    private let input = Pipe()
    private let errors = Pipe()
    private var lines: AsyncStream<String>.Iterator

    convenience init(_ service: Service, _ arguments: String...) throws { try self.init(service, arguments) }

    /// - Parameter descriptors: that it may have; nil: as this process.
    init(_ service: Service, _ arguments: [String], descriptors: Int? = nil) throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: Service.binary)
        process.arguments = arguments
        if let descriptors {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -n \(descriptors); exec \"$0\" \"$@\"", Service.binary] + arguments
        }
        process.environment = ["FERMATA_DIR": service.directory, "HOME": service.directory, "USER": "tester"]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        lines = output.lines.makeAsyncIterator()
    }

    /// The next line; nil at the end of the output.
    func nextLine() async -> String? { await lines.next() }

    /// Reads up to a line that contains a text; all lines that were read.
    func lines(upTo text: String) async -> [String] {
        var read: [String] = []
        while let line = await nextLine() {
            read.append(line)
            if line.contains(text) { break }
        }
        return read
    }

    func type(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    func closeInput() throws { try input.fileHandleForWriting.close() }

    func signal(_ number: Int32) { Foundation.kill(process.processIdentifier, number) }

    /// Reads the rest of the output and waits for the end.
    func end() async -> (code: Int32, output: [String], errors: String) {
        var rest: [String] = []
        while let line = await nextLine() { rest.append(line) }
        let problems = await errors.readAll()
        return (await process.exitCode(), rest, problems)
    }

    /// SIGKILL, also when it is stopped.
    func kill() {
        guard process.isRunning else { return }
        signal(SIGKILL)
        process.waitUntilExit()
    }
}
