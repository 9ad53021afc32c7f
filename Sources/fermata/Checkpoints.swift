internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a run as one JSON document, with which another server can go on.",
        discussion: """
            The document is the run as it is at one moment: its whole journal, its agent, its open asks; no keys and \
            no tokens. It is printed, or written to a file that appears only when it is whole.

            With --handoff the run ends here for good first, so that it never lives twice; that needs a run with \
            nothing in flight (pause it, wait until it is PAUSED). Export can be repeated afterwards as often as \
            it has to be.

            EXAMPLES
              fermata export 01a1fd79 > run.json
              fermata export 01a1fd79 --handoff -o run.json && scp run.json other:
            """)
    @OptionGroup var on: RunOptions
    @Flag(help: "End the run here for good, to go on elsewhere.") var handoff = false
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("The file to write; else it is printed.", valueName: "file"), completion: .file())
    var output: String?

    func run() async throws {
        let target = try CheckpointTarget(path: output.map(Settings.absolute))
        let line = ProgressLine()
        defer { line.clear() }
        var request = FermataExport.with {
            $0.run = on.run
            $0.handoff = handoff
            $0.by = on.options.by ?? operatorName
            $0.reason = on.options.reason ?? ""
            if let ifSeq = on.options.ifSeq { $0.ifSeq = ifSeq }
        }
        var bytes = 0
        repeat {
            // The first page of a long run takes as long as reading the run.
            let page = try await on.server.client.send(request, timeout: .seconds(120))
            try target.write(page.text)
            bytes += page.text.utf8.count
            if target.isFile { line.show("exported \(bytes >> 10) KiB") }
            request.after = page.next
            request.requestID = ""
        } while !request.after.isEmpty
        try target.write("\n")
        try target.finish()
    }
}

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make a checkpoint a run of this server.",
        discussion: """
            All of it is verified first; then the run is here with its whole journal, on hold (PAUSED, IMPORTED) \
            unless it is told to start. A call that was executing where it came from has an unknown outcome.

            With --answer its one open ask is answered and the run goes on, in the same act: a question's answer is \
            the text or the JSON, of another ask --verdict says what it is.

            EXAMPLES
              fermata import run.json
              fermata import run.json --start --workspace ~/project
              fermata import refund.json --answer '{"approved": true, "amount": 500}'
              fermata import deploy.json --verdict approve
            """)
    @Argument(help: ArgumentHelp("The checkpoint; - is standard input.", valueName: "file"), completion: .file())
    var file: String
    @Option(help: "The answer to the open ask.") var answer: String?
    @Option(
        help: ArgumentHelp("What the answer decides of an ask that is no question.", valueName: "verdict"),
        transform: { text in
            let name = text.uppercased().replacing("-", with: "_")
            guard let verdict = FermataVerdict.allCases.first(where: { $0.protocolName == name }),
                verdict != .unspecified
            else { throw TimeArgument.Mistake(description: "a verdict is one of approve, reject, run_again, …") }
            return verdict
        })
    var verdict: FermataVerdict?
    @Flag(help: "Go on at once.") var start = false
    @Option(help: "The directory to work in, instead of the one that the run has worked in.", completion: .directory)
    var workspace: String?
    @Option(help: "Who imports it; noted in the journal.") var by: String?
    @Option(help: "Why; noted in the journal.") var reason: String?
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let bytes = try read()
        let line = ProgressLine()
        defer { line.clear() }
        let parts = Self.parts(of: bytes)
        let client = server.client
        let upload = UUID().uuidString.lowercased()
        for (index, text) in parts.enumerated() {
            line.show("importing", UInt64(index), of: UInt64(parts.count))
            let isLast = index == parts.count - 1
            let part = FermataImport.with {
                $0.upload = upload
                $0.part = UInt32(index + 1)
                $0.text = text
                $0.last = isLast
                $0.by = by ?? operatorName
                $0.reason = reason ?? ""
                guard isLast else { return }
                $0.start = start
                $0.workspace = workspace.map(Settings.absolute) ?? ""
                if answer != nil || verdict != nil { $0.answer = answer ?? "" }
                $0.verdict = verdict ?? .unspecified
            }
            let reply = try await client.send(part, timeout: .seconds(120))
            if isLast {
                line.clear()
                try server.print(reply)
            }
        }
    }

    private func read() throws -> [UInt8] {
        do {
            if file == "-" { return [UInt8](try FileHandle.standardInput.readToEnd() ?? Data()) }
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: Settings.absolute(file))))
        } catch {
            throw ValidationError("\(file) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Cut between two characters, so that each part is a text. Bytes that are none become the character that stands
    /// for such, and the server finds that the digest is wrong.
    private static func parts(of bytes: [UInt8]) -> [String] {
        let size = 2 << 20
        var parts: [String] = []
        var first = 0
        repeat {
            var end = min(first + size, bytes.count)
            while end < bytes.count, end > first, bytes[end] & 0xC0 == 0x80 { end -= 1 }
            if end == first { end = min(first + size, bytes.count) }
            parts.append(String(decoding: bytes[first..<end], as: UTF8.self))
            first = end
        } while first < bytes.count
        return parts
    }
}

/// Where a checkpoint goes: standard output, or a file that appears under its name when it is whole.
private final class CheckpointTarget {
    private let path: String?
    private let handle: FileHandle?
    private var isFinished = false

    var isFile: Bool { path != nil }
    private var temporary: String { (path ?? "") + ".part" }

    init(path: String?) throws {
        self.path = path
        guard let path else {
            handle = nil
            return
        }
        let temporary = path + ".part"
        guard FileManager.default.createFile(atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600])
        else { throw ValidationError("\(path) cannot be written") }
        handle = FileHandle(forWritingAtPath: temporary)
    }

    deinit {
        if isFile, !isFinished { try? FileManager.default.removeItem(atPath: temporary) }
    }

    func write(_ text: String) throws {
        guard let handle else { return Screen.output.write(text) }
        do { try handle.write(contentsOf: Data(text.utf8)) } catch { throw failure(error) }
    }

    func finish() throws {
        guard let path, let handle else { return }
        do {
            try handle.synchronize()
            try handle.close()
            guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        } catch { throw failure(error) }
        isFinished = true
    }

    private func failure(_ error: any Error) -> any Error {
        Failure.say("\(path ?? "") cannot be written: \(error.localizedDescription)")
        return ExitCode(Failure.notWritten)
    }
}
