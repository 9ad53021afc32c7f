internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import OpenSSL
internal import RunRows
internal import SwiftProtobuf
internal import Tools

/// A tool's result as the journal has it: the blobs of its images and files beside the reply that names them.
struct ToolParts {
    private(set) var content = Content("")
    private(set) var blobs: [BlobRow] = []

    /// What cannot be kept or shown as what it is said to be becomes what it is: an image that is none a file, what is too
    /// large or too much a line that says so. A result is never refused for what is in it, and never has the model's server
    /// refuse every later request.
    init(_ parts: [ToolResult.Part]) {
        var leftOut = 0
        for part in parts {
            switch part {
            case .text(let text): append(text)
            // Texts that follow each other are one block: there is room for one more behind the last of these.
            case .media where content.blocks.count >= [FermataBlock].maximumCount - 2: leftOut += 1
            case .media(let media): append(media)
            }
        }
        if leftOut > 0 { append("[\(leftOut) more images or files of the result were left out.]") }
        if blobs.isEmpty { content.blocks = [] }
    }

    private mutating func append(_ text: String) {
        guard !text.isEmpty else { return }
        content.text += text
        let length = UInt64(text.utf8.count)
        if case .text(let before)? = content.blocks.last?.kind {
            content.blocks[content.blocks.count - 1].text = before + length
        } else {
            content.blocks.append(.with { $0.text = length })
        }
    }

    private mutating func append(_ media: ToolMedia) {
        guard !media.data.isEmpty, media.data.count <= FermataBlob.maximumBytes else {
            return append("[A part of the result was left out: it has \(media.data.count) bytes.]")
        }
        let image = FermataBlob.imageTypes.first { FermataBlob.isImage(media.data, of: $0) }
        let digest = sha256(media.data)
        blobs.append(BlobRow(sha256: digest, at: Clock.now, data: media.data))
        let blob = FermataBlob.with {
            $0.sha256 = digest.hexadecimal
            $0.bytes = UInt64(media.data.count)
            // What looks like an image is one, whatever it was called; what does not is none.
            $0.mediaType = image ?? FermataBlob.mediaType(media.type)
            $0.name = FermataBlob.name(media.name)
        }
        content.blocks.append(.with { if image == nil { $0.file = blob } else { $0.image = blob } })
    }
}

extension FermataBlob {
    /// What a tool calls the type of its bytes, as far as it is one and no image's.
    fileprivate static func mediaType(_ text: String) -> String {
        let type = String(text.prefix { $0 != ";" }).lowercased()
        return isMediaType(type) && !imageTypes.contains(type) ? type : "application/octet-stream"
    }

    /// A name without a directory, without control characters, and not too long.
    fileprivate static func name(_ text: String) -> String {
        let last = text.split(separator: "/").last.map(String.init) ?? ""
        let shown = String(
            String.UnicodeScalarView(last.unicodeScalars.filter { $0.properties.generalCategory != .control }))
        return shown.utf8.count <= 255 ? shown : ""
    }
}
