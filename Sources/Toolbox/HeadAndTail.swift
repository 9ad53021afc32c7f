/// The beginning and the end of a text of any length, in bounded memory.
public struct HeadAndTail: Sendable {
    private let headLimit: Int
    private let tailLimit: Int
    private var head: [UInt8] = []
    /// The last bytes after the head: up to twice its limit, so that the front is cut off once in a while only.
    private var tail: [UInt8] = []
    private var total: UInt64 = 0

    /// - Parameter limit: how many bytes of text are kept, half at either end.
    public init(limit: Int) {
        let limit = max(limit, 64)
        headLimit = limit - limit / 2
        tailLimit = limit / 2
    }

    /// - Parameter text: valid UTF-8, whole characters.
    public mutating func append(_ text: [UInt8]) {
        total += UInt64(text.count)
        let forHead = min(text.count, headLimit - head.count)
        if forHead > 0 { head.append(contentsOf: text[..<forHead]) }
        if forHead == text.count { return }
        tail.append(contentsOf: text[max(forHead, text.count - tailLimit)...])
        if tail.count > 2 * tailLimit { tail.removeFirst(tail.count - tailLimit) }
    }

    /// The text, or both its ends with a line between them that says how many bytes are missing.
    public func output(repaired: Bool) -> ToolOutput {
        if total <= UInt64(headLimit + tailLimit) {
            return ToolOutput(text: String(decoding: head + tail, as: UTF8.self), repaired: repaired)
        }
        let begin = HeadAndTail.withoutCutCharacter(head[...])
        let end = tail.suffix(tailLimit).drop { $0 & 0xC0 == 0x80 }
        let omitted = total - UInt64(begin.count + end.count)
        var text = String(decoding: begin, as: UTF8.self)
        if begin.last != UInt8(ascii: "\n") { text += "\n" }
        text += HeadAndTail.mark(omitted: omitted)
        text += String(decoding: end, as: UTF8.self)
        return ToolOutput(text: text, omittedBytes: omitted, repaired: repaired)
    }

    /// The line that stands for what is missing.
    static func mark(omitted: UInt64) -> String { "[… \(omitted) bytes left out …]\n" }

    private static func withoutCutCharacter(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let lead = bytes.lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return [] }
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
