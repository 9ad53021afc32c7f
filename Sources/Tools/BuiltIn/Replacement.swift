/// A place in a text where there was something else in the tool's own output: a secret, or bytes that are no UTF-8.
///
/// Whoever counts what was left out counts the tool's bytes, whatever stands for them.
struct Replacement: Sendable, Equatable {
    /// Where it is in the text, in bytes of UTF-8.
    var offset: Int
    /// The bytes of the text there.
    var count: Int
    /// The tool's own bytes that they stand for.
    var originalCount: Int

    var end: Int { offset + count }
}

extension [Replacement] {
    /// How many bytes more the tool's own output has than the text (or fewer: then it is negative).
    var surplus: Int { reduce(0) { $0 + $1.originalCount - $1.count } }
}

/// Text with the places in it that were replaced, in order.
struct ReplacedText: Sendable, Equatable {
    var bytes: [UInt8] = []
    var replacements: [Replacement] = []

    /// The tool's own bytes that it stands for.
    var originalCount: Int { bytes.count + replacements.surplus }

    /// Appends what stands for something else.
    mutating func append(_ bytes: [UInt8], for originalCount: Int) {
        replacements.append(
            Replacement(offset: self.bytes.count, count: bytes.count, originalCount: originalCount))
        self.bytes += bytes
    }

    mutating func append(_ other: ReplacedText) { append(other, 0..<other.bytes.count) }

    /// Appends a part of another text. Of a replacement that is cut, the part with its first byte stands for all of it, so
    /// that the parts of a text stand for as many bytes as the whole.
    mutating func append(_ other: ReplacedText, _ range: Range<Int>) {
        let shift = bytes.count - range.lowerBound
        for replacement in other.replacements where replacement.end > range.lowerBound {
            guard replacement.offset < range.upperBound else { break }
            let begin = max(replacement.offset, range.lowerBound)
            let end = min(replacement.end, range.upperBound)
            replacements.append(
                Replacement(
                    offset: begin + shift, count: end - begin,
                    originalCount: begin == replacement.offset ? replacement.originalCount : 0))
        }
        bytes += other.bytes[range]
    }

    func part(_ range: Range<Int>) -> ReplacedText {
        var part = ReplacedText()
        part.append(self, range)
        return part
    }
}
