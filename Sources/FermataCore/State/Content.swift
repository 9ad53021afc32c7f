public import FermataProtocol
internal import SwiftProtobuf

/// What a message or a result says.
public struct Content: Sendable, Equatable, ExpressibleByStringInterpolation {
    public var text: String
    /// What it is made of, in order: text, images, files, and of the text each byte once. None: the text, and nothing
    /// else.
    public var blocks: [FermataBlock]

    public init(_ text: String, blocks: [FermataBlock] = []) {
        self.text = text
        self.blocks = blocks
    }

    public init(stringLiteral text: String) { self.init(text) }

    public var isEmpty: Bool { text.isEmpty && blocks.isEmpty }

    /// The same with another text: where it differs, all of it comes first, since nobody can say any more what of it was
    /// where.
    public func replacingText(_ text: String) -> Content {
        guard text != self.text, !blocks.isEmpty else { return Content(text, blocks: blocks) }
        let others = blocks.filter { $0.blob != nil }
        return Content(
            text, blocks: (text.isEmpty ? [] : [.with { $0.text = UInt64(text.utf8.count) }]) + others)
    }
}
