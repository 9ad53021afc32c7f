import Foundation

/// protoc, where it is installed: an implementation of protobuf that shares no code with ours.
enum Protoc {
    static let path: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        .map { "\($0)/protoc" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    static var isPresent: Bool { path != nil }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs protoc on a schema and returns what it writes. Blocks until it has ended.
    ///
    /// - Parameter input: less than a pipe holds (64 KiB), so that neither side waits for the other.
    static func run(
        _ arguments: [String], schema: String = "protocol/fermata.proto", input: [UInt8] = []
    ) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path ?? "")
        process.currentDirectoryURL = Repository.root
        let schema = Repository.root.appending(path: schema)
        let folders = [Repository.root.appending(path: "protocol"), schema.deletingLastPathComponent()]
        process.arguments = folders.map { "--proto_path=\($0.path)" } + arguments + [schema.lastPathComponent]
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input))
        try stdin.fileHandleForWriting.close()
        let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
        let problem = try stderr.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "protoc \(arguments): \(String(decoding: problem, as: UTF8.self))")
        }
        return [UInt8](output)
    }
}
