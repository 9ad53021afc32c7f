/// The beginning and the end of a text of any length, in bounded memory.
public struct HeadAndTail: Sendable {
    private let headLimit: Int
    private let tailLimit: Int
    private var head = ReplacedText()
    /// The last bytes after the head: up to twice its limit, so that the front is cut off once in a while only.
    private var tail = ReplacedText()
    /// Of the text.
    private var total: UInt64 = 0
    /// Of the tool's own output.
    private var originalTotal: UInt64 = 0

    /// - Parameter limit: how many bytes of text are kept, half at either end.
    public init(limit: Int) {
        let limit = max(limit, 64)
        headLimit = limit - limit / 2
        tailLimit = limit / 2
    }

    /// - Parameter text: valid UTF-8, whole characters.
    public mutating func append(_ text: [UInt8]) { append(ReplacedText(bytes: text)) }

    /// - Parameter text: valid UTF-8, whole characters.
    mutating func append(_ text: ReplacedText) {
        let count = text.bytes.count
        total += UInt64(count)
        originalTotal += UInt64(text.originalCount)
        let forHead = min(count, headLimit - head.bytes.count)
        if forHead > 0 { head.append(text, 0..<forHead) }
        if forHead == count { return }
        tail.append(text, max(forHead, count - tailLimit)..<count)
        if tail.bytes.count > 2 * tailLimit { tail = tail.part((tail.bytes.count - tailLimit)..<tail.bytes.count) }
    }

    /// The text, or both its ends with a line between them that says how many bytes of the tool's output are missing.
    public func output(repaired: Bool) -> ToolOutput {
        if total <= UInt64(headLimit + tailLimit) {
            return ToolOutput(text: String(decoding: head.bytes + tail.bytes, as: UTF8.self), repaired: repaired)
        }
        let begin = head.part(0..<HeadAndTail.withoutCutCharacter(head.bytes[...]).endIndex)
        let rest = tail.bytes.suffix(tailLimit).drop { $0 & 0xC0 == 0x80 }
        let end = tail.part(rest.startIndex..<rest.endIndex)
        let omitted = originalTotal - UInt64(begin.originalCount + end.originalCount)
        var text = String(decoding: begin.bytes, as: UTF8.self)
        // Not the tool's, whatever came before: who compares this with the live text counts on it.
        text += "\n"
        text += HeadAndTail.mark(omitted: omitted)
        text += String(decoding: end.bytes, as: UTF8.self)
        return ToolOutput(text: text, omittedBytes: omitted, repaired: repaired)
    }

    /// The line that stands for what is missing.
    static func mark(omitted: UInt64) -> String { "[… \(omitted) bytes left out …]\n" }

    private static func withoutCutCharacter(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let lead = bytes.lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return bytes.prefix(0) }
        let length =
            switch bytes[lead] {
            case ..<0x80: 1
            case ..<0xE0: 2
            case ..<0xF0: 3
            default: 4
            }
        return lead + length <= bytes.endIndex ? bytes : bytes[..<lead]
    }
}
