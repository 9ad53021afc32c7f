internal import SwiftProtobuf

/// Which blocks a message or a result of a command may have: the same for everybody who makes one.
extension [FermataBlock] {
    /// Of one message or result.
    public static var maximumCount: Int { 64 }

    /// What a message or a result is made of, as the journal has it: each byte of its text in a block of text, and none
    /// at all where there is nothing but text. The blobs are as they were given.
    ///
    /// - Parameter text: all of the text.
    /// - Throws: what is wrong with the blocks, as the rule of the field `blocks`.
    public func completed(with text: String) throws(FieldProblem) -> [FermataBlock] {
        func problem(_ rule: String) -> FieldProblem { FieldProblem(field: "blocks", rule: rule) }
        guard count <= Self.maximumCount else { throw problem("has more than \(Self.maximumCount) elements") }
        var (end, texts) = (text.utf8.startIndex, 0)
        for block in self {
            guard block.json.isEmpty else { throw problem("has one with json, which is a provider's own") }
            switch block.kind {
            case .text(let length):
                guard let next = text.utf8.index(end, offsetBy: length, upTo: text) else {
                    throw problem("of text are not the text: one ends outside of it or within a character")
                }
                (end, texts) = (next, texts + 1)
            case .image(let blob):
                if let rule = blob.rule { throw problem("has an image whose \(rule)") }
                guard FermataBlob.imageTypes.contains(blob.mediaType) else {
                    throw problem(
                        "has an image that is none of \(FermataBlob.imageTypes.joined(separator: ", ")): send it as a file"
                    )
                }
            case .file(let blob): if let rule = blob.rule { throw problem("has a file whose \(rule)") }
            case .reasoning, .call, .opaque, nil: throw problem("has one that is neither text, nor image, nor file")
            }
        }
        guard texts > 0 || text.isEmpty else {
            return isEmpty ? [] : [.with { $0.text = UInt64(text.utf8.count) }] + self
        }
        guard end == text.utf8.endIndex else { throw problem("of text are not all of the text") }
        return texts == count ? [] : self
    }

    /// The blobs that it names, in their order.
    public var blobs: [FermataBlob] { compactMap(\.blob) }
}

extension FermataBlock {
    /// The blob of an image or a file.
    public var blob: FermataBlob? {
        get {
            switch kind {
            case .image(let blob), .file(let blob): blob
            default: nil
            }
        }
        set {
            switch (kind, newValue) {
            case (.image, let blob?): kind = .image(blob)
            case (.file, let blob?): kind = .file(blob)
            default: break
            }
        }
    }
}

extension FermataBlob {
    /// Bytes of one, at most: what fits into a message, with some room.
    public static let maximumBytes = 4_000_000

    /// Images that every provider takes.
    public static let imageTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"]

    /// The 32 bytes of the digest; nil if it is none.
    public var digest: [UInt8]? { Self.digest(sha256) }

    public static func digest(_ text: String) -> [UInt8]? {
        text.utf8.count == 64 ? [UInt8](hexadecimal: text) : nil
    }

    /// What is wrong with what a command says of it; nil if nothing is.
    fileprivate var rule: String? {
        if digest == nil { return "sha256 is not 64 lowercase hexadecimal digits" }
        if !Self.isMediaType(mediaType) { return "media_type is not one, as application/pdf" }
        if name.utf8.count > 255
            || name.unicodeScalars.contains(where: { $0 == "/" || $0.properties.generalCategory == .control })
        {
            return "name is longer than 255 bytes, or has a directory or a control character"
        }
        return nil
    }

    /// A type and a subtype of RFC 6838, without parameters.
    public static func isMediaType(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        func isName(_ name: some Collection<UInt8>) -> Bool {
            (1...127).contains(name.count)
                && name.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                    default: "!#$&-^_.+".utf8.contains(byte)
                    }
                }
        }
        return parts.count == 2 && parts.allSatisfy(isName)
    }

    /// Whether bytes begin as those of an image of this type do: what a provider cannot read as what it is said to be
    /// makes it refuse every later request.
    public static func isImage(_ bytes: some Collection<UInt8>, of mediaType: String) -> Bool {
        switch mediaType {
        case "image/png": bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        case "image/jpeg": bytes.starts(with: [0xFF, 0xD8, 0xFF])
        case "image/gif": bytes.starts(with: "GIF8".utf8)
        case "image/webp": bytes.starts(with: "RIFF".utf8) && bytes.dropFirst(8).starts(with: "WEBP".utf8)
        default: false
        }
    }
}

extension String.UTF8View {
    /// - Returns: nil for a place that is outside of the text or within a character.
    fileprivate func index(_ start: Index, offsetBy length: UInt64, upTo text: String) -> Index? {
        guard let length = Int(exactly: length), let end = index(start, offsetBy: length, limitedBy: endIndex),
            end.samePosition(in: text.unicodeScalars) != nil
        else { return nil }
        return end
    }
}
