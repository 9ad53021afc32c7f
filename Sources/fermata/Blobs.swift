internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// Files that go along with a message.
struct Attachments: ParsableArguments {
    @Option(
        name: .customLong("attach"),
        help: ArgumentHelp(
            "A file that the model is shown after the text: PNG, JPEG, GIF and WebP as images; may be given several times.",
            valueName: "file"), completion: .file())
    var files: [String] = []

    /// Keeps the files at the server.
    func blocks(_ client: Client) async throws -> [FermataBlock] {
        var blocks: [FermataBlock] = []
        for file in files {
            let data = try BlobFile.read(file)
            let name = (file as NSString).lastPathComponent
            blocks.append(try await client.keep(data, named: name, type: BlobFile.type(ofFile: name, data)))
        }
        return blocks
    }
}

enum BlobFile {
    /// - Throws: what is wrong with the file, for a person.
    static func read(_ path: String) throws -> Data {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw ValidationError("\(path): the file cannot be read.")
        }
        // One byte more than there may be, whatever the file says of its length.
        let data = try handle.read(upToCount: FermataBlob.maximumBytes + 1) ?? Data()
        guard !data.isEmpty else { throw ValidationError("\(path): the file is empty.") }
        guard data.count <= FermataBlob.maximumBytes else {
            throw ValidationError("\(path): the file has more than \(FermataBlob.maximumBytes) bytes.")
        }
        return data
    }

    private static let types = [
        "pdf": "application/pdf", "json": "application/json", "csv": "text/csv", "html": "text/html",
        "md": "text/markdown", "xml": "application/xml", "zip": "application/zip", "svg": "image/svg+xml",
    ]

    /// Of an image what it is, whatever it is called; of other files what the name says, or whether they are text.
    static func type(ofFile name: String, _ data: Data) -> String {
        if let image = FermataBlob.imageTypes.first(where: { FermataBlob.isImage(data, of: $0) }) { return image }
        if let type = types[(name as NSString).pathExtension.lowercased()] { return type }
        return String(data: data, encoding: .utf8) == nil ? "application/octet-stream" : "text/plain"
    }
}

struct BlobCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blob",
        abstract: "Keep images and files at the server, and get them back.",
        discussion: """
            Messages and results name images and files by their SHA-256; `fermata history` shows the names. Each is \
            kept once.

            EXAMPLES
              fermata blob put plan.png
              fermata blob get 4dc8…e1 > plan.png
            """,
        subcommands: [Put.self, Get.self])

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put", abstract: "Keep a file, and print its SHA-256.")
        @Argument(help: "The file.", completion: .file()) var file: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let data = try BlobFile.read(file)
            let reply = try await server.client.send(
                FermataPutBlob.with {
                    $0.data = data
                    $0.by = operatorName
                })
            if server.json { try server.print(json: reply) } else { print(reply.blob.sha256) }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Write a blob's bytes to standard output.")
        @Argument(help: "Its SHA-256, in hexadecimal.") var sha256: String
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let reply = try await server.client.send(FermataGetBlob.with { $0.sha256 = sha256 })
            if server.json { return try server.print(json: reply) }
            try FileHandle.standardOutput.write(contentsOf: reply.data)
        }
    }
}
